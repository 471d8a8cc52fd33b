"""One juncture under every matching: counts, missed share, ratio within persons, placebo and avoidable crises.

A person-stratified likelihood is a sum over persons, so one prepared model serves all strata and all resamples: a
stratum is a weight of 0 on everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Juncture
from juncture.analyst.findings.linkage import Linkage, Links
from juncture.analyst.findings.matchings import Combined, Matchings, combine, in_stratum
from juncture.analyst.findings.model import NAN, Counts, Estimate, JunctureFinding, Stratum
from juncture.analyst.findings.openings import PLACEBO_DAYS
from juncture.analyst.findings.shares import missed_shares, with_ratio
from juncture.analyst.findings.table import OpeningTable
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.avoidable import SMALLEST_SHARE_OF_DRAWS, avoidable_model
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE, LandmarkEffect, landmark_effect

#: A longer wait for the response is a process that is measured, not an effect that is estimated.
LONGEST_EFFECT_WINDOW = 14
HOURS_A_YEAR = 24 * 365.25


@dataclass(frozen=True)
class JunctureResult:
    """Findings of one juncture by stratum; log hazard ratios for the interaction; log missed shares, corrected for
    missed links, and the least they may be; ``drawn`` (b): avoidable crises a year in the resamples, of ``all``."""

    findings: dict[Stratum, JunctureFinding]
    log_ratios: dict[Stratum, Combined]
    log_shares: dict[Stratum, Combined]
    least_log_shares: dict[Stratum, Combined]
    drawn: Vector


def study_juncture(
    name: str,
    juncture: Juncture,
    table: OpeningTable,
    links: Links,
    linkage: Linkage,
    matchings: Matchings,
    years: Vector,
    multiplicity: Vector,
) -> JunctureResult:
    """Everything about one juncture but what needs the other junctures (q, rank, verdict).

    ``years`` (timelines): observed follow-up; ``multiplicity`` (b, people): resamples of persons, of which draw m
    serves numbers m, m + M, ...
    """
    masks = [table.under(matching) for matching in matchings.distinct]
    counts = _counts(table, masks, matchings)
    horizon = float(juncture.outcome.horizon_days)
    window = 0.0 if juncture.response.same_episode else float(juncture.response.within_days)
    has_effect = window <= LONGEST_EFFECT_WINDOW
    avoided = _avoidable(table, masks, matchings, years, multiplicity, horizon) if has_effect else {}
    findings, log_ratios, log_shares, least = {}, {}, {}, {}
    drawn = np.full(len(multiplicity), np.nan)
    for stratum in Stratum:
        mine = in_stratum(matchings.group[table.person], stratum)
        parts = [mask & mine for mask in masks]
        evaluable = [part & (table.fate == 0) for part in parts]
        shares = missed_shares(table, parts, matchings, window, links, stratum, linkage)
        log_shares[stratum], least[stratum] = shares.log, shares.log_least
        effects = _effects(table, evaluable, table.days, table.crisis, horizon, has_effect)
        before = _effects(table, evaluable, table.before_days, table.before_crisis, PLACEBO_DAYS, has_effect)
        log_ratios[stratum] = _within(effects, matchings)
        people = counts[stratum]
        ratio = log_ratios[stratum].exponential()
        point, resampled, ceiling = avoided.get(stratum, (NAN, drawn, NAN))
        if stratum is Stratum.ALL:
            drawn = resampled
        findings[stratum] = JunctureFinding(
            juncture=name,
            stratum=stratum,
            counts=people,
            response_within_days=int(window),
            outcome="crisis" if juncture.outcome.kinds == "crisis" else " ".join(juncture.outcome.kinds),
            horizon_days=juncture.outcome.horizon_days,
            missed_share=shares.corrected,
            preempted_share=shares.preempted,
            ratio=ratio,
            placebo=_within(before, matchings).exponential(),
            crude_ratio=_mean_ratio([e.crude.log_ratio if e else NAN for e in effects], matchings),
            risk_ratio=_mean_ratio([e.marginal.log_ratio if e else NAN for e in effects], matchings),
            avoidable=_with_interval(point, resampled, people.people_informative),
            ceiling=ceiling,
            linkage_share=log_ratios[stratum].linkage_share,
            largest_share=largest_share(
                [np.bincount(table.person[e], minlength=matchings.group.size).astype(np.float64) for e in evaluable],
                matchings,
            ),
            links=with_ratio(shares.links, ratio.value, people),
        )
    return JunctureResult(findings, log_ratios, log_shares, least, drawn)


def largest_share(by_person: Sequence[Vector], matchings: Matchings) -> float:
    """The largest share of the events that one person has, from events by person in each distinct matching."""
    if not by_person:
        return NAN
    mean = matchings.weights @ np.stack(by_person)
    return float(mean.max() / mean.sum()) if mean.size and mean.sum() > 0 else NAN


def _counts(table: OpeningTable, masks: Sequence[Booleans], matchings: Matchings) -> dict[Stratum, Counts]:
    """Counts of women, men and the others, rounded means over the draws; ``all`` is their sum."""
    group = matchings.group
    by_matching = np.zeros((len(masks), 3, 11))
    for u, mask in enumerate(masks):
        good = mask & (table.fate == 0)
        missed, met = good & table.missed, good & ~table.missed
        informative = _informative(table, good, group.size)
        for column, rows in enumerate((good, missed, good & table.crisis)):
            by_matching[u, :, column] = np.bincount(group[table.person[rows]], minlength=3)
        by_matching[u, :, 4] = np.bincount(group[informative], minlength=3)
        for column, rows in ((3, good), (5, missed), (6, met), (7, mask)):
            by_matching[u, :, column] = np.bincount(group[np.unique(table.person[rows])], minlength=3)
        for fate in (1, 2, 3):
            by_matching[u, :, 7 + fate] = np.bincount(group[table.person[mask & (table.fate == fate)]], minlength=3)
    mean = np.tensordot(matchings.weights, by_matching, axes=1) if len(masks) else np.zeros((3, 11))
    rounded = np.floor(mean + 0.5).astype(int)
    return {
        Stratum.ALL: Counts(*rounded.sum(axis=0).tolist()),
        Stratum.WOMEN: Counts(*rounded[0].tolist()),
        Stratum.MEN: Counts(*rounded[1].tolist()),
    }


def _informative(table: OpeningTable, good: Booleans, people: int) -> Integers:
    """Persons with a crisis at whose time both a missed and a met opening of theirs were at risk."""
    if not good.any():
        return np.zeros(0, dtype=np.int64)
    model = avoidable_model(table.person[good], table.missed[good], table.days[good], table.crisis[good], horizon=1e9)
    return np.asarray(model.persons[model.terms.count.sum(axis=1) > 0], dtype=np.int64)


def _effects(
    table: OpeningTable, parts: Sequence[Booleans], days: Vector, crisis: Booleans, horizon: float, wanted: bool
) -> list[LandmarkEffect | None]:
    return [
        landmark_effect(table.person[part], table.missed[part], days[part], crisis[part], horizon=horizon)
        if wanted and part.any()
        else None
        for part in parts
    ]


def _within(effects: Sequence[LandmarkEffect | None], matchings: Matchings) -> Combined:
    return combine(
        matchings.over_draws([e.within.log_ratio if e else NAN for e in effects]),
        matchings.over_draws([e.within.standard_error if e else NAN for e in effects]),
        matchings.over_draws([float(e.within.degrees_of_freedom) if e else NAN for e in effects]),
    )


def _mean_ratio(log_ratios: Sequence[float], matchings: Matchings) -> float:
    values = matchings.over_draws(log_ratios)
    return float(np.exp(combine(values, np.full(values.size, np.nan), values).value))


def _avoidable(
    table: OpeningTable,
    masks: Sequence[Booleans],
    matchings: Matchings,
    years: Vector,
    multiplicity: Vector,
    horizon: float,
) -> dict[Stratum, tuple[float, Vector, float]]:
    """By stratum: avoidable crises a year, the same in each resample (b), and the ceiling a year."""
    people = matchings.group.size
    served = matchings.of_draw[np.arange(len(multiplicity)) % max(matchings.of_draw.size, 1)]
    strata = list(Stratum)
    members = np.stack([matchings.members(stratum) for stratum in strata]).astype(np.float64)
    points = np.full((len(masks), len(strata)), np.nan)
    ceilings = np.full((len(masks), len(strata)), np.nan)
    drawn = np.full((len(strata), len(multiplicity)), np.nan)
    for u, mask in enumerate(masks):
        good = mask & (table.fate == 0)
        rows = np.flatnonzero(served == u)
        if not good.any():
            continue
        person, missed = table.person[good], table.missed[good]
        until = np.minimum(table.days[good], horizon)
        model = avoidable_model(person, missed, until, table.crisis[good], horizon=horizon)
        weights = np.concatenate((np.ones((1, people)), multiplicity[rows])) * members[:, None, :]
        value = model.draws(weights.reshape(-1, people)).reshape(len(strata), 1 + rows.size)
        present = np.flatnonzero(matchings.distinct[u] >= 0)
        observed = years[matchings.distinct[u][present]]
        for s, member in enumerate(members):
            own = member[present] > 0
            if not own.any():
                continue
            # A year of the whole stratum: the total over its mean observed follow-up.
            a_year = 1 / observed[own].mean()
            points[u, s] = value[s, 0] * a_year
            drawn[s, rows] = value[s, 1:] * a_year
            ceilings[u, s] = (table.crisis[good] & missed & (member[person] > 0)).sum() * a_year
    nothing = np.full(matchings.of_draw.size, np.nan)
    found = {}
    for s, stratum in enumerate(strata):
        point = combine(matchings.over_draws(points[:, s].tolist()), nothing, nothing).value
        ceiling = combine(matchings.over_draws(ceilings[:, s].tolist()), nothing, nothing).value
        found[stratum] = (point, drawn[s], ceiling)
    return found


def _with_interval(point: float, drawn: Vector, informative: int) -> Estimate:
    usable = drawn[np.isfinite(drawn)]
    enough = usable.size >= max(SMALLEST_SHARE_OF_DRAWS * drawn.size, 1)
    if informative < SMALLEST_INFORMATIVE or not np.isfinite(point) or not enough:
        return Estimate(point)
    low, high = np.quantile(usable, [0.025, 0.975]).tolist()
    return Estimate(point, low, high)
