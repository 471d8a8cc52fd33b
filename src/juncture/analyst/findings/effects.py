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
        log_ratios[stratum] = matchings.combined([e.within if e else None for e in effects])
        # The row tells how many were missed as well.
        told = evaluable, [part & table.missed for part in evaluable]
        shares_of_one = [table.largest_share(openings, matchings) for openings in told]
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
            placebo=matchings.combined(placebos).exponential(),
            crude_ratio=_mean_ratio([e.crude.log_ratio if e else NAN for e in effects], matchings),
            risk_ratio=_mean_ratio([e.marginal.log_ratio if e else NAN for e in effects], matchings),
            avoidable=Estimate(),
            ceiling=NAN,
            linkage_share=log_ratios[stratum].linkage_share,
            largest_share=float(np.fmax.reduce(shares_of_one)),
            links=with_ratio(shares.links, ratio.value, people),
        )
        if has_effect:
            avoided[stratum] = avoided_crises(
                stratum, table, masks, models, chances, matchings, years, resamples, window=window, horizon=horizon
            )
            finding = avoided[stratum].told_of(finding, matchings)
        findings[stratum] = finding
    return JunctureResult(findings, log_ratios, log_shares, least, avoided)


def _counts(
    table: OpeningTable, masks: Sequence[Booleans], models: Sequence[AvoidableModel], matchings: Matchings
) -> dict[Stratum, Counts]:
    """Counts of women, men and the others, rounded means over the draws; ``all`` is their sum."""
    by_matching = np.zeros((len(masks), 3, 13))
    for u, (mask, model) in enumerate(zip(masks, models, strict=True)):
        good = mask & (table.fate == 0)
        missed, met, after = good & table.missed, good & ~table.missed, good & table.missed & table.crisis
        for column, rows in enumerate((good, missed, good & table.crisis)):
            by_matching[u, :, column] = table.by_sex(rows, matchings)[0]
        by_matching[u, :, 4] = np.bincount(matchings.group[model.informative], minlength=3)
        for column, rows in ((3, good), (5, missed), (6, met), (7, mask), (11, mask & (table.fate != 0)), (12, after)):
            by_matching[u, :, column] = table.by_sex(rows, matchings)[1]
        for fate in (1, 2, 3):
            by_matching[u, :, 7 + fate] = table.by_sex(mask & (table.fate == fate), matchings)[0]
    rounded = matchings.rounded(by_matching)
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


def _mean_ratio(log_ratios: Sequence[float], matchings: Matchings) -> float:
    values = matchings.over_draws(log_ratios)
    return float(np.exp(combine(values, np.full(values.size, np.nan), values).value))
