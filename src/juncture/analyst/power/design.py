"""What is assumed about a study that has not begun."""

from __future__ import annotations

import math
from dataclasses import dataclass

from juncture.agreement.model import Agreement, Juncture
from juncture.analyst.study.build import observed_days
from juncture.base.errors import UsageError

DAYS_A_YEAR = 365.25
#: Bounds within which made-up cohorts mean something and can be drawn in reasonable time.
MOST_PEOPLE = 1000
MOST_CRISES = 30_000


@dataclass(frozen=True)
class Design:
    """A planned study of one juncture and what is assumed about its people.

    ``people`` of whom ``women``, each seen for ``days``; ``crises_per_year`` a person on average, each opening the
    juncture; a share ``missed`` of openings stays without a response within ``window`` days, and what counts is the
    first crisis in the ``horizon`` days after. ``recall``: the share of responses that the linkage finds.

    ``frailty``: shape of the gamma by which people's rates differ (2: one person in four has less than half of the
    mean, one in ten twice the mean or more). ``evenness``: a + b of the beta by which people's chance of a response
    differs. ``burst``: how many times as high the rate is in bad spells of 20 days, a seventh of the time; 1 for none.
    Raises ``UsageError`` where a study cannot be so.
    """

    people: int = 75
    women: int = 50
    crises_per_year: float = 5.0
    missed: float = 0.5
    days: int = 700
    window: int = 7
    horizon: int = 30
    recall: float = 0.9
    frailty: float = 2.0
    evenness: float = 6.0
    burst: float = 3.0

    def __post_init__(self) -> None:
        for wrong, sentence in (
            (not 2 <= self.people <= MOST_PEOPLE, f"A study is planned for 2 to {MOST_PEOPLE} people."),
            (not 0 <= self.women <= self.people, "There cannot be more women than people, or fewer than none."),
            (not 0 < self.missed < 1, "The share of openings missed must lie between 0 and 1, without either end."),
            (not 0 < self.recall <= 1, "The share of responses that the linkage finds must be above 0 and at most 1."),
            (not 0.1 <= self.crises_per_year <= 100, "Crises per year must be 0.1 to 100 a person."),
            (
                not (0 <= self.window <= 90 and 1 <= self.horizon <= 365),
                "A window is 0 to 90 days, a horizon 1 to 365.",
            ),
            (self.days <= self.window + 1, "Everybody must be seen for longer than the window lasts."),
            (self.days > 3660, "Nobody is seen for more than ten years."),
            (not (0.2 <= self.frailty <= 1000), "The shape of the frailty must be 0.2 to 1000."),
            (not (0.5 <= self.evenness <= 1000), "The evenness of the chances must be 0.5 to 1000."),
            (not (1 <= self.burst <= 10), "In a bad spell the rate is 1 to 10 times as high."),
        ):
            if wrong:
                raise UsageError(sentence)
        if not all(math.isfinite(value) for value in (self.crises_per_year, self.missed, self.recall)):
            raise UsageError("Every assumption must be a number.")
        if self.people * self.crises_per_year * self.days / DAYS_A_YEAR > MOST_CRISES:
            raise UsageError(
                "That is more crises than made-up cohorts can be drawn for in reasonable time.",
                remedy="A study this large sees small differences; plan its smallest subgroup instead.",
            )

    @property
    def men(self) -> int:
        """Everybody who is not a woman."""
        return self.people - self.women


def days_seen(agreement: Agreement) -> int:
    """How many days of a person's follow-up are surely seen under an agreement."""
    first, last = observed_days(agreement)
    return last - max(first, 0) + 1


def response_window(juncture: Juncture) -> int:
    """Days within which the response must come; 0 where it must come in the opening's own episode."""
    return 0 if juncture.response.same_episode else juncture.response.within_days
