"""Amounts and shares with their intervals on a plain scale, several kinds of row under each title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from juncture.pages.charts.rows import lay, words
from juncture.pages.charts.style import ACCENT, INK, PAPER, SOFT, WIDE, Chart, Row, both, by, data, pixels, text
from juncture.pages.words import Interval, number, percent


class Look(StrEnum):
    """How a row is drawn."""

    SOLID = "solid"  # what was seen or estimated: a filled square on a thick line
    OPEN = "open"  # what it is set beside: an open diamond on a dashed line
    ROUND = "round"  # a second thing it is set beside: an open circle on a dashed line
    BOUNDS = "bounds"  # ends without a best guess between them
    MOST = "most"  # an upper end: a line from nothing to a bar


_COLOURS = {Look.SOLID: INK, Look.OPEN: ACCENT, Look.ROUND: ACCENT, Look.BOUNDS: SOFT, Look.MOST: SOFT}
#: Bounds that reach further than so many times everything else are not drawn to their end.
FURTHEST = 1.5
_SHAPES = {Look.OPEN: "diamond", Look.ROUND: "circle"}


@dataclass(frozen=True)
class Amount:
    """A row; ``remark`` stands where there is nothing to draw."""

    label: str
    value: Interval
    look: Look = Look.SOLID
    remark: str = ""

    @property
    def drawn(self) -> bool:
        """Whether there is something to draw."""
        ends = self.value.low is not None and self.value.high is not None
        return not self.remark and (ends if self.look is Look.BOUNDS else self.value.value is not None)


@dataclass(frozen=True)
class AmountGroup:
    """Rows under one title."""

    title: str
    rows: tuple[Amount, ...]


def amounts(
    name: str,
    title: str,
    axis: str,
    groups: Sequence[AmountGroup],
    *,
    shares: bool = False,
    heads: tuple[str, str] = ("", ""),
) -> Chart | None:
    """A chart of ``groups``; None where there is nothing to draw. ``shares``: values are shares of one; ``heads``: what
    lies left and right of nothing."""
    if not any(row.drawn for group in groups for row in group.rows):
        return None
    parts = [
        f"{group.title}: " + "; ".join(f"{row.label} {_spoken(row, shares)}" for row in group.rows) for group in groups
    ]
    described = "Estimates with 95% intervals. " + ". ".join(parts) + "."
    return both(name, title, described, lambda width: _draw(groups, width, axis, shares, heads))


def _told(value: float, shares: bool) -> str:
    return percent(value) if shares else number(value, 0)


def _spoken(row: Amount, shares: bool) -> str:
    if not row.drawn:
        return row.remark or "no estimate"
    value, low, high = row.value.value, row.value.low, row.value.high
    fit = f"from {_told(low, shares)} to {_told(high, shares)}" if low is not None and high is not None else ""
    return ", ".join(filter(None, ("" if value is None else _told(value, shares), fit)))


def _draw(groups: Sequence[AmountGroup], width: int, axis_title: str, shares: bool, heads: tuple[str, str]) -> Any:
    import altair as alt

    wide = width == WIDE
    left = 215 if wide else 128
    laid = lay(
        [(group.title, [row.label for row in group.rows]) for group in groups],
        title_chars=92 if wide else 46,
        label_chars=29 if wide else 18,
        beside=True,
        step=24,
    )
    rows: list[Row] = [
        {"y": y, "look": row.look.value, **_cells(row)}
        for group, ys in zip(groups, laid.places, strict=True)
        for row, y in zip(group.rows, ys, strict=True)
    ]
    least, most = _ends(rows, shares)
    scale = alt.Scale(domain=[least, most], range=[left, width - 18], nice=False, clamp=True)
    axis = alt.Axis(
        title=axis_title,
        tickCount=6 if wide else 4,
        format="%" if shares else ",d",
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
    )
    xs, ys = alt.X("value:Q", scale=scale, axis=axis), pixels("y", laid.height)
    ends_x = alt.X("low:Q", scale=scale)
    colour = alt.Color("look:N", scale=by({look.value: c for look, c in _COLOURS.items()}), legend=None)

    def only(*looks: Look) -> Any:
        return data(rows).transform_filter(" || ".join(f"datum.look == '{look.value}'" for look in looks))

    known = "isValid(datum.low) && isValid(datum.high)"
    compared = only(Look.OPEN, Look.ROUND).transform_filter("isValid(datum.value)")
    layers = [
        data([{"value": 0.0}]).mark_rule(color=SOFT, strokeWidth=1.5).encode(x=xs),
        only(Look.SOLID)
        .transform_filter(known)
        .mark_rule(strokeWidth=2.8)
        .encode(x=ends_x, x2="high:Q", y=ys, color=colour),
        only(Look.OPEN, Look.ROUND)
        .transform_filter(known)
        .mark_rule(strokeWidth=1.8, strokeDash=[4, 3])
        .encode(x=ends_x, x2="high:Q", y=ys, color=colour),
        only(Look.BOUNDS, Look.MOST)
        .transform_filter(known)
        .mark_rule(strokeWidth=1.5)
        .encode(x=ends_x, x2="high:Q", y=ys, color=colour),
        only(Look.SOLID)
        .transform_filter("isValid(datum.value)")
        .mark_point(filled=True, shape="square", size=82, opacity=1)
        .encode(x=xs, y=ys, color=colour),
        *(
            compared.transform_filter(f"datum.look == '{look.value}'")
            .mark_point(filled=True, shape=shape, size=95, opacity=1, strokeWidth=2, fill=PAPER)
            .encode(
                x=xs,
                y=ys,
                stroke=alt.Stroke("look:N", scale=by({o.value: c for o, c in _COLOURS.items()}), legend=None),
            )
            for look, shape in _SHAPES.items()
        ),
        *words(laid, 14 if wide else 4),
        text(data(rows), "remark", SOFT, fontStyle="italic").encode(x=alt.value(left + 8), y=ys),
    ]
    for field, looks in (("low", (Look.BOUNDS,)), ("high", (Look.BOUNDS, Look.MOST))):
        layers.append(
            only(*looks)
            .transform_filter(f"{known} && datum.{field} >= {least} && datum.{field} <= {most}")
            .mark_tick(orient="vertical", size=12, thickness=1.8)
            .encode(x=alt.X(f"{field}:Q", scale=scale), y=ys, color=colour)
        )
    # Bounds that assume nothing may reach far beyond everything else: an arrow says that the line goes on.
    for beyond, place, angle in ((f"datum.low < {least}", least, 270), (f"datum.high > {most}", most, 90)):
        layers.append(
            only(Look.BOUNDS)
            .transform_filter(f"{known} && {beyond}")
            .mark_point(filled=True, shape="triangle", size=46, angle=angle, opacity=1)
            .encode(x=alt.XDatum(place, scale=scale), y=ys, color=colour)
        )
    for word, align, shift in ((heads[0], "right", -8), (heads[1], "left", 8)):
        if word:
            layers.append(
                data([{"value": 0.0, "text": word}])
                .mark_text(align=align, dx=shift, color=SOFT, fontSize=12.5)
                .encode(x=xs, y=alt.value(-14), text="text:N")
            )
    return alt.layer(*layers).properties(width=width, height=laid.height)


def _ends(rows: Sequence[Row], shares: bool) -> tuple[float, float]:
    """The ends of the scale: everything but bounds lies within them, and a little room."""
    inner = [v for r in rows if r["look"] != Look.BOUNDS for v in (r["value"], r["low"], r["high"]) if v is not None]
    outer = [v for r in rows if r["look"] == Look.BOUNDS for v in (r["low"], r["high"]) if v is not None]
    low, high = min([*inner, 0.0]), max([*(inner or outer), 0.1 if shares else 1.0])
    high = max([high, *(v for v in outer if v <= FURTHEST * high)])
    room = 0.04 * (high - low)
    reaches_below = low < 0 or any(v < 0 for v in outer)
    return low - (3 * room if reaches_below else 0.0), high + room


def _cells(row: Amount) -> Row:
    if not row.drawn:
        return {"value": None, "low": None, "high": None, "remark": row.remark or "no estimate"}
    if row.look is Look.MOST:
        return {"value": None, "low": 0.0, "high": row.value.value, "remark": ""}
    value = None if row.look is Look.BOUNDS else row.value.value
    ends = row.value.low is not None and row.value.high is not None
    return {
        "value": value,
        "low": row.value.low if ends else None,
        "high": row.value.high if ends else None,
        "remark": "",
    }
