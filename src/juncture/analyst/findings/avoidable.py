"""Avoidable crises of one juncture under every matching: ceiling, bounds and model; lead time; missed links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from juncture.agreement.model import Juncture
from juncture.analyst.findings.matchings import Matchings, combine
from juncture.analyst.findings.model import NAN, Estimate, JunctureFinding, Stratum
from juncture.analyst.findings.table import OpeningTable, Row
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.attribution import CrisesAvoided
from juncture.analyst.statistics.avoidable import AvoidableFit, AvoidableModel, avoidable_bounds, avoidable_model
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.lead import median_times
from juncture.analyst.statistics.misclassification import corrected_ratio
from juncture.analyst.study.model import HOURS_A_DAY

#: An interval needs this share of resamples to have a finite ratio.
SMALLEST_SHARE_OF_DRAWS = 0.9
#: More hours than any follow-up has, so that a timeline and an hour are one number.
HOURS = 2**22


@dataclass(frozen=True, eq=False)
class Chances:
    """When and how openings (n) of a juncture might have been met, and where sight of them ended.

    ``end`` (n): whole numbers, the same where the same crisis, or the same end of observation, ended two openings, of
    whatever juncture. ``first``, ``last`` (n): hours from and until which a response would have met it.
    """

    end: Integers
    first: Vector
    last: Vector

    @classmethod
    def of(cls, juncture: Juncture, openings: Sequence[Row]) -> Chances:
        """``openings``: place of the timeline, person and opening."""
        in_episode = juncture.response.same_episode
        window = 0 if in_episode else juncture.response.within_days * HOURS_A_DAY
        ends = [t * HOURS + o.at_h + window + round(o.days * HOURS_A_DAY) for t, _, o in openings]
        first = [o.at_h if in_episode else o.answer_first_h for _, _, o in openings]
        last = [o.at_h if in_episode else o.answer_last_h for _, _, o in openings]
        return cls(np.array(ends, dtype=np.int64), np.array(first, dtype=np.float64), np.array(last, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Avoided:
    """Avoidable crises a year of one juncture in one stratum.

    ``value`` and ``drawn`` (b): by the model, and in each resample; ``ceiling``, ``bound_low``, ``bound_high``.
    ``lead`` and ``lead_drawn`` (b): median days from t to the crisis; ``followed``: people with a crisis after a missed
    opening.
    ``served`` (b): the distinct matching that each resample took; ``by_matching`` (u): what falls to each crisis, first
    of the whole sample, then of the resamples that the matching served; None where there is nothing. ``fits`` (u):
    fit of the whole sample and what makes a year of it.
    """

    value: float
    drawn: Vector
    ceiling: float
    bound_low: float
    bound_high: float
    lead: float
    lead_drawn: Vector
    followed: int
    served: Integers
    by_matching: tuple[CrisesAvoided | None, ...]
    fits: tuple[tuple[AvoidableFit, float] | None, ...]

    def told_of(self, finding: JunctureFinding, matchings: Matchings) -> JunctureFinding:
        """``finding`` with these figures."""
        low, high = self._under_links(finding, matchings)
        return replace(
            finding,
            avoidable=with_interval(self.value, self.drawn, finding.counts.people_informative),
            ceiling=self.ceiling,
            bound_low=self.bound_low,
            bound_high=self.bound_high,
            lead=_with_quantiles(self.lead, self.lead_drawn, self.followed),
            avoidable_link_low=low,
            avoidable_link_high=high,
        )

    def _under_links(self, finding: JunctureFinding, matchings: Matchings) -> tuple[float, float]:
        """The least and the most over the range of q; NaN where the ratio has no such range.

        A lost response makes a met opening look missed: fewer are truly missed than it seems, and if losses are spread
        over a person's openings the ratio is higher than it seems, else it is the one seen. The figure seen is in the
        range, as the ratio seen is in its own.
        """
        links, counts, ratio = finding.links, finding.counts, finding.ratio.value
        if not np.isfinite([self.value, links.ratio_low, links.ratio_high]).all():
            return NAN, NAN
        missed = counts.openings_missed / counts.openings
        ends = [self.value]
        for q in (links.q, links.q_low, links.q_high):
            truly = 1 - (1 - missed - links.by_chance) / q
            # A stranger's file answered openings that were missed, so that hazards after met ones seem higher.
            mixed = links.by_chance * truly / (1 - missed)
            true_ratio = corrected_ratio(ratio, missed, q, by_chance=links.by_chance)
            ends.append(self._elsewhere(matchings, openings=truly / missed))
            ends.append(
                self._elsewhere(
                    matchings,
                    ratio=true_ratio / ratio,
                    openings=truly / missed,
                    met_hazard=1 / (1 - mixed + mixed * true_ratio),
                )
            )
        return min(ends), max(ends)

    def _elsewhere(
        self, matchings: Matchings, *, openings: float, ratio: float = 1.0, met_hazard: float = 1.0
    ) -> float:
        """Avoidable crises, with so many times the missed openings, the ratio and the hazard after met ones."""
        values = []
        for known in self.fits:
            if known is None:
                values.append(NAN)
                continue
            fit, a_year = known
            other = fit.differently(ratio=ratio, openings=openings, met_hazard=met_hazard)
            values.append(float(other[0]) * a_year)
        return mean_of(values, matchings)


def models_of(table: OpeningTable, masks: Sequence[Booleans], chances: Chances) -> list[AvoidableModel]:
    """The prepared evaluable openings of each distinct matching (u)."""
    # Openings are already censored at the horizon.
    return [
        avoidable_model(
            *(column[good] for column in (table.person, table.missed, table.days, table.crisis)),
            horizon=np.inf,
            crisis=chances.end[good],
        )
        for good in (mask & (table.fate == 0) for mask in masks)
    ]


@dataclass(frozen=True, eq=False)
class Resamples:
    """Resamples of persons, ``multiplicity`` (b, people), and the distinct matching that each is ``served`` (b)."""

    multiplicity: Vector
    served: Integers

    @classmethod
    def of(cls, multiplicity: Vector, matchings: Matchings) -> Resamples:
        """Dealt out over the draws of the matching in turn."""
        turn = np.arange(len(multiplicity)) % max(matchings.of_draw.size, 1)
        return cls(multiplicity, matchings.of_draw[turn])


def avoided_crises(
    stratum: Stratum,
    table: OpeningTable,
    masks: Sequence[Booleans],
    models: Sequence[AvoidableModel],
    chances: Chances,
    matchings: Matchings,
    years: Vector,
    resamples: Resamples,
    *,
    window: float,
    horizon: float,
) -> Avoided:
    """``masks``, ``models`` (u): openings and models of each distinct matching; ``years`` (timelines): observed."""
    member = matchings.members(stratum)
    point, ceiling, low, high, lead, followed = np.full((6, len(masks)), np.nan)
    drawn, lead_drawn = np.full((2, resamples.served.size), np.nan)
    crises: list[CrisesAvoided | None] = [None] * len(masks)
    fits: list[tuple[AvoidableFit, float] | None] = [None] * len(masks)
    for u, (mask, model) in enumerate(zip(masks, models, strict=True)):
        studied = np.flatnonzero((matchings.distinct[u] >= 0) & member)
        good = np.flatnonzero(mask & (table.fate == 0))
        mine = good[member[table.person[good]]]
        if not mine.size:
            continue
        # A year of the whole stratum: the total over its mean observed follow-up.
        a_year = 1 / float(years[matchings.distinct[u][studied]].mean())
        bounds = avoidable_bounds(
            table.missed[mine], table.days[mine], table.crisis[mine], horizon=horizon, end=chances.end[mine]
        )
        ceiling[u], low[u], high[u] = (n * a_year for n in (bounds.ceiling, bounds.low, bounds.high))
        own = model.of(member[model.persons])
        rows = np.flatnonzero(resamples.served == u)
        once, weight = np.ones((1, own.persons.size)), resamples.multiplicity[rows][:, own.persons]
        whole = own.refit(once)
        again = own.refit(weight, near=whole)
        point[u], drawn[rows] = whole.avoided[0] * a_year, again.avoided * a_year
        medians = median_times(own.exposed_missed, own.crises_missed, own.times, np.concatenate((once, weight)))
        lead[u], lead_drawn[rows] = medians[0] + window, medians[1:] + window
        followed[u] = own.crises_missed.any(axis=1).sum()
        fits[u] = (whole, a_year)
        at = good[own.crisis_rows]
        crises[u] = CrisesAvoided(
            crisis=chances.end[at],
            avoided=np.concatenate((whole.by_crisis, again.by_crisis)) * a_year,
            chance=np.concatenate((whole.probability, again.probability)),
            first=chances.first[at],
            last=chances.last[at],
        )
    people = mean_of(followed.tolist(), matchings)
    return Avoided(
        value=mean_of(point.tolist(), matchings),
        drawn=drawn,
        ceiling=mean_of(ceiling.tolist(), matchings),
        bound_low=mean_of(low.tolist(), matchings),
        bound_high=mean_of(high.tolist(), matchings),
        lead=mean_of(lead.tolist(), matchings),
        lead_drawn=lead_drawn,
        followed=int(people + 0.5) if np.isfinite(people) else 0,
        served=resamples.served,
        by_matching=tuple(crises),
        fits=tuple(fits),
    )


def with_interval(value: float, drawn: Vector, informative: int) -> Estimate:
    """A value with an interval from its resamples of persons: t with as many degrees as there are ``informative``
    persons less one, times the spread of the resamples, which is too small by the root of (n - 1) / n (Hesterberg 2015,
    The American Statistician 69:371-386). None where :func:`_usable` has none."""
    usable = _usable(value, drawn, informative)
    if usable is None:
        return Estimate(value)
    reach = stats.t.ppf(0.975, informative - 1) * np.sqrt(informative / (informative - 1)) * usable.std()
    return Estimate(value, value - float(reach), value + float(reach))


def _with_quantiles(value: float, drawn: Vector, informative: int) -> Estimate:
    """The same with the quantiles of the resamples, for a median, which moves in steps."""
    usable = _usable(value, drawn, informative)
    if usable is None:
        return Estimate(value)
    low, high = np.quantile(usable, [0.025, 0.975]).tolist()
    return Estimate(value, min(low, value), max(high, value))


def _usable(value: float, drawn: Vector, informative: int) -> Vector | None:
    """Resamples with an estimate, nothing where there is no interval: below 20 ``informative`` persons, or where fewer
    than nine in ten resamples have one."""
    usable = drawn[np.isfinite(drawn)]
    enough = usable.size >= max(SMALLEST_SHARE_OF_DRAWS * drawn.size, 1)
    return usable if informative >= SMALLEST_INFORMATIVE and np.isfinite(value) and enough else None


def mean_of(values: Sequence[float], matchings: Matchings) -> float:
    """Mean over the draws of a figure of each distinct matching (u)."""
    drawn = matchings.over_draws(values)
    return combine(drawn, np.full(drawn.size, np.nan), drawn).value
