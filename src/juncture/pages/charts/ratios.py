"""Ratios with their intervals on a log scale, a row each: junctures, women over men, and other ways to analyse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from juncture.pages.charts.rows import lay, words
from juncture.pages.charts.style import (
    COLOURS,
    DASHES,
    SHAPES,
    SOFT,
    WIDE,
    Chart,
    Row,
    both,
    by,
    data,
    pixels,
    text,
)
from juncture.pages.words import Interval, times_range

#: Ratios are drawn within these ends; an interval that passes one ends in an arrow.
LEAST_RATIO, MOST_RATIO = 1 / 8, 8.0
TICKS = {1 / 8: "⅛", 1 / 4: "¼", 1 / 2: "½", 1.0: "same", 2.0: "2×", 4.0: "4×", 8.0: "8×"}


@dataclass(frozen=True)
class RatioRow:
    """One ratio. ``remark`` stands where there is nothing to draw; ``reach``: the ends of a wider bound."""

    label: str
    ratio: Interval
    remark: str = ""
    stratum: str = "all"
    reach: tuple[float, float] | None = None

    @property
    def drawn(self) -> bool:
        """Whether there is a ratio to draw."""
        return self.ratio.known and not self.remark


@dataclass(frozen=True)
class RatioGroup:
    """Rows under one title."""

    title: str
    rows: tuple[RatioRow, ...]


def together(rows: Sequence[RatioRow], others: str, most: int) -> tuple[RatioRow, ...]:
    """``rows`` with those that have nothing to draw told in one row, where they are more than ``most``: ``others`` is
    its label beside drawn rows, with their number."""
    untold = [row for row in rows if not row.drawn]
    if len(untold) <= most:
        return tuple(rows)
    remarks = list(dict.fromkeys(row.remark or "no estimate" for row in untold))
    label = others.format(len(untold)) if len(untold) < len(rows) else f"All {len(untold)}"
    return (*(row for row in rows if row.drawn), RatioRow(label, Interval(), ", or ".join(remarks)))


@dataclass(frozen=True)
class _Form:
    """What is written around the marks. ``short``: labels are so short that they stand beside the marks anywhere."""

    axis: str
    below: str
    above: str
    short: bool


_FOREST = _Form("times the pace of crises (log scale)", "← later after a miss", "sooner after a miss →", True)
_DIFFERENCES = _Form("women over men (log scale)", "← more in men", "more in women →", False)
_VARIANTS = _Form("times the pace of crises (log scale)", "← later after a miss", "sooner after a miss →", False)


def forest(groups: Sequence[RatioGroup]) -> Chart | None:
    """Ratios of the pace of crises, missed over met; None where no row has one."""
    title = "After a missed response, beside a met one: the pace of the next crisis"
    return _chart("forest", title, groups, _FOREST)


def differences(name: str, title: str, groups: Sequence[RatioGroup]) -> Chart | None:
    """Women over men, with the wider bound that missed links allow; None where no row has a ratio."""
    return _chart(name, title, groups, _DIFFERENCES)


def variants(groups: Sequence[RatioGroup]) -> Chart | None:
    """The same ratio by other ways to analyse; None where no row has one."""
    return _chart("variants", "The pace of the next crisis, analysed in other ways", groups, _VARIANTS)


def _chart(name: str, title: str, groups: Sequence[RatioGroup], form: _Form) -> Chart | None:
    if not any(row.drawn for group in groups for row in group.rows):
        return None
    parts = [
        f"{group.title}: " + "; ".join(f"{row.label} {_spoken(row)}".strip() for row in group.rows) for group in groups
    ]
    described = "Ratios with 95% intervals on a log scale. " + ". ".join(parts) + "."
    return both(name, title, described, lambda width: _draw(groups, width, form))


def _spoken(row: RatioRow) -> str:
    if row.remark or not row.ratio.known:
        return row.remark or "no estimate"
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    assert value is not None and low is not None and high is not None
    wider = f", allowing for missed links from {times_range(*row.reach)}" if row.reach else ""
    return f"{value:.2f}, from {times_range(low, high)}{wider}"


def _draw(groups: Sequence[RatioGroup], width: int, form: _Form) -> Any:
    import altair as alt

    wide = width == WIDE
    left = (150 if wide else 62) if form.short else (270 if wide else 10)
    indent = 14 if wide else 4 if form.short else 0
    laid = lay(
        [(group.title, [row.label for row in group.rows]) for group in groups],
        title_chars=92 if wide else 44,
        label_chars=36 if wide else 46,
        beside=wide or form.short,
    )
    rows: list[Row] = [
        {"y": y, "stratum": row.stratum, **_cells(row)}
        for group, ys in zip(groups, laid.places, strict=True)
        for row, y in zip(group.rows, ys, strict=True)
    ]
    ends = [v for r in rows for v in (r["low"], r["high"], r["least"], r["most"]) if v is not None]
    least = max((t for t in TICKS if t <= min([*ends, 0.5])), default=LEAST_RATIO)
    most = min((t for t in TICKS if t >= max([*ends, 2.0])), default=MOST_RATIO)
    scale = alt.Scale(type="log", domain=[least, most], range=[left, width - 18], nice=False)
    axis = alt.Axis(
        values=[t for t in TICKS if least <= t <= most],
        labelExpr=" : ".join(f"abs(datum.value - {t}) < 1e-9 ? '{text}'" for t, text in TICKS.items()) + " : ''",
        title=form.axis,
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
    )
    xs, ys = alt.X("value:Q", scale=scale, axis=axis), pixels("y", laid.height)
    colour = alt.Color("stratum:N", scale=by(COLOURS), legend=None)
    dash = alt.StrokeDash("stratum:N", scale=by(DASHES), legend=None)
    points = data(rows).transform_filter("isValid(datum.value)")
    bounds = data(rows).transform_filter("isValid(datum.least) && isValid(datum.most)")
    layers = [
        data([{"value": 1.0}]).mark_rule(color=SOFT, strokeWidth=1.5).encode(x=xs),
        bounds.mark_rule(strokeWidth=1.2).encode(x=alt.X("least:Q", scale=scale), x2="most:Q", y=ys, color=colour),
        points.mark_rule(strokeWidth=2.6).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", y=ys, color=colour, strokeDash=dash
        ),
        points.mark_point(filled=True, size=78, opacity=1).encode(
            x=xs, y=ys, color=colour, shape=alt.Shape("stratum:N", scale=by(SHAPES), legend=None)
        ),
        *words(laid, indent),
        text(data(rows), "remark", SOFT, fontStyle="italic").encode(x=alt.value(left + 6), y=ys),
    ]
    for field in ("least", "most"):
        layers.append(
            bounds.mark_tick(orient="vertical", size=11, thickness=1.4).encode(
                x=alt.X(f"{field}:Q", scale=scale), y=ys, color=colour
            )
        )
    for field, angle, offset in (("low_arrow", 270, -1), ("high_arrow", 90, 1)):
        layers.append(
            data(rows)
            .transform_filter(f"isValid(datum.{field})")
            .mark_point(filled=True, shape="triangle", size=46, angle=angle, xOffset=offset, opacity=1)
            .encode(x=alt.X(f"{field}:Q", scale=scale), y=ys, color=colour)
        )
    for word, align, shift in ((form.below, "right", -8), (form.above, "left", 8)):
        layers.append(
            data([{"value": 1.0, "text": word}])
            .mark_text(align=align, dx=shift, color=SOFT, fontSize=12.5)
            .encode(x=xs, y=alt.value(-14), text="text:N")
        )
    return alt.layer(*layers).properties(width=width, height=laid.height)


def _cells(row: RatioRow) -> Row:
    if not row.drawn:
        nothing = dict.fromkeys(("value", "low", "high", "least", "most", "low_arrow", "high_arrow"))
        return {**nothing, "remark": row.remark or "no estimate"}
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    assert value is not None and low is not None and high is not None
    outermost = row.reach or (low, high)
    return {
        "value": _inside(value),
        "low": _inside(low),
        "high": _inside(high),
        "least": _inside(outermost[0]) if row.reach else None,
        "most": _inside(outermost[1]) if row.reach else None,
        "low_arrow": LEAST_RATIO if min(low, outermost[0]) < LEAST_RATIO else None,
        "high_arrow": MOST_RATIO if max(high, outermost[1]) > MOST_RATIO else None,
        "remark": "",
    }


def _inside(value: float) -> float:
    return min(max(value, LEAST_RATIO), MOST_RATIO)
