"""Two other designs for the effect of a juncture, beside the landmark, so that a reader sees what the design decides.

``time_dependent_effect`` needs no landmark: every opening counts from its first moment, not yet answered until the
response comes (a time-dependent covariate, Cox 1972, JRSS B 34:187-220; against "immortal" time before a response,
Suissa 2008, American Journal of Epidemiology 167:492-499). ``recurrent_effect`` keeps the landmark and counts every
crisis until the horizon, not the first alone (Andersen & Gill 1982, Annals of Statistics 10:1100-1120). Both compare
each person with nobody but themselves, with Efron's ties and the variance by person of the primary contrast.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import codes, flags, numbers
from juncture.analyst.statistics.counting import counting_rows
from juncture.analyst.statistics.cox import cox_regression
from juncture.analyst.statistics.landmark import Contrast, contrast_of_fit
from juncture.base.errors import UsageError


def time_dependent_effect(
    person: npt.ArrayLike, answered: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike
) -> Contrast:
    """Hazard of a crisis while an opening is not yet answered, over that after the answer; one entry an opening (n).

    ``person``: labels; ``answered``: when the response came, ``inf`` where none did; ``time``: to the first crisis or
    the end of observation; ``event``: 1 where ``time`` ends in a crisis, which comes before a response of the same
    moment. Both times run from the opening, in one unit. Openings that end as they begin teach nothing. Raises
    ``UsageError`` on negative times.
    """
    until = numbers("time", time)
    who, _ = codes("person", person, until.size)
    crisis = flags("event", event, until.size)
    response = np.asarray(answered, dtype=np.float64)
    if response.shape != until.shape or np.isnan(response).any() or (response < 0).any() or (until < 0).any():
        raise UsageError("answered and time must have an entry for each opening, and none may be negative.")
    waited = np.minimum(response, until)
    before, after = waited > 0, response < until
    begin = np.concatenate((np.zeros(int(before.sum())), waited[after]))
    end = np.concatenate((waited[before], until[after]))
    happened = np.concatenate(((crisis & ~after)[before], crisis[after]))
    unanswered = np.concatenate((np.ones(int(before.sum())), np.zeros(int(after.sum()))))
    rows = np.concatenate((who[before], who[after]))
    return contrast_of_fit(cox_regression(begin, end, happened, unanswered, person=rows, strata=rows))


def recurrent_effect(
    person: npt.ArrayLike,
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event_opening: npt.ArrayLike,
    event_time: npt.ArrayLike,
) -> Contrast:
    """Intensity of crises after missed over met openings; one entry an evaluable opening (n).

    ``time``: from the landmark to the end of observation or the horizon, above 0; ``event_opening`` (m): the place of
    the opening after which each crisis came, ``event_time`` (m): when, from its landmark. Crises outside of the time of
    their opening do not count. Raises ``UsageError`` where a time is not above 0.
    """
    until = numbers("time", time)
    who, _ = codes("person", person, until.size)
    absent = flags("missed", missed, until.size)
    rows = counting_rows(np.arange(until.size), np.zeros(until.size), until, event_opening, event_time)
    strata = who[rows.person]
    fit = cox_regression(
        rows.start, rows.stop, rows.events > 0, absent[rows.person].astype(np.float64), person=strata, strata=strata
    )
    return contrast_of_fit(fit)
