"""Plain sentences from numbers: shares as so many of every 20, ratios as times, verdicts as what can be said.

Shares share one denominator, so that a reader can compare them (Gigerenzer & Hoffrage, *Psychological Review* 102,
1995: natural frequencies). Numbers are rounded to what the study can carry. Nothing here knows HTML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

EVERY = 20
NOTHING = "–"


class Verdict(StrEnum):
    """The words of the column ``verdict``."""

    SUPPORTED = "supported"
    HARMFUL = "harmful"
    UNCERTAIN = "uncertain"
    TOO_SMALL = "too_small"

    @property
    def heading(self) -> str:
        """The verdict for readers."""
        return _TITLES[self]


_TITLES = {
    Verdict.SUPPORTED: "Supported",
    Verdict.HARMFUL: "The other way round",
    Verdict.UNCERTAIN: "Uncertain",
    Verdict.TOO_SMALL: "Too small to say",
}


def verdict_of(value: object) -> Verdict | None:
    """The verdict in a cell, None where the cell is hidden or holds no known word."""
    return Verdict(value) if isinstance(value, str) and value in set(Verdict) else None


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval, any of them unknown."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is an estimate with both ends."""
        return None not in (self.value, self.low, self.high)

    def inverse(self) -> Interval:
        """The same ratio seen from the other side."""
        value, low, high = (1 / p if p is not None and p > 0 else None for p in (self.value, self.high, self.low))
        return Interval(value, low, high) if value is not None else Interval()


def figure(value: object) -> float | None:
    """A finite number in a cell, else None; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def number(value: float | None, digits: int = 2) -> str:
    """A number with ``digits`` decimals and thousands set apart, a dash where there is none."""
    return NOTHING if value is None else f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def count(value: float | None) -> str:
    """A whole number."""
    return number(value, 0)


def percent(share: float | None) -> str:
    """A share of one as whole percent; what is not quite nothing or all is not called so."""
    if share is None:
        return NOTHING
    whole = round(100 * share)
    if whole == 0 and share > 0:
        return "under 1%"
    if whole == 100 and share < 1:
        return "over 99%"
    return f"{whole}%"


def p_value(value: float | None) -> str:
    """A p or q value: two digits after the point, three when small."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return "under .001"
    text = f"{value:.3f}" if value < 0.095 else f"{value:.2f}"
    return text.removeprefix("0")


def of_every(share: float) -> str:
    """A share as so many of every 20.

    >>> of_every(0.55)
    '11 of every 20'
    """
    part = round(EVERY * share)
    if part == 0:
        return f"none of every {EVERY}" if share == 0 else f"fewer than 1 of every {EVERY}"
    if part == EVERY and share < 1:
        return f"nearly {EVERY} of every {EVERY}"
    return f"{part} of every {EVERY}"


def of_every_range(low: float, high: float) -> str:
    """An interval of a share: "9 to 13 of every 20", rounded outwards."""
    first, last = math.floor(round(EVERY * low, 6)), math.ceil(round(EVERY * high, 6))
    return f"{first} to {last} of every {EVERY}" if first != last else f"{first} of every {EVERY}"


def times(ratio: float) -> str:
    """A ratio in words: "1.6 times", "the same", "0.7 times"."""
    rounded = f"{ratio:.1f}" if 0.1 <= ratio < 10 else f"{ratio:.2g}"
    return "about the same" if rounded == "1.0" else f"{rounded} times"


def times_range(low: float, high: float) -> str:
    """The interval of a ratio: "1.1 to 2.3 times", rounded outwards."""
    return f"{_outwards(low, math.floor)} to {_outwards(high, math.ceil)} times"


def _outwards(value: float, end: Callable[[float], int]) -> str:
    steps = 1 if value >= 10 else 10 if value >= 0.1 else 100
    rounded = end(round(value * steps, 6)) / steps
    return f"{rounded:,.0f}" if steps == 1 else f"{rounded:.1f}" if steps == 10 else f"{rounded:.2f}"


def about(people: float | None) -> str:
    """A rounded number of people: "about 55 people"."""
    if people is None:
        return "a number of people that is too small to tell"
    return "about 1 person" if people == 1 else f"about {count(people)} people"


def listed(parts: Sequence[str], joint: str = "and") -> str:
    """Parts as one phrase: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"


def readable(name: str) -> str:
    """A name with underscores as words, its first letter large."""
    text = " ".join(name.replace("_", " ").replace(":", ": ").split())
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """Text with a small first letter."""
    return text[:1].lower() + text[1:]


def missed_sentence(share: Interval, days: int | None) -> str:
    """How often the response did not come."""
    if share.value is None:
        return "How often the response did not come is not told here."
    within = f" within {plural(days, 'day')}" if days else ""
    if share.value >= 1:
        return f"Not once did the response come{within}."
    text = f"{_capital(of_every(share.value))} times, the response did not come{within}"
    if share.low is not None and share.high is not None:
        text += f" (the records fit anything from {of_every_range(share.low, share.high)})"
    return text + "."


def verdict_sentence(verdict: Verdict | None, ratio: Interval) -> str:
    """What can be said of one juncture, in words that say no more than the comparison does."""
    match verdict:
        case None:
            return "Hidden, to protect people: too few stand behind it, or it would give away a figure about too few."
        case Verdict.TOO_SMALL:
            return "Too few people to say. That is a result: it does not mean that this juncture does not matter."
        case Verdict.SUPPORTED:
            lead = "After missed openings, the same people’s next crisis came sooner than after met ones"
            end = "The signal passed every check that was set before anybody looked. It is still not proof of a cause."
        case Verdict.HARMFUL:
            lead = "After met openings, the same people’s next crisis came sooner than after missed ones"
            ratio = ratio.inverse()
            end = (
                "That is the other way round from what was hoped. The response may have gone to people in their worst "
                "weeks, or it may not help. Find out which before changing anything."
            )
        case Verdict.UNCERTAIN if ratio.value is None:
            return "No effect was estimated here, only how often the response was missed."
        case Verdict.UNCERTAIN:
            lead = "We cannot tell whether missing it matters"
            end = _uncertain(ratio)
    return f"{lead}{_fit(ratio)}. {end}"


def _fit(ratio: Interval) -> str:
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return ""
    best = "the same pace" if f"{ratio.value:.1f}" == "1.0" else times(ratio.value) + " the pace"
    return f": best guess {best}, and the records fit anything from {times_range(ratio.low, ratio.high)}"


def _uncertain(ratio: Interval) -> str:
    if ratio.low is None or ratio.high is None:
        return "The records do not settle it."
    if ratio.low > 1 or ratio.high < 1:
        return "The records lean one way, but not past the checks that were set before anybody looked."
    return "That range holds both: more crises after a miss, and fewer."


def difference_sentence(measures: Sequence[str]) -> str:
    """Which junctures matter differently to women and men, by the test of the difference itself."""
    if not measures:
        return (
            "We cannot say that any juncture matters more to women than to men, or to men than to women. "
            "A group this size shows only very large differences."
        )
    return f"Missing the response went differently for women and for men at: {listed(measures)}."


def small(number_of: int) -> str:
    """A whole number, as a word up to nine."""
    names = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[number_of] if 0 <= number_of < len(names) else f"{number_of:,}"


def plural(number_of: int, word: str) -> str:
    """A number and its word: "1 day", "7 days"."""
    return f"{number_of} {word}" if number_of == 1 else f"{number_of:,} {word}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
