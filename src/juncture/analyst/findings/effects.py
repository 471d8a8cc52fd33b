"""One juncture under every matching: counts, missed share, ratio within persons, placebo and avoidable crises.

A person-stratified likelihood is a sum over persons, so one prepared model serves all strata and all resamples: a
stratum is a weight of 0 on everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Juncture
from juncture.analyst.findings.avoidable import Avoided, Chances, Resamples, avoided_crises, models_of
from juncture.analyst.findings.linkage import Linkage, Links
from juncture.analyst.findings.matchings import Combined, Matchings, combine, in_stratum
from juncture.analyst.findings.model import NAN, Counts, Estimate, JunctureFinding, Stratum
from juncture.analyst.findings.openings import PLACEBO_DAYS
from juncture.analyst.findings.shares import missed_shares, with_ratio
from juncture.analyst.findings.table import OpeningTable
from juncture.analyst.statistics.arrays import Booleans, Vector
from juncture.analyst.statistics.avoidable import AvoidableModel
from juncture.analyst.statistics.landmark import Contrast, LandmarkEffect, adjusted_effect, landmark_effect

#: A longer wait for the response is a process that is measured, not an effect that is estimated.
LONGEST_EFFECT_WINDOW = 14
HOURS_A_YEAR = 24 * 365.25


@dataclass(frozen=True)
class JunctureResult:
    """Findings of one juncture by stratum; log hazard ratios for the interaction; log missed shares, corrected for
    missed links, and the least they may be; avoidable crises, nothing where the window is too long for an effect."""

    findings: dict[Stratum, JunctureFinding]
    log_ratios: dict[Stratum, Combined]
    log_shares: dict[Stratum, Combined]
    least_log_shares: dict[Stratum, Combined]
    avoided: dict[Stratum, Avoided]


def study_juncture(
    name: str,
    juncture: Juncture,
    table: OpeningTable,
    chances: Chances,
    links: Links,
    linkage: Linkage,
    matchings: Matchings,
    years: Vector,
    multiplicity: Vector,
) -> JunctureResult:
    """Everything about one juncture but what needs the other junctures (q, rank, verdict, attribution).

    ``years`` (timelines): observed follow-up; ``multiplicity`` (b, people): resamples of persons, of which draw m
    serves numbers m, m + M, ...
    """
    masks = [table.under(matching) for matching in matchings.distinct]
    models = models_of(table, masks, chances)
    counts = _counts(table, masks, models, matchings)
    horizon = float(juncture.outcome.horizon_days)
    window = 0.0 if juncture.response.same_episode else float(juncture.response.within_days)
    has_effect = window <= LONGEST_EFFECT_WINDOW
    resamples = Resamples.of(multiplicity, matchings)
    avoided: dict[Stratum, Avoided] = {}
    findings, log_ratios, log_shares, least = {}, {}, {}, {}
    for stratum in Stratum:
        mine = in_stratum(matchings.group[table.person], stratum)
        parts = [mask & mine for mask in masks]
        evaluable = [part & (table.fate == 0) for part in parts]
        shares = missed_shares(table, parts, matchings, window, links, stratum, linkage)
        log_shares[stratum], least[stratum] = shares.log, shares.log_least
        effects = _effects(table, evaluable, horizon, has_effect)
        placebos = _placebos(table, evaluable, has_effect)
        log_ratios[stratum] = _within([e.within if e else None for e in effects], matchings)
        people = counts[stratum]
        ratio = log_ratios[stratum].exponential()
        finding = JunctureFinding(
            juncture=name,
            stratum=stratum,
            counts=people,
            response_within_days=int(window),
            outcome="crisis" if juncture.outcome.kinds == "crisis" else " ".join(juncture.outcome.kinds),
            horizon_days=juncture.outcome.horizon_days,
            missed_share=shares.corrected,
            preempted_share=shares.preempted,
            ratio=ratio,
            placebo=_within(placebos, matchings).exponential(),
            crude_ratio=_mean_ratio([e.crude.log_ratio if e else NAN for e in effects], matchings),
            risk_ratio=_mean_ratio([e.marginal.log_ratio if e else NAN for e in effects], matchings),
            avoidable=Estimate(),
            ceiling=NAN,
            linkage_share=log_ratios[stratum].linkage_share,
            largest_share=largest_share(
                [np.bincount(table.person[e], minlength=matchings.group.size).astype(np.float64) for e in evaluable],
                matchings,
            ),
            links=with_ratio(shares.links, ratio.value, people),
        )
        if has_effect:
            avoided[stratum] = avoided_crises(
                stratum, table, masks, models, chances, matchings, years, resamples, window=window, horizon=horizon
            )
            finding = avoided[stratum].told_of(finding, matchings)
        findings[stratum] = finding
    return JunctureResult(findings, log_ratios, log_shares, least, avoided)


def largest_share(by_person: Sequence[Vector], matchings: Matchings) -> float:
    """The largest share of the events that one person has, from events by person in each distinct matching."""
    if not by_person:
        return NAN
    mean = matchings.weights @ np.stack(by_person)
    return float(mean.max() / mean.sum()) if mean.size and mean.sum() > 0 else NAN


def _counts(
    table: OpeningTable, masks: Sequence[Booleans], models: Sequence[AvoidableModel], matchings: Matchings
) -> dict[Stratum, Counts]:
    """Counts of women, men and the others, rounded means over the draws; ``all`` is their sum."""
    group = matchings.group
    by_matching = np.zeros((len(masks), 3, 12))
    for u, (mask, model) in enumerate(zip(masks, models, strict=True)):
        good = mask & (table.fate == 0)
        missed, met = good & table.missed, good & ~table.missed
        for column, rows in enumerate((good, missed, good & table.crisis)):
            by_matching[u, :, column] = np.bincount(group[table.person[rows]], minlength=3)
        by_matching[u, :, 4] = np.bincount(group[model.informative], minlength=3)
        for column, rows in ((3, good), (5, missed), (6, met), (7, mask), (11, mask & (table.fate != 0))):
            by_matching[u, :, column] = np.bincount(group[np.unique(table.person[rows])], minlength=3)
        for fate in (1, 2, 3):
            by_matching[u, :, 7 + fate] = np.bincount(group[table.person[mask & (table.fate == fate)]], minlength=3)
    mean = np.tensordot(matchings.weights, by_matching, axes=1) if len(masks) else np.zeros((3, 12))
    rounded = np.floor(mean + 0.5).astype(int)
    return {
        Stratum.ALL: Counts(*rounded.sum(axis=0).tolist()),
        Stratum.WOMEN: Counts(*rounded[0].tolist()),
        Stratum.MEN: Counts(*rounded[1].tolist()),
    }


def _effects(
    table: OpeningTable, parts: Sequence[Booleans], horizon: float, wanted: bool
) -> list[LandmarkEffect | None]:
    return [
        landmark_effect(table.person[part], table.missed[part], table.days[part], table.crisis[part], horizon=horizon)
        if wanted and part.any()
        else None
        for part in parts
    ]


def _placebos(table: OpeningTable, parts: Sequence[Booleans], wanted: bool) -> list[Contrast | None]:
    """The comparison within persons of crises before the opening, of openings that are not a person's first.

    Of a person's few openings, one after a missed one is rather a met one, and a true effect of the missed one brought
    it on sooner: the comparison would find fewer crises before missed openings where nothing is wrong. So what became
    of the opening before is held equal.
    """
    found: list[Contrast | None] = []
    for part in parts:
        rows = part & np.isfinite(table.earlier_missed)
        if not (wanted and rows.any()):
            found.append(None)
            continue
        found.append(
            adjusted_effect(
                table.person[rows],
                table.missed[rows],
                table.before_days[rows],
                table.before_crisis[rows],
                table.earlier_missed[rows, None],
                horizon=PLACEBO_DAYS,
            )
        )
    return found


def _within(contrasts: Sequence[Contrast | None], matchings: Matchings) -> Combined:
    return combine(
        matchings.over_draws([c.log_ratio if c else NAN for c in contrasts]),
        matchings.over_draws([c.standard_error if c else NAN for c in contrasts]),
        matchings.over_draws([float(c.degrees_of_freedom) if c else NAN for c in contrasts]),
    )


def _mean_ratio(log_ratios: Sequence[float], matchings: Matchings) -> float:
    values = matchings.over_draws(log_ratios)
    return float(np.exp(combine(values, np.full(values.size, np.nan), values).value))
