"""Charts of released tables as inline SVG: drawn by Altair and vl-convert, then made readable by screen readers.

Every chart is drawn twice, wide and narrow, so that text keeps its size on a telephone; the style sheet shows one.
Women and men differ by colour (blue-green and burnt orange, apart under every common form of colour blindness), by
shape, by dash and by a label. Colours are written as attributes, which the style sheet replaces in the dark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from juncture.pages.svg import accessible
from juncture.pages.words import Interval, times_range

INK, SOFT, LINE, PAPER = "#22292f", "#59636c", "#cfd3d2", "#fdfcf9"
COLOURS = {"all": INK, "women": "#00707a", "men": "#b4540a"}
SHAPES = {"all": "square", "women": "circle", "men": "diamond"}
DASHES = {"all": [1, 0], "women": [1, 0], "men": [6, 4]}
NAMES = {"all": "All", "women": "Women", "men": "Men"}
WIDE, NARROW = 680, 340
#: Ratios are drawn within these ends; an interval that passes one ends in an arrow.
LEAST_RATIO, MOST_RATIO = 1 / 8, 8.0
TICKS = {1 / 8: "⅛", 1 / 4: "¼", 1 / 2: "½", 1.0: "same", 2.0: "2×", 4.0: "4×", 8.0: "8×"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One picture in two widths, as SVG elements without a prolog, and its description."""

    name: str
    title: str
    description: str
    wide: str
    narrow: str


@dataclass(frozen=True)
class ForestRow:
    """One stratum of a juncture; ``remark`` stands where there is nothing to draw."""

    stratum: str
    ratio: Interval
    remark: str = ""


@dataclass(frozen=True)
class ForestGroup:
    """A juncture and its rows."""

    title: str
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class CurvePoint:
    """A point of a mean cumulative function."""

    stratum: str
    day: int
    mean: Interval


@dataclass(frozen=True)
class RatePair:
    """One measure in women and men, per person and year."""

    title: str
    women: float
    men: float


def forest(groups: Sequence[ForestGroup]) -> Chart | None:
    """Ratios of the pace of crises, missed over met, on a log scale; None where no row has one."""
    drawn = [row for group in groups for row in group.rows if row.ratio.known and not row.remark]
    if not drawn:
        return None
    title = "After a missed response, beside a met one: the pace of the next crisis"
    parts = [
        f"{group.title}: " + "; ".join(f"{NAMES[row.stratum].lower()} {_spoken(row)}" for row in group.rows)
        for group in groups
    ]
    described = "Ratios with 95% intervals on a log scale. " + ". ".join(parts) + "."
    return _both("forest", title, described, lambda width: _forest(groups, width))


def _spoken(row: ForestRow) -> str:
    if row.remark or not row.ratio.known:
        return row.remark or "no estimate"
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    assert value is not None and low is not None and high is not None
    return f"{value:.2f}, from {times_range(low, high)}"


def _forest(groups: Sequence[ForestGroup], width: int) -> Any:
    import altair as alt

    left, step, indent = (150, 25, 14) if width == WIDE else (62, 25, 4)
    lines = 92 if width == WIDE else 44
    rows: list[Row] = []
    titles: list[Row] = []
    y = 0.0
    for group in groups:
        for text in wrap(group.title, lines):
            titles.append({"y": y, "text": text})
            y += 0.8
        y += 0.1
        for row in group.rows:
            rows.append({"y": y, "stratum": row.stratum, "label": NAMES[row.stratum], **_drawn(row)})
            y += 1
        y += 0.7
    ends = [v for r in rows for v in (r["low"], r["high"]) if v is not None]
    least = max((t for t in TICKS if t <= min([*ends, 0.5])), default=LEAST_RATIO)
    most = min((t for t in TICKS if t >= max([*ends, 2.0])), default=MOST_RATIO)
    ticks = [t for t in TICKS if least <= t <= most]
    bottom = y - 0.7
    ys = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.7, bottom], range=[0, step * (bottom + 0.7)], nice=False))
    scale = alt.Scale(type="log", domain=[least, most], range=[left, width - 18], nice=False)
    axis = alt.Axis(
        values=ticks,
        labelExpr=" : ".join(f"abs(datum.value - {t}) < 1e-9 ? '{text}'" for t, text in TICKS.items()) + " : ''",
        title="times the pace of crises (log scale)",
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
    )
    xs = alt.X("value:Q", scale=scale, axis=axis)
    colour = alt.Color("stratum:N", scale=_by(COLOURS), legend=None)
    data = alt.Data(values=rows)
    points = alt.Chart(data).transform_filter("isValid(datum.value)")
    layers = [
        alt.Chart(alt.Data(values=[{"value": 1.0}])).mark_rule(color=SOFT, strokeWidth=1.5).encode(x=xs),
        points.mark_rule(strokeWidth=2.2).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", y=ys, color=colour, strokeDash=_dash(alt)
        ),
        points.mark_point(filled=True, size=78, opacity=1).encode(
            x=xs, y=ys, color=colour, shape=alt.Shape("stratum:N", scale=_by(SHAPES), legend=None)
        ),
        _text(alt, alt.Chart(data), "label", SOFT).encode(x=alt.value(indent), y=ys),
        _text(alt, alt.Chart(data), "remark", SOFT, fontStyle="italic").encode(x=alt.value(left + 6), y=ys),
        _text(alt, alt.Chart(alt.Data(values=titles)), "text", INK, fontWeight=600).encode(x=alt.value(0), y=ys),
    ]
    for field, angle, offset in (("low_arrow", -90, -1), ("high_arrow", 90, 1)):
        layers.append(
            alt.Chart(data)
            .transform_filter(f"isValid(datum.{field})")
            .mark_point(filled=True, shape="triangle", size=46, angle=angle % 360, xOffset=offset, opacity=1)
            .encode(x=alt.X(f"{field}:Q", scale=scale), y=ys, color=colour)
        )
    heads = [
        {"text": "← later after a miss", "align": "right", "dx": -8},
        {"text": "sooner after a miss →", "align": "left", "dx": 8},
    ]
    for head in heads:
        layers.append(
            alt.Chart(alt.Data(values=[{"value": 1.0, "text": head["text"]}]))
            .mark_text(align=head["align"], dx=head["dx"], color=SOFT, fontSize=12.5)
            .encode(x=xs, y=alt.value(-16), text="text:N")
        )
    return alt.layer(*layers).properties(width=width, height=step * (bottom + 0.7))


def _drawn(row: ForestRow) -> Row:
    if row.remark or not row.ratio.known:
        nothing = dict.fromkeys(("value", "low", "high", "low_arrow", "high_arrow"))
        return {**nothing, "remark": row.remark or "no estimate"}
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    assert value is not None and low is not None and high is not None
    inside = [min(max(v, LEAST_RATIO), MOST_RATIO) for v in (value, low, high)]
    return {
        "value": inside[0],
        "low": inside[1],
        "high": inside[2],
        "low_arrow": LEAST_RATIO if low < LEAST_RATIO else None,
        "high_arrow": MOST_RATIO if high > MOST_RATIO else None,
        "remark": "",
    }


def curves(points: Sequence[CurvePoint]) -> Chart | None:
    """Mean number of crises a person with bands; None where there is no point.

    Women and men; everybody as well where one of them lacks more than half of the points. A curve has a gap where
    days between its points are hidden.
    """
    known = [p for p in points if p.stratum in NAMES and p.mean.value is not None]
    sizes = Counter(p.stratum for p in known)
    if min(sizes["women"], sizes["men"]) >= max(1, sizes["all"] / 2):
        known = [p for p in known if p.stratum != "all"]
    if not known:
        return None
    ends = {p.stratum: p for p in sorted(known, key=lambda p: p.day)}
    said = "; ".join(
        f"{NAMES[s].lower()} {p.mean.value:.1f} crises a person by day {p.day}" for s, p in sorted(ends.items())
    )
    title = "Crises a person, added up over the follow-up"
    described = f"Rising curves with 95% bands, those of men dashed: {said}."
    return _both("curves", title, described, lambda width: _curves(known, width))


def _curves(points: Sequence[CurvePoint], width: int) -> Any:
    import altair as alt

    strata = [s for s in NAMES if any(p.stratum == s for p in points)]
    step = min(b - a for a, b in pairwise(sorted({0, *(p.day for p in points)})))
    rows = [row for s in strata for row in _stretches([p for p in points if p.stratum == s], s, step)]
    last = max(p.day for p in points)
    every = 180 if last > 400 else 90 if last > 150 else 30
    height = 330 if width == WIDE else 260
    room = 62 if width == WIDE else 50
    x = alt.X(
        "day:Q",
        scale=alt.Scale(domain=[0, last], range=[0, width - room - 40], nice=False),
        axis=alt.Axis(
            values=list(range(0, last + 1, every)),
            title="days since the follow-up began",
            grid=False,
            tickColor=LINE,
            labelFlush=False,
        ),
    )
    y = alt.Y("value:Q", axis=alt.Axis(title=None, tickCount=5, domain=False, tickSize=0, labelPadding=8))
    colour = alt.Color("stratum:N", scale=_by(COLOURS), legend=None)
    data = alt.Data(values=rows)
    band = alt.Chart(data).transform_filter("isValid(datum.low) && isValid(datum.high)")
    alone = alt.Chart(data).transform_filter("datum.alone")
    labels = _apart([_end_label(points, s) for s in strata], least=0.075 * max(r["high"] or r["value"] for r in rows))
    layers = [
        band.mark_area(opacity=0.16).encode(
            x=x, y=alt.Y("low:Q", title=None), y2="high:Q", fill=_fill(alt), detail="stretch:N"
        ),
        alt.Chart(data)
        .mark_line(strokeWidth=2.4, strokeJoin="round")
        .encode(x=x, y=y, color=colour, strokeDash=_dash(alt), detail="stretch:N"),
        alone.mark_point(filled=True, size=36, opacity=1).encode(
            x=x, y=y, color=colour, shape=alt.Shape("stratum:N", scale=_by(SHAPES), legend=None)
        ),
        alt.Chart(alt.Data(values=labels))
        .mark_text(align="left", dx=8, fontWeight=600, fontSize=13)
        .encode(x=x, y=alt.Y("at:Q", title=None), text="label:N", color=colour),
    ]
    return alt.layer(*layers).properties(width=width - room - 40, height=height)


def _stretches(points: Sequence[CurvePoint], stratum: str, step: int) -> list[Row]:
    """Points of one curve from the start, where there were no crises yet, numbered by stretch without a gap."""
    nothing = CurvePoint(stratum, 0, Interval(0.0, 0.0, 0.0))
    rows: list[Row] = []
    stretch, before = 0, 0
    for p in [nothing, *sorted(points, key=lambda p: p.day)]:
        stretch += p.day - before > step
        before = p.day
        low, high = (p.mean.low, p.mean.high) if p.mean.known else (None, None)
        rows.append(
            {"stratum": stratum, "day": p.day, "value": p.mean.value, "low": low, "high": high, "stretch": stretch}
        )
    sizes = Counter(row["stretch"] for row in rows)
    return [{**row, "alone": sizes[row["stretch"]] == 1 and row["day"] > 0} for row in rows]


def _end_label(points: Sequence[CurvePoint], stratum: str) -> Row:
    end = max((p for p in points if p.stratum == stratum), key=lambda p: p.day)
    return {"stratum": stratum, "day": end.day, "at": end.mean.value, "label": NAMES[stratum]}


def _apart(labels: list[Row], least: float) -> list[Row]:
    """Labels, from below, moved up so that neighbours stand at least ``least`` apart, then all down by half of it."""
    ordered = sorted(labels, key=lambda row: float(row["at"]))
    moved = 0.0
    for below, above in pairwise(ordered):
        moved = max(moved, below["at"] + least - above["at"])
        above["at"] = max(above["at"], below["at"] + least)
    for row in ordered:
        row["at"] = max(row["at"] - moved / 2, 0.0)
    return ordered


def rates(pairs: Sequence[RatePair]) -> Chart | None:
    """Dots of women and men for each rate; None where there is none."""
    if not pairs:
        return None
    said = "; ".join(f"{p.title}: women {p.women:.1f}, men {p.men:.1f}" for p in pairs)
    title = "Contacts a person and year, women and men"
    described = f"Dots on one line a measure, women as circles and men as diamonds. {said}."
    return _both("rates", title, described, lambda width: _rates(pairs, width))


def _rates(pairs: Sequence[RatePair], width: int) -> Any:
    import altair as alt

    wide = width == WIDE
    left, step = (250, 40) if wide else (12, 54)
    rows: list[Row] = []
    for i, pair in enumerate(pairs):
        rows += [{"i": i, "stratum": s, "value": v} for s, v in (("women", pair.women), ("men", pair.men))]
    spans = [
        {"i": i, "low": min(p.women, p.men), "high": max(p.women, p.men), "title": p.title} for i, p in enumerate(pairs)
    ]
    least, most = -0.5 if wide else -0.85, len(pairs) - 0.5
    height = step * (most - least)
    ys = alt.Y("i:Q", axis=None, scale=alt.Scale(domain=[least, most], range=[0, height], nice=False))
    top = max(max(p.women, p.men) for p in pairs) or 1.0
    scale = alt.Scale(domain=[0, top * 1.08], range=[left, width - 16], nice=False)
    axis = alt.Axis(
        title="a person and year",
        tickCount=5 if wide else 4,
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
    )
    xs = alt.X("value:Q", scale=scale, axis=axis)
    colour = alt.Color("stratum:N", scale=_by(COLOURS), legend=None)
    dots = alt.Chart(alt.Data(values=rows))
    lines = alt.Chart(alt.Data(values=spans))
    titles = []
    for i, pair in enumerate(pairs):
        lines_of_title = wrap(pair.title, 32) if wide else [pair.title]
        for n, text in enumerate(lines_of_title):
            titles.append({"i": i + 0.42 * (n - (len(lines_of_title) - 1) / 2), "text": text})
    key: list[Row] = [{"stratum": s, "x": x} for s, x in (("women", left), ("men", left + 82))]
    layers = [
        lines.mark_rule(color=LINE, strokeWidth=3).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=ys),
        dots.mark_point(filled=True, size=105, opacity=1).encode(
            x=xs, y=ys, color=colour, shape=alt.Shape("stratum:N", scale=_by(SHAPES), legend=None)
        ),
        _text(alt, alt.Chart(alt.Data(values=titles)), "text", INK).encode(
            x=alt.value(0), y=ys, **({} if wide else {"yOffset": alt.value(-20)})
        ),
    ]
    for entry in key:
        one = alt.Chart(alt.Data(values=[{"stratum": entry["stratum"], "label": NAMES[entry["stratum"]]}]))
        layers += [
            one.mark_point(filled=True, size=90, opacity=1).encode(
                x=alt.value(entry["x"]),
                y=alt.value(-16),
                color=colour,
                shape=alt.Shape("stratum:N", scale=_by(SHAPES), legend=None),
            ),
            one.mark_text(align="left", dx=10, fontSize=13, fontWeight=600).encode(
                x=alt.value(entry["x"]), y=alt.value(-16), text="label:N", color=colour
            ),
        ]
    return alt.layer(*layers).properties(width=width, height=height)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters, broken between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _by(values: Mapping[str, Any]) -> Any:
    import altair as alt

    return alt.Scale(domain=list(values), range=list(values.values()))


def _fill(alt: Any) -> Any:
    return alt.Fill("stratum:N", scale=_by(COLOURS), legend=None)


def _dash(alt: Any) -> Any:
    return alt.StrokeDash("stratum:N", scale=_by(DASHES), legend=None)


def _text(alt: Any, chart: Any, field: str, colour: str, **style: Any) -> Any:
    return chart.mark_text(align="left", baseline="middle", color=colour, fontSize=13, **style).encode(
        text=alt.Text(f"{field}:N")
    )


def _both(name: str, title: str, description: str, draw: Any) -> Chart:
    wide, narrow = (_svg(draw(width), f"{name}-{word}", title, description) for word, width in _SIZES)
    return Chart(name=name, title=title, description=description, wide=wide, narrow=narrow)


_SIZES = (("wide", WIDE), ("narrow", NARROW))


def _svg(chart: Any, prefix: str, title: str, description: str) -> str:
    import vl_convert

    done = chart.configure(
        background="transparent",
        padding=2,
        font="sans-serif",
        view={"stroke": None},
        axis={
            "labelColor": SOFT,
            "labelFontSize": 12.5,
            "titleColor": SOFT,
            "titleFontSize": 12.5,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "gridColor": LINE,
            "gridOpacity": 0.7,
        },
    )
    drawn = vl_convert.vegalite_to_svg(done.to_dict(), allowed_base_urls=[])
    return accessible(drawn, prefix, title, description)
