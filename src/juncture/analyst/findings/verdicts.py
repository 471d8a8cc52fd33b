"""What can be said of each juncture, once all are known: q-values, ranks and the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW, JunctureResult
from juncture.analyst.findings.model import JunctureFinding, Stratum, Verdict
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.multiplicity import benjamini_hochberg
from juncture.analyst.statistics.ranking import SMALLEST_FIELD, rank_junctures

#: A bias that could stand behind the ratio unseen, as declared: an effect must be larger than this.
BIAS_FACTOR = 1.2
FALSE_DISCOVERIES = 0.05
LEAST_PEOPLE = 5


def judge(results: Sequence[JunctureResult]) -> tuple[JunctureFinding, ...]:
    """Findings by juncture in the order given, each with its rows all, women, men.

    The ``all`` rows are one family of tests. A row of women or men has no q-value and so no verdict stronger than
    ``uncertain``: what holds of one sex is claimed from the interaction alone. Ranks need six junctures that are not
    too small.
    """
    q_values = benjamini_hochberg(
        [r.findings[Stratum.ALL].ratio.p_value if big_enough(r.findings[Stratum.ALL]) else np.nan for r in results]
    ).q_values
    judged = []
    for result, q_value in zip(results, q_values.tolist(), strict=True):
        for stratum, finding in result.findings.items():
            known = replace(finding, q_value=q_value) if stratum is Stratum.ALL else finding
            judged.append(replace(known, verdict=verdict(known)))
    return _ranked(judged, results)


def big_enough(finding: JunctureFinding) -> bool:
    """At least 20 informative persons, and 5 people with a missed and 5 with a met opening."""
    counts = finding.counts
    return (
        counts.people_informative >= SMALLEST_INFORMATIVE
        and counts.people_missed >= LEAST_PEOPLE
        and counts.people_met >= LEAST_PEOPLE
    )


def verdict(finding: JunctureFinding) -> Verdict:
    """The verdict on a finding whose q-value is known."""
    if not has_enough(finding):
        return Verdict.TOO_SMALL
    placebo = finding.placebo
    # A placebo without an interval is not silent: nobody has listened.
    if not (finding.q_value <= FALSE_DISCOVERIES and placebo.low <= 1 <= placebo.high):
        return Verdict.UNCERTAIN
    if finding.ratio.low > BIAS_FACTOR:
        return Verdict.SUPPORTED
    return Verdict.HARMFUL if finding.ratio.high < 1 / BIAS_FACTOR else Verdict.UNCERTAIN


def has_enough(finding: JunctureFinding) -> bool:
    """Whether the finding is not too small; where the window is too long for an effect, people alone decide."""
    if finding.response_within_days > LONGEST_EFFECT_WINDOW:
        return min(finding.counts.people_missed, finding.counts.people_met) >= LEAST_PEOPLE
    return big_enough(finding)


def _ranked(judged: Sequence[JunctureFinding], results: Sequence[JunctureResult]) -> tuple[JunctureFinding, ...]:
    field = [
        (finding.juncture, result)
        for finding, result in zip((f for f in judged if f.stratum is Stratum.ALL), results, strict=True)
        if finding.verdict is not Verdict.TOO_SMALL and math.isfinite(finding.avoidable.value)
    ]
    if len(field) < SMALLEST_FIELD:
        return tuple(judged)
    ranking = rank_junctures(
        [result.findings[Stratum.ALL].avoidable.value for _, result in field],
        np.stack([result.avoided[Stratum.ALL].drawn for _, result in field], axis=1),
    )
    place = {name: i for i, (name, _) in enumerate(field)}
    return tuple(
        replace(f, rank=int(ranking.rank[place[f.juncture]]), prob_top3=float(ranking.top[place[f.juncture]]))
        if f.stratum is Stratum.ALL and f.juncture in place
        else f
        for f in judged
    )
