"""What stood last before an event, against what stood last before other times of the same person.

Each event (a *case*) is compared with its *referents*: the same hour of the same weekday one, two and three weeks
before, as far as the person was at risk then. That is the case-crossover design (Maclure 1991, American Journal of
Epidemiology 133:144-153) matched by hour and weekday as in Levy et al. (2001, Epidemiology 12:186-192). Those authors
and Janes, Sheppard & Lumley (2005, Epidemiology 16:717-726) take referents from after the case as well; that needs an
exposure that the event cannot change. Here the event *makes* what stands last a week later, so referents lie before
the case only. What stands last must then be equally likely at any time at risk if it had nothing to do with the event,
which holds where the person's rates do not drift within three weeks.

The odds ratio is that of conditional logistic regression with one stratum a case, which is Cox's partial likelihood
with one event a stratum; a time that is a referent of one case may be another case or its referent, so the variance is
summed by person, corrected after Mancl & DeRouen (2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Integers, codes, flags
from juncture.analyst.statistics.cox import cox_regression

WEEK_HOURS = 168
REFERENTS = 3


@dataclass(frozen=True, eq=False)
class MatchedTimes:
    """Cases with their referents (m): ``at`` in hours, ``case``: number of the case that a time belongs to, ``is_case``
    where it is the case itself."""

    at: Integers
    case: Integers
    is_case: Booleans


def matched_times(
    events: npt.ArrayLike, spans: npt.ArrayLike, busy: npt.ArrayLike, *, first: int, referents: int = REFERENTS
) -> MatchedTimes:
    """The events (n, hours) of one person with their referents; events without a referent are left out.

    A time is at risk in a span ``(from, until]`` of ``spans`` (k, 2), not strictly inside one of ``busy`` (j, 2), in
    which no new event can begin, and not before ``first``.
    """
    event = np.asarray(events, dtype=np.int64).reshape(-1)
    at = event[:, None] - WEEK_HOURS * np.arange(referents + 1)
    open_spans, closed = (np.asarray(pairs, dtype=np.int64).reshape(-1, 2) for pairs in (spans, busy))
    inside = (at[..., None] > open_spans[:, 0]) & (at[..., None] <= open_spans[:, 1])
    taken = (at[..., None] > closed[:, 0]) & (at[..., None] < closed[:, 1])
    usable = inside.any(axis=-1) & ~taken.any(axis=-1) & (at >= first)
    usable &= usable[:, :1] & usable[:, 1:].any(axis=1, keepdims=True)
    kept = usable.any(axis=1)
    number = np.cumsum(kept) - 1
    row, column = np.nonzero(usable)
    return MatchedTimes(at[row, column], number[row].astype(np.int64), column == 0)


def last_before(
    start: npt.ArrayLike, last: npt.ArrayLike, code: npt.ArrayLike, at: npt.ArrayLike, *, size: int
) -> tuple[Integers, Booleans]:
    """What stands last before each time ``at`` (m): its moment in hours (m; -1 where nothing does) and which codes
    (m, size) it has; several where several have the same moment.

    A contact (n) stands before a time if its ``start`` does; its moment is its ``last`` hour, or the time itself where
    it still goes on then. ``code``: 0..size-1. What is over before hour 0 counts as nothing.
    """
    begin, end, what, when = (np.asarray(a, dtype=np.int64).reshape(-1) for a in (start, last, code, at))
    moment = np.where(begin < when[:, None], np.minimum(end, when[:, None]), -1)
    latest = moment.max(axis=1, initial=-1)
    present = np.zeros((when.size, size), dtype=np.bool_)
    row, contact = np.nonzero((moment == latest[:, None]) & (latest[:, None] >= 0))
    present[row, what[contact]] = True
    return latest, present


@dataclass(frozen=True)
class MatchedOdds:
    """Log odds ratio of an exposure at cases against their referents; its corrected error by person. NaN where no
    finite ratio fits. ``informative_persons`` have a case at which the exposure differs from that of a referent."""

    log_ratio: float
    standard_error: float
    informative_persons: int

    @property
    def degrees_of_freedom(self) -> int:
        """Informative persons less one."""
        return max(self.informative_persons - 1, 0)


def matched_odds(
    person: npt.ArrayLike, case: npt.ArrayLike, is_case: npt.ArrayLike, exposed: npt.ArrayLike
) -> MatchedOdds:
    """Conditional logistic regression of one exposure (m, 0 or 1); ``case`` (m): labels of the matched sets, each with
    one case. Raises ``UsageError`` on arrays that do not fit together."""
    event = flags("is_case", is_case)
    who, sets = np.asarray(person), codes("case", case, event.size)[0]
    has = flags("exposed", exposed, event.size)
    # Sets that are all exposed or all unexposed cancel out of the likelihood; leaving them out is faster.
    share = np.bincount(sets, has) / np.maximum(np.bincount(sets), 1)
    telling = ((share > 0) & (share < 1))[sets]
    if not telling.any():
        return MatchedOdds(float("nan"), float("nan"), 0)
    begin = np.zeros(int(telling.sum()))
    fit = cox_regression(
        begin, begin + 1, event[telling], has[telling].astype(np.float64), person=who[telling], strata=sets[telling]
    )
    return MatchedOdds(float(fit.coefficients[0]), float(fit.standard_errors[0]), fit.informative_persons)
