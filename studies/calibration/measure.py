"""The findings of each replicate beside its truth, as a plain record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from cohorts import agreement, cohort, completeness
from lives import DAYS, FEMALE, MALE, SELECTION_DAYS, STEPS_A_DAY, Lives, chunks, live
from worlds import WORLDS, World

from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.model import Estimate, Findings, JunctureFinding, Stratum

RESAMPLES, PERMUTATIONS = 200, 999
YEARS = DAYS / 365.25
#: A record of a replicate: what is told of each juncture in each stratum, and of women beside men.
Record = dict[str, object]


def replicates(name: str, people: int, numbers: Sequence[int]) -> Iterator[Record]:
    """The records of these replicates; each has its own seed (people, number of the world, replicate)."""
    world, place = WORLDS[name], list(WORLDS).index(name)
    terms = agreement(world)
    for part in chunks(world.rules, people, [(people, place, r) for r in numbers]):
        generators = [np.random.default_rng(seed) for seed in part]
        lives = live(world.rules, people, generators)
        for number, (seed, rng) in enumerate(zip(part, generators, strict=True)):
            study = cohort(lives, number, world, terms, rng)
            told = completeness(world.loss, rng)
            found = compute_findings(
                study,
                seed=seed[2],
                completeness=told,
                resamples=RESAMPLES,
                permutations=PERMUTATIONS,
                sensitivities=False,
                descriptions=False,
            )
            yield {
                "world": name,
                "people": people,
                "replicate": seed[2],
                **_rates(lives, number),
                "junctures": [
                    {**_finding(f), **_truth(lives, lives.people[number], world, f)} for f in found.junctures
                ],
                "gender": _gender(found),
                "falls": _falls(found),
            }


def _rates(lives: Lives, number: int) -> Record:
    """Crises a person-year in the follow-up, and in the selection window where there is one."""
    own, run = lives.people[number], lives.run
    mine = np.isin(run.life, own)
    after = (mine & (run.at >= lives.zero) & (run.at < lives.end)).sum() / (YEARS * own.size)
    selected = lives.zero == SELECTION_DAYS * STEPS_A_DAY
    before = (mine & (run.at < lives.zero)).sum() / (SELECTION_DAYS / 365.25 * own.size) if selected else math.nan
    return {"cohort": int(own.size), "rate": float(after), "rate_before": float(before)}


def _finding(finding: JunctureFinding) -> Record:
    counts = finding.counts
    return {
        "juncture": finding.juncture,
        "stratum": finding.stratum.value,
        "verdict": finding.verdict.value,
        "q_value": finding.q_value,
        "rank": finding.rank,
        "prob_top3": finding.prob_top3,
        "openings": counts.openings,
        "informative": counts.people_informative,
        "people_missed": counts.people_missed,
        "people_met": counts.people_met,
        "ratio": _four(finding.ratio),
        "placebo": _four(finding.placebo),
        "share": _four(finding.missed_share),
        "seen": _four(finding.links.seen),
        "avoidable": _four(finding.avoidable),
        "ratio_corrected": finding.links.ratio,
        "ratio_reach": [finding.links.ratio_low, finding.links.ratio_high],
    }


def _four(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high, estimate.p_value]


def _truth(lives: Lives, own: np.ndarray, world: World, finding: JunctureFinding) -> Record:
    """The truth of the people of a stratum; crises are those of a year."""
    sex = {Stratum.WOMEN: FEMALE, Stratum.MEN: MALE}
    mine = own if finding.stratum is Stratum.ALL else own[lives.sex[own] == sex[finding.stratum]]
    truth = lives.truth[finding.juncture]
    return {
        "missed": float(truth.missed[mine].sum()),
        "settled": float(truth.settled[mine].sum()),
        "expected": float(truth.expected[mine].sum() / YEARS),
        "paired": float(truth.paired[mine].sum() / YEARS),
        "averted": float(truth.averted[mine].sum() / YEARS),
    }


def _gender(found: Findings) -> list[list[object]]:
    return [[g.measure, *_four(g.ratio), g.q_value, g.link_low, g.link_high] for g in found.gender]


def _falls(found: Findings) -> list[list[object]]:
    """Of everybody: agency, and the falls observed, expected by the agency's counts, and by the year before."""
    return [
        [f.agency, _four(f.observed), _four(f.expected), _four(f.lagged)]
        for f in found.expected_falls
        if f.stratum is Stratum.ALL
    ]
