"""Two sums by person, such as contacts and years, as a ratio of women beside men under every matching."""

from __future__ import annotations

import numpy as np

from juncture.analyst.findings.matchings import Matchings, combine
from juncture.analyst.findings.model import NAN, Estimate, GenderFinding
from juncture.analyst.statistics.arrays import Booleans, Vector
from juncture.analyst.statistics.rates import RateComparison, compare_rates

PERMUTATIONS = 1999


def compare_sums(
    measure: str,
    part: Vector,
    whole: Vector,
    matchings: Matchings,
    rng: np.random.Generator,
    *,
    permutations: int = PERMUTATIONS,
) -> GenderFinding:
    """``part`` over ``whole``, both counted in each timeline (t); who has nothing of the whole does not count.

    The unit is the person: the interval is HC3 by person, the p permutes persons on their means over the matchings.
    Without q and the range that links leave. No interval where all of a sex have the same part of their whole, such as
    all of it: that others might differ is then not to be learned from them.
    """
    by_matching = [matchings.by_person(values) * (matchings.group < 2) for values in (part, whole)]
    compared = []
    for events, amount in zip(*by_matching, strict=True):
        seen = amount > 0
        compared.append(compare_rates(events[seen], amount[seen], matchings.group[seen] == 0, rng=rng, draws=0))
    ratio = combine(
        matchings.over_draws([_log(c.ratio) for c in compared]),
        matchings.over_draws([_error(c) for c in compared]),
        matchings.over_draws([float(c.degrees_of_freedom) for c in compared]),
    ).exponential()
    events, amount = matchings.weights @ by_matching[0], matchings.weights @ by_matching[1]
    seen = amount > 0
    first = matchings.group[seen] == 0
    mean = compare_rates(events[seen], amount[seen], first, rng=rng, draws=permutations)
    return GenderFinding(
        measure=measure,
        women=mean.first.rate,
        men=mean.second.rate,
        ratio=Estimate(ratio.value, ratio.low, ratio.high, mean.p_value),
        people_women=int(first.sum()),
        people_men=int((~first).sum()),
        people_with=people_with(events[seen], first),
        largest_share=matchings.largest_share(list(by_matching[0])),
    )


def people_with(events: Vector, first: Booleans) -> tuple[int, int]:
    """Women and men with at least half of an event, on the mean over the matchings."""
    return int((events[first] >= 0.5).sum()), int((events[~first] >= 0.5).sum())


def _error(compared: RateComparison) -> float:
    varied = all(rate.low < rate.high for rate in (compared.first, compared.second))
    return compared.log_standard_error if varied else NAN


def _log(ratio: float) -> float:
    return float(np.log(ratio)) if ratio > 0 else NAN
