"""Two values a row on one line: women and men, or times before a crisis and other times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from juncture.pages.charts.style import (
    ACCENT,
    COLOURS,
    INK,
    LINE,
    NAMES,
    WIDE,
    Chart,
    Row,
    both,
    data,
    pixels,
    text,
    wrap,
)
from juncture.pages.words import percent


@dataclass(frozen=True)
class Pair:
    """One measure and its two values."""

    title: str
    first: float
    second: float


@dataclass(frozen=True)
class Pairs:
    """What the two values of every row are: names for the key, colours and shapes, and the unit under the axis."""

    first: str
    second: str
    axis: str
    colours: tuple[str, str] = (COLOURS["women"], COLOURS["men"])
    shapes: tuple[str, str] = ("circle", "diamond")
    shares: bool = False

    @classmethod
    def women_and_men(cls, axis: str, *, shares: bool = False) -> Pairs:
        """Women as circles, men as diamonds."""
        return cls(NAMES["women"], NAMES["men"], axis, shares=shares)

    @classmethod
    def before_and_otherwise(cls, first: str, second: str, axis: str) -> Pairs:
        """Shares at the times that are asked about as squares, at the times they are set beside as triangles."""
        return cls(first, second, axis, (INK, ACCENT), ("square", "triangle"), shares=True)


def pairs(name: str, title: str, look: Pairs, rows: Sequence[Pair]) -> Chart | None:
    """Two marks a row; None where there is no row."""
    if not rows:
        return None

    def told(value: float) -> str:
        return percent(value) if look.shares else f"{value:.1f}"

    first, second = look.first.lower(), look.second.lower()
    said = "; ".join(f"{p.title}: {first} {told(p.first)}, {second} {told(p.second)}" for p in rows)
    marks = f"{first} as {look.shapes[0]}s and {second} as {look.shapes[1]}s"
    described = f"Two marks on one line a measure, {marks}. {said}."
    return both(name, title, described, lambda width: _draw(look, rows, width))


def _draw(look: Pairs, found: Sequence[Pair], width: int) -> Any:
    import altair as alt

    wide = width == WIDE
    left = 262 if wide else 12
    titles: list[Row] = []
    marks: list[Row] = []
    y = 0.0
    for pair in found:
        lines = wrap(pair.title, 35 if wide else 48)
        room = max(38.0, 16.0 * len(lines) + 16) if wide else 16.0 * len(lines) + 30
        middle = y + (room / 2 if wide else room - 15)
        top = middle - 8.0 * (len(lines) - 1) if wide else y + 8
        titles += [{"y": top + 16 * n, "text": line} for n, line in enumerate(lines)]
        marks.append({"y": middle, "first": pair.first, "second": pair.second})
        y += room
    ys = pixels("y", y)
    top_value = max(max(p.first, p.second) for p in found) or 1.0
    scale = alt.Scale(domain=[0, top_value * 1.08], range=[left, width - 16], nice=False)
    axis = alt.Axis(
        title=look.axis,
        tickCount=5 if wide else 4,
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
        **({"format": "%"} if look.shares else {}),
    )
    layers = [
        data(marks)
        .mark_rule(color=LINE, strokeWidth=3)
        .encode(x=alt.X("first:Q", scale=scale, axis=axis), x2="second:Q", y=ys)
    ]
    for field, colour, shape in zip(("first", "second"), look.colours, look.shapes, strict=True):
        layers.append(
            data(marks)
            .mark_point(filled=True, size=105, opacity=1, color=colour, shape=shape)
            .encode(x=alt.X(f"{field}:Q", scale=scale, axis=axis), y=ys)
        )
    layers.append(text(data(titles), "text", INK).encode(x=alt.value(0), y=ys))
    at = float(left)
    for name, colour, shape in zip((look.first, look.second), look.colours, look.shapes, strict=True):
        one = data([{"label": name}])
        layers += [
            one.mark_point(filled=True, size=90, opacity=1, color=colour, shape=shape).encode(
                x=alt.value(at + 4), y=alt.value(-16)
            ),
            one.mark_text(align="left", dx=10, fontSize=13, fontWeight=600, color=colour).encode(
                x=alt.value(at + 4), y=alt.value(-16), text="label:N"
            ),
        ]
        at += 44 + 7.4 * len(name)
    return alt.layer(*layers).properties(width=width, height=y)
