"""What a planned study could see, from made-up cohorts analysed as real ones are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW
from juncture.analyst.findings.verdicts import BIAS_FACTOR
from juncture.analyst.power.cohorts import draw_counts, draw_openings
from juncture.analyst.power.design import Design
from juncture.analyst.power.detect import NONE, POWER, Size, size_found
from juncture.analyst.power.estimates import Ratios, cohort_ratios
from juncture.analyst.power.shares import AuditWorth, ShareWidth, audit_worth, share_widths
from juncture.analyst.statistics.arrays import Vector
from juncture.analyst.statistics.rates import compare_rates
from juncture.base.errors import UsageError
from juncture.base.report import Progress, silent

#: Cohorts at each planted ratio: for 75 people the ratio found is then known to about 0.01.
COHORTS = 400
AUDITS = (20, 40, 80, 200)
PERSONS_A_BATCH = 15_000
#: Widths of shares vary little from cohort to cohort.
MOST_SHARES = 200
#: Planted ratios around the one expected to be found, as multiples of its logarithm.
AROUND = (0.8, 1.2)
AROUND_ALONE = (0.7, 0.9, 1.1, 1.3)
#: What an interval must reach beyond for a power of 80 %, in standard errors: 1.96 + 0.84 and a little for t.
REACH = 2.87
LARGEST_LOG_RATIO = 3.0


@dataclass(frozen=True)
class Detectable:
    """What ratio of missed over met a study sees, in ``all``, ``women`` or ``men``, or of women's over men's.

    ``informative``: mean number of informative persons (of a comparison, on the smaller side). ``told``: share of
    studies in which enough people are informative for an interval. ``seen``: the ratio whose interval lies above 1 in
    80 of 100 studies, all studies counted, and ``half`` in 50 of 100; ``if_told``: as ``seen``, were the rule of 20
    informative persons not there; ``supported``: the ratio whose whole interval lies above the declared bias factor in
    80 of 100.
    """

    stratum: str
    people: int
    informative: float
    told: float
    seen: Size
    half: Size
    if_told: Size
    supported: Size


@dataclass(frozen=True)
class Plan:
    """What a study of ``design`` could see.

    ``effects``: none where the window is longer than effects are estimated for; ``rate``: the ratio of women's to men's
    contacts a year.
    """

    design: Design
    cohorts: int
    seed: int
    effects: tuple[Detectable, ...]
    rate: Size
    shares: tuple[ShareWidth, ...]
    audits: tuple[AuditWorth, ...]


def plan_study(
    design: Design,
    *,
    cohorts: int = COHORTS,
    audits: Sequence[int] = AUDITS,
    seed: int = 1,
    progress: Progress = silent,
) -> Plan:
    """Draw ``cohorts`` cohorts at each of a few planted ratios and say what was found in 80 of 100.

    Raises ``UsageError`` unless there are 50 cohorts or more and audits check something.
    """
    if cohorts < 50:
        raise UsageError("Fewer than 50 made-up cohorts say nothing about 80 of 100.")
    if any(checked < 1 for checked in audits):
        raise UsageError("An audit checks one link or more.")
    rng = np.random.default_rng(seed)
    draws = _Draws(design, cohorts, rng)
    effects = _effects(design, draws, progress) if design.window <= LONGEST_EFFECT_WINDOW else ()
    progress("Comparing rates", 0, 0)
    rate = _rate(design, cohorts, rng)
    progress("Auditing links", 0, 0)
    fewer = min(cohorts, MOST_SHARES)
    openings = draw_openings(design, fewer, 1.0, rng)
    return Plan(
        design=design,
        cohorts=cohorts,
        seed=seed,
        effects=effects,
        rate=rate,
        shares=share_widths(openings, design, fewer),
        audits=audit_worth(openings, design, fewer, sorted(set(audits)), rng),
    )


@dataclass(frozen=True)
class _Draws:
    design: Design
    cohorts: int
    rng: np.random.Generator

    def ratios(self, log_ratio: float) -> dict[str, Ratios]:
        """Estimates of cohorts with this planted ratio, in batches that fit the memory."""
        size = max(1, PERSONS_A_BATCH // self.design.people)
        parts = []
        for begin in range(0, self.cohorts, size):
            some = min(size, self.cohorts - begin)
            openings = draw_openings(self.design, some, float(np.exp(log_ratio)), self.rng)
            parts.append(cohort_ratios(openings, self.design, some))
        return {name: Ratios.joined([part[name] for part in parts]) for name in parts[0]}


def _strata(design: Design) -> dict[str, int]:
    """Groups that have anybody, with their size."""
    sizes = {"all": design.people, "women": design.women, "men": design.men}
    return {name: size for name, size in sizes.items() if size}


def _effects(design: Design, draws: _Draws, progress: Progress) -> tuple[Detectable, ...]:
    progress("Drawing cohorts without an effect", 0, 0)
    flat = draws.ratios(0.0)
    errors = {name: _middle(flat[name].standard_error) for name in _strata(design)}
    guesses = [REACH * error for error in errors.values()]
    guesses += [np.log(BIAS_FACTOR) + REACH * error for name, error in errors.items() if flat[name].told.mean() > 0.5]
    planted = _planted(guesses, AROUND)
    both = [errors[name] for name in ("women", "men") if name in errors]
    apart = _planted([REACH * hypot(*both)], AROUND_ALONE) if len(both) == 2 else []
    steps = len(planted) + len(apart)
    found = {0.0: flat}
    for number, log_ratio in enumerate(planted):
        progress("Drawing cohorts with an effect", number, steps)
        found[log_ratio] = draws.ratios(log_ratio)
    compared = {}
    for number, log_ratio in enumerate(apart):
        progress("Drawing cohorts with an effect in women only", len(planted) + number, steps)
        # Men without an effect are drawn anew each time, so that their luck is not shared.
        compared[log_ratio] = draws.ratios(log_ratio)["women"].over(draws.ratios(0.0)["men"])
    of_groups = [
        _detectable(name, size, {log_ratio: strata[name] for log_ratio, strata in found.items()})
        for name, size in _strata(design).items()
    ]
    return (*of_groups, *([_detectable("women over men", design.people, compared)] if compared else []))


def _middle(errors: Vector) -> float:
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if known.size else LARGEST_LOG_RATIO


def _planted(guesses: Iterable[float], around: Sequence[float]) -> list[float]:
    return sorted({round(min(float(guess), LARGEST_LOG_RATIO) * part, 6) for guess in guesses for part in around})


def _detectable(name: str, size: int, by_ratio: dict[float, Ratios]) -> Detectable:
    planted = np.array(sorted(by_ratio))
    told = float(np.mean([ratios.told.mean() for ratios in by_ratio.values()]))

    def found(bar: float, *, rule: bool, power: float = POWER) -> Size:
        hits = []
        for log_ratio in planted.tolist():
            ratios = by_ratio[log_ratio]
            with np.errstate(invalid="ignore"):
                above = ratios.low() > bar
            hits.append(above & ratios.told if rule else above)
        return size_found(planted, np.array([h.sum() for h in hits]), np.array([h.size for h in hits]), power=power)

    within = told >= POWER
    return Detectable(
        stratum=name,
        people=size,
        informative=float(np.mean([ratios.informative.mean() for ratios in by_ratio.values()])),
        told=told,
        seen=found(0.0, rule=True) if within else NONE,
        half=found(0.0, rule=True, power=0.5) if within else NONE,
        if_told=found(0.0, rule=False),
        supported=found(float(np.log(BIAS_FACTOR)), rule=True) if within and name != "women over men" else NONE,
    )


def _rate(design: Design, cohorts: int, rng: np.random.Generator) -> Size:
    """The ratio of women's to men's rate that is found, by the interval of HC3 errors by person."""
    if not (design.women > 1 and design.men > 1):
        return NONE
    time = np.full(design.people, float(design.days))
    woman = np.arange(design.people) < design.women

    def low(log_ratio: float, studies: int) -> tuple[Vector, Vector]:
        done = [
            compare_rates(counts, time, woman, rng=rng, draws=0)
            for counts in draw_counts(design, studies, float(np.exp(log_ratio)), rng)
        ]
        return np.array([d.low for d in done]), np.array([d.log_standard_error for d in done])

    _, errors = low(0.0, 50)
    planted = np.array(_planted([REACH * _middle(errors)], AROUND_ALONE))
    found = [int((low(float(log_ratio), cohorts)[0] > 1).sum()) for log_ratio in planted]
    return size_found(planted, np.array(found), np.full(planted.size, cohorts))
