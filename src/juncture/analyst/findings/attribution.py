"""Avoidable crises of junctures in the order of their ranks, each crisis avoided once.

Every juncture that is not too small takes part, the one with most avoidable crises among everybody first; women and men
keep that order. Junctures with other outcomes count other crises and stand in an order of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from juncture.agreement.model import Juncture, Response
from juncture.analyst.findings.avoidable import mean_of, with_interval
from juncture.analyst.findings.effects import JunctureResult
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import Estimate, JunctureFinding, Stratum, Verdict
from juncture.analyst.statistics.attribution import attribute_in_order


def attributed(
    findings: Sequence[JunctureFinding],
    results: Sequence[JunctureResult],
    declared: Mapping[str, Juncture],
    matchings: Matchings,
) -> tuple[JunctureFinding, ...]:
    """``findings`` with what is attributed to each; ``results`` in the order of ``declared``."""
    of = dict(zip(declared, results, strict=True))
    by_row = {(f.juncture, f.stratum): f for f in findings}
    told: dict[tuple[str, Stratum], Estimate] = {}
    ranked = sorted(
        (f for f in findings if f.stratum is Stratum.ALL and np.isfinite(f.avoidable.value)),
        key=lambda f: -f.avoidable.value,
    )
    for outcome in dict.fromkeys(f.outcome for f in ranked):
        order = [f.juncture for f in ranked if f.outcome == outcome]
        for stratum in Stratum:
            names = [n for n in order if _takes_part(by_row[n, stratum])]
            alike = np.array([[may_be_one(declared[a].response, declared[b].response) for b in names] for a in names])
            for name, value, drawn in _in_order([(n, of[n]) for n in names], alike, stratum, matchings):
                informative = by_row[name, stratum].counts.people_informative
                told[name, stratum] = with_interval(value, drawn, informative)
    return tuple(replace(f, attributed=told.get((f.juncture, f.stratum), Estimate())) for f in findings)


def may_be_one(first: Response, second: Response) -> bool:
    """Whether one contact can be the response to an opening of both junctures."""
    roles = {r.role for r in (first, second) if r.role is not None}
    return bool(set(first.kinds) & set(second.kinds)) and len(roles) < 2


def _takes_part(finding: JunctureFinding) -> bool:
    return finding.verdict is not Verdict.TOO_SMALL and bool(np.isfinite(finding.avoidable.value))


def _in_order(
    junctures: Sequence[tuple[str, JunctureResult]], alike: np.ndarray, stratum: Stratum, matchings: Matchings
) -> list[tuple[str, float, np.ndarray]]:
    """Name, value and draws (b) of each."""
    if not junctures:
        return []
    avoided = [result.avoided[stratum] for _, result in junctures]
    served = avoided[0].served
    values = np.full((len(junctures), len(matchings.distinct)), np.nan)
    drawn = np.full((len(junctures), served.size), np.nan)
    for u in range(len(matchings.distinct)):
        known = [(j, a.by_matching[u]) for j, a in enumerate(avoided)]
        present = [j for j, crises in known if crises is not None]
        crises = [c for _, c in known if c is not None]
        found = attribute_in_order(crises, alike[np.ix_(present, present)])
        for j, one in zip(present, found, strict=True):
            values[j, u] = one[0]
            drawn[j, served == u] = one[1:]
    return [(n, mean_of(values[j].tolist(), matchings), drawn[j]) for j, (n, _) in enumerate(junctures)]
