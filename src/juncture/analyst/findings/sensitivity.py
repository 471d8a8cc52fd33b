"""How far a juncture's ratio depends on choices that somebody else might make otherwise; rows about everybody.

Each variant changes one thing of the primary contrast and nothing else:

``crises_7_30d``, ``prior_response``, ``all_adjusted``: what came before the opening is held equal
(:mod:`findings.covariates`). ``time_dependent``: no landmark; an opening is unanswered until the response comes,
whenever that is. ``all_crises``: every crisis within the horizon, not the first. ``gap_...``: contacts make up one
episode where they are less than 6, 24 or 72 hours apart, but for the agreement's own gap. ``sccs``: the
self-controlled case series, crises after missed over crises after met openings, each against the person's other time.

A variant is no second chance: verdicts rest on the primary contrast alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from juncture.agreement.model import Juncture
from juncture.analyst.findings.case_series import CaseSeries
from juncture.analyst.findings.covariates import history, varying
from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW
from juncture.analyst.findings.linkage import Linkage, Links
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import NAN, JunctureFinding, SensitivityFinding, Stratum, Variant
from juncture.analyst.findings.shares import missed_shares
from juncture.analyst.findings.table import OpeningTable, Row, all_openings
from juncture.analyst.findings.timed import TimedOpenings
from juncture.analyst.statistics.arrays import Booleans
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE, Contrast, adjusted_effect, landmark_effect
from juncture.analyst.study.episodes import merge_episodes
from juncture.analyst.study.model import Study

GAPS = {6: Variant.GAP_6H, 24: Variant.GAP_24H, 72: Variant.GAP_72H}
TOO_FEW = f"fewer than {SMALLEST_INFORMATIVE} informative people"
Estimator = Callable[[Booleans], Contrast]


@dataclass(frozen=True)
class OtherGap:
    """The study with another ``episode_gap_hours``."""

    hours: int
    study: Study


def other_gaps(study: Study) -> tuple[OtherGap, ...]:
    """``study`` with its crises merged under each gap that the agreement does not have."""
    own = study.agreement.study.episode_gap_hours
    return tuple(OtherGap(hours, _with_gap(study, hours)) for hours in GAPS if hours != own)


def sensitivities_of(
    name: str,
    juncture: Juncture,
    rows: Sequence[Row],
    finding: JunctureFinding,
    study: Study,
    gaps: Sequence[OtherGap],
    linkage: Linkage,
    matchings: Matchings,
) -> tuple[SensitivityFinding, ...]:
    """Every variant of one juncture whose ``all`` row is ``finding`` and whose openings are ``rows``; none where the
    response's window is too long for an effect."""
    if finding.response_within_days > LONGEST_EFFECT_WINDOW:
        return ()
    openings = TimedOpenings.of(rows, juncture)
    table = openings.table
    before = history(rows, study)
    horizon = float(juncture.outcome.horizon_days)

    def adjusted(columns: slice) -> Estimator:
        def estimate(good: Booleans) -> Contrast:
            held = varying(before[:, columns], table.person, good)
            until, crisis = table.days[good], table.crisis[good]
            if not held.shape[1]:
                return landmark_effect(table.person[good], table.missed[good], until, crisis, horizon=horizon).within
            return adjusted_effect(table.person[good], table.missed[good], until, crisis, held, horizon=horizon)

        return estimate

    everything = np.ones(table.person.size, dtype=np.bool_)
    evaluable = table.fate == 0
    series = CaseSeries.of(study, juncture, openings)
    counts = finding.counts
    found = [
        SensitivityFinding(
            juncture=name,
            variant=Variant.PRIMARY,
            ratio=finding.ratio,
            openings=counts.openings,
            people=counts.people,
            people_missed=counts.people_missed,
            people_met=counts.people_met,
            people_informative=counts.people_informative,
            missed_share=finding.missed_share.value,
            largest_share=finding.largest_share,
            note="" if counts.people_informative >= SMALLEST_INFORMATIVE else TOO_FEW,
        )
    ]
    variants: list[tuple[Variant, Booleans, Estimator]] = [
        (Variant.CRISES, evaluable, adjusted(slice(0, 2))),
        (Variant.PRIOR, evaluable, adjusted(slice(2, 4))),
        (Variant.ALL_ADJUSTED, evaluable, adjusted(slice(0, 4))),
        (Variant.ALL_CRISES, evaluable, openings.every_crisis),
    ]
    if not juncture.response.same_episode:
        # A response in the episode itself leaves nothing to wait for.
        variants.append((Variant.TIME_DEPENDENT, everything, openings.until_answered))
    for variant, usable, estimate in variants:
        found.append(_combined(name, variant, table, usable, estimate, matchings))
    masks = [table.under(matching) for matching in matchings.distinct]
    contrasts = [series.ratio(m, mask) for m, mask in zip(matchings.distinct, masks, strict=True)]
    found.append(_summary(name, Variant.SCCS, table, [m & evaluable for m in masks], contrasts, matchings))
    found += [_regapped(name, juncture, gap, linkage, matchings) for gap in gaps]
    order = list(Variant)
    return tuple(sorted(found, key=lambda f: order.index(f.variant)))


def _with_gap(study: Study, hours: int) -> Study:
    rules = study.agreement.study.model_copy(update={"episode_gap_hours": hours})
    return replace(
        study,
        agreement=study.agreement.model_copy(update={"study": rules}),
        timelines=tuple(replace(t, crises=merge_episodes(t.contacts, rules.crisis, hours)) for t in study.timelines),
    )


def _regapped(
    name: str, juncture: Juncture, gap: OtherGap, linkage: Linkage, matchings: Matchings
) -> SensitivityFinding:
    rows = all_openings(juncture, gap.study)
    table, links = OpeningTable.of(rows), Links.of(juncture, rows, gap.study, linkage)
    horizon = float(juncture.outcome.horizon_days)
    window = 0.0 if juncture.response.same_episode else float(juncture.response.within_days)

    def estimate(good: Booleans) -> Contrast:
        return landmark_effect(
            table.person[good], table.missed[good], table.days[good], table.crisis[good], horizon=horizon
        ).within

    masks = [table.under(matching) for matching in matchings.distinct]
    share = missed_shares(table, masks, matchings, window, links, Stratum.ALL, linkage).corrected.value
    found = _combined(name, GAPS[gap.hours], table, table.fate == 0, estimate, matchings)
    return replace(found, missed_share=share)


def _combined(
    name: str, variant: Variant, table: OpeningTable, usable: Booleans, estimate: Estimator, matchings: Matchings
) -> SensitivityFinding:
    parts = [table.under(matching) & usable for matching in matchings.distinct]
    contrasts = [estimate(part) if part.any() else None for part in parts]
    return _summary(name, variant, table, parts, contrasts, matchings)


def _summary(
    name: str,
    variant: Variant,
    table: OpeningTable,
    parts: Sequence[Booleans],
    contrasts: Sequence[Contrast | None],
    matchings: Matchings,
) -> SensitivityFinding:
    """The contrasts of the distinct matchings as one, with the openings ``parts`` that each rests on."""
    ratio = matchings.combined(contrasts).exponential()
    # As in the juncture's own counts: rounded by sex, then added up.
    counted = np.zeros((len(parts), 4, 3))
    for counts, part in zip(counted, parts, strict=True):
        counts[0], counts[1] = table.by_sex(part, matchings)
        counts[2:] = [table.by_sex(rows, matchings)[1] for rows in (part & table.missed, part & ~table.missed)]
    openings, people, missed, met = matchings.rounded(counted).sum(axis=1).tolist()
    informative = matchings.weights @ [float(c.informative_persons) if c else 0.0 for c in contrasts]
    failures = [c.failure.value for c in contrasts if c and c.failure]
    if np.isfinite(ratio.low):
        note = ""
    else:
        note = failures[0] if failures and not np.isfinite(ratio.value) else TOO_FEW
    return SensitivityFinding(
        juncture=name,
        variant=variant,
        ratio=ratio,
        openings=openings,
        people=people,
        people_missed=missed,
        people_met=met,
        people_informative=int(informative + 0.5),
        missed_share=NAN,
        largest_share=table.largest_share(parts, matchings),
        note=note,
    )
