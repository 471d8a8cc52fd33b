"""What an attack achieved, beside what somebody without the package would."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from juncture.agency.attack.seen import Floats, Index, Mask

_Z = 1.959963984540054
#: Attacks that are tried on a package; the worst one counts.
ATTACKS = 4


@dataclass(frozen=True)
class Outcome:
    """One attack on ``people`` of a package with one list: how many were ``identified``.

    ``guesser``: the share that somebody gets on average who has the list and not the package. ``counts``: whether
    the agreement's ceiling is held against this attacker; the worst case, who knows exactly who is in, is only shown.
    """

    attack: str
    against: str
    people: int
    listed: int
    identified: int
    guesser: float
    counts: bool

    @property
    def share(self) -> float:
        """Share of the package's people identified."""
        return self.identified / self.people if self.people else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson 1927): what another secret or another year's people might give."""
        return wilson(self.identified, self.people)

    @property
    def luck(self) -> int:
        """So many a guesser names rightly at most, in 19 of 20 times, who tries as often as there are attacks."""
        return poisson_quantile(self.guesser * self.people, 1 - 0.05 / ATTACKS)

    @property
    def beyond(self) -> float:
        """Share identified beyond what a guesser has with luck, never below 0: what the ceiling is held against."""
        return max(0, self.identified - self.luck) / self.people if self.people else 0.0


@dataclass(frozen=True)
class Membership:
    """How well one tells listed people who are in the package from listed people who are not.

    ``auc``: the chance that one who is in looks likelier than one who is not; a guesser has .5. ``hit_rate``: share of
    those in the package found while 1 % of the others are accused wrongly; a guesser has .01.
    """

    against: str
    inside: int
    outside: int
    auc: float
    low: float
    high: float
    hit_rate: float


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval, 95 %."""
    if not trials:
        return 0.0, 1.0
    share, z2 = hits / trials, _Z * _Z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z / (1 + z2 / trials) * float(np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson_quantile(mean: float, probability: float) -> int:
    """The least number that a Poisson number of that ``mean`` does not pass with ``probability``."""
    number, term = 0, float(np.exp(-mean))
    reached = term
    while reached < probability:
        number += 1
        term *= mean / number
        reached += term
    return number


def identified(claims: Index, truth: Index) -> int:
    """How many people are claimed to be whom they are; a claim or a truth of -1 is none."""
    return int(((claims == truth) & (truth >= 0)).sum())


def guesser_share(truth: Index, listed: int) -> float:
    """Somebody without the package names one of the list at random: right once in ``listed`` for who is in it."""
    return float((truth >= 0).mean() / max(1, listed)) if truth.size else 0.0


def membership(score: Floats, inside: Mask, against: str) -> Membership | None:
    """How well ``score`` [listed] tells who is ``inside``; None where everybody or nobody is.

    The interval is that of Hanley and McNeil (1982).
    """
    yes, no = score[inside], score[~inside]
    if not yes.size or not no.size:
        return None
    order = np.sort(no)
    below = np.searchsorted(order, yes, side="left") + np.searchsorted(order, yes, side="right")
    auc = float(below.mean() / (2 * no.size))
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (yes.size - 1) * (q1 - auc**2) + (no.size - 1) * (q2 - auc**2)
    half = _Z * float(np.sqrt(max(variance, 0) / (yes.size * no.size)))
    limit = float(np.quantile(no, 0.99))
    return Membership(
        against, yes.size, no.size, auc, max(0.0, auc - half), min(1.0, auc + half), float((yes > limit).mean())
    )


@dataclass(frozen=True)
class Findings:
    """All attacks on one package. ``sampled``: whether only a part of the people was attacked."""

    outcomes: tuple[Outcome, ...]
    memberships: tuple[Membership, ...]
    sampled: bool

    @property
    def worst(self) -> Outcome:
        """The worst of those that the ceiling is held against."""
        return max((one for one in self.outcomes if one.counts), key=lambda one: (one.beyond, one.share))

    def summary(self) -> dict[str, Any]:
        """Counts and shares alone, ready for JSON."""
        return {
            "outcomes": [
                {**asdict(one), "share": one.share, "low": one.interval[0], "high": one.interval[1]}
                for one in self.outcomes
            ],
            "memberships": [asdict(one) for one in self.memberships],
            "sampled": self.sampled,
        }
