"""What missed and false links do to a missed share and to the ratio of missed over met, and how to take it back.

A response in a file that nobody linked is not seen: of the openings that were met, a share q is seen to be, and the
rest look missed. A false link puts a stranger's file in the place of the person's; what it answers, it answers by
chance. So

    seen met = q x met + f,    f = share of openings with a false link x chance that a stranger's file answers

which is the misclassification of a binary exposure with sensitivity q (Barron 1977, Biometrics 33:414-418; Rogan &
Gladen 1978, American Journal of Epidemiology 107:71-76). q is known with an error on its logarithm, which goes into the
interval by the delta method (Lash, Fox & Fink 2009, Applying Quantitative Bias Analysis to Epidemiologic Data,
Springer), or only known to lie between two values, and then the interval is a bound (Manski 2003, Partial
Identification of Probability Distributions, Springer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from juncture.analyst.statistics.arrays import Integers, Vector, normal_quantile, numbers
from juncture.base.errors import UsageError

NAN = float("nan")


@dataclass(frozen=True)
class Chance:
    """The chance that something is seen: ``value`` in (0, 1] with ``log_error``, the standard error of its logarithm.

    ``least``: the chance may be as small as ``least`` x ``value`` for reasons that no standard error knows; 1 where
    there are none, NaN where nobody can say. Raises ``UsageError`` outside of these ranges.
    """

    value: float
    log_error: float = 0.0
    least: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.value <= 1 and self.log_error >= 0 and not (self.least <= 0 or self.least > 1)):
            raise UsageError("A chance must be above 0 and at most 1, and its error must not be negative.")

    @classmethod
    def known(cls, value: float, low: float, high: float, *, confidence: float = 0.95) -> Chance:
        """A chance known with an interval; without one (NaN) as if it were exact. An estimate of 0 cannot be used."""
        sure = not (0 < low < high)
        error = 0.0 if sure else float(np.log(high / low)) / (2 * normal_quantile(confidence))
        return cls(min(value, 1.0), error)

    @property
    def low(self) -> float:
        """The smallest that is in keeping with 95 % confidence and ``least``; NaN where nobody can say."""
        return float(self.value * self.least * np.exp(-normal_quantile(0.95) * self.log_error))

    @property
    def high(self) -> float:
        """The largest that is in keeping with 95 % confidence."""
        return float(min(1.0, self.value * np.exp(normal_quantile(0.95) * self.log_error)))

    def times(self, other: Chance) -> Chance:
        """The chance of two things that do not depend on each other."""
        error = float(np.hypot(self.log_error, other.log_error))
        return Chance(self.value * other.value, error, self.least * other.least)


def audited(found: int, checked: int, *, confidence: float = 0.95) -> Chance:
    """The chance from an audit: of ``checked`` that were known to be there, ``found`` were.

    Mean and interval of the posterior after Jeffreys (Brown, Cai & DasGupta 2001, Statistical Science 16:101-133).
    Raises ``UsageError`` unless 0 <= ``found`` <= ``checked`` and something was checked.
    """
    if not 0 <= found <= checked or checked == 0:
        raise UsageError("An audit finds between none and all of what it checked, and checks something.")
    belief = stats.beta(found + 0.5, checked - found + 0.5)
    low, high = belief.ppf([(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Chance.known(float(belief.mean()), low, high, confidence=confidence)


def pooled(weights: npt.ArrayLike, chances: Sequence[Chance]) -> Chance:
    """One chance for several sorts of openings, of which ``weights`` (k) were *seen* to be met: the harmonic mean.

    Seen is chance x met, so met is the sum of seen over chance. Errors are taken as wholly dependent, which is the most
    they can come to. Raises ``UsageError`` where there are no weights to speak of.
    """
    weight = numbers("weights", weights, len(chances))
    if not weight.sum() > 0 or (weight < 0).any():
        raise UsageError("Chances are pooled over openings, of which there must be some.")
    share = weight / weight.sum() / np.array([c.value for c in chances])
    value = 1 / float(share.sum())
    floor = 1 / float((share / np.array([c.least for c in chances])).sum())
    error = value * float(share @ np.array([c.log_error for c in chances]))
    return Chance(min(value, 1.0), error, min(floor / value, 1.0) if np.isfinite(floor) else NAN)


def corrected_share(
    missed: float, standard_error: float, chance: float, *, log_error: float = 0.0, by_chance: float = 0.0
) -> tuple[float, float]:
    """The missed share and its standard error, from the one seen.

    ``chance`` q with ``log_error``; ``by_chance``: share of openings that a stranger's file answered. NaN where more
    was seen to be met than q allows.
    """
    seen = max(1 - missed - by_chance, 0.0)
    met = seen / chance
    if not met <= 1 + 1e-9:
        return NAN, NAN
    return max(1 - met, 0.0), float(np.hypot(standard_error / chance, met * log_error))


def corrected_ratio(ratio: float, missed: float, chance: float, *, by_chance: float = 0.0) -> float:
    """The ratio of hazards, missed over met, from the one seen and the share of openings that was seen missed.

    Where it does not depend on the outcome who is misclassified, each seen hazard is a mixture of the two true ones.
    What is lost is taken to be spread evenly over a person's openings: whoever loses all of them, or none, does not
    move a ratio within persons, so this is the most that the loss can do. NaN where no ratio fits.
    """
    met = 1 - missed
    if not (0 < missed < 1 and ratio > 0):
        return NAN
    true_met = max(met - by_chance, 0.0) / chance
    if not true_met <= 1 + 1e-9:
        return NAN
    met_among_missed = max(true_met * (1 - by_chance) - (met - by_chance), 0.0) / missed
    missed_among_met = by_chance * (1 - true_met) / met
    above = ratio * (1 - missed_among_met) - met_among_missed
    below = (1 - met_among_missed) - ratio * missed_among_met
    return above / below if above > 0 and below > 0 else NAN


def strangers_answer(
    person: Integers, first: npt.ArrayLike, last: npt.ArrayLike, files: Sequence[tuple[int, npt.ArrayLike]]
) -> Vector:
    """Share of other people's files that would answer each opening (n) by chance; 0 where there is no other.

    ``first``, ``last`` (n): the earliest and latest time that would count. ``files``: owner and times of the responses.
    """
    begin, end = numbers("first", first, person.size), numbers("last", last, person.size)
    answered, asked = np.zeros(person.size), np.zeros(person.size)
    for owner, times in files:
        hours = np.sort(np.asarray(times, dtype=np.float64))
        other = person != owner
        upto = np.searchsorted(hours, end, side="right") > np.searchsorted(hours, begin, side="left")
        answered += upto & other
        asked += other
    return np.divide(answered, asked, out=np.zeros(person.size), where=asked > 0)
