"""Charts of tables of results, as Altair objects for the analyst's eyes.

Each carries a note that it is internal. A notebook shows it as SVG drawn on this machine: Altair's own way would fetch
a script from the network, and run it beside the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

Row = Mapping[str, Any]

NOTE = "Internal, unsuppressed: for the analyst only. Lines and bands are 95 % intervals."
STRATA = ("all", "women", "men")
COLOURS = ("#22292f", "#00707a", "#b4540a")
SHAPES = ("square", "circle", "diamond")
DASHES = ([1, 0], [8, 2], [3, 3])
SOFT = "#59636c"
WIDTH, STEP = 460, 18
#: Ratios are shown within these ends; the table has all of them.
LEAST_RATIO, MOST_RATIO = 1 / 16, 16.0


def draw(name: str, rows: Sequence[Row]) -> Any:
    """The chart ``name`` (of :data:`CHARTS`) of the rows of its table."""
    title, make = CHARTS[name]
    return _chart_class()(layer=make(rows)).properties(
        title={"text": title, "subtitle": NOTE, "anchor": "start"}, width=WIDTH
    )


@cache
def _chart_class() -> Any:
    import altair as alt

    # Made at run time, since a class statement cannot name a base whose module is loaded only when it is needed.
    return type("InternalChart", (alt.LayerChart,), {"_repr_mimebundle_": _as_svg})


def _as_svg(chart: Any, *_: Any, **__: Any) -> dict[str, str]:
    import vl_convert

    return {"image/svg+xml": vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])}


def _junctures(rows: Sequence[Row]) -> list[Any]:
    """Hazard ratios, a row a juncture and within it a row a stratum."""
    import altair as alt

    told = [_placed(r["juncture"], r["hazard_ratio"], r["hazard_low"], r["hazard_high"], r["stratum"]) for r in rows]
    by_stratum = {
        "yOffset": alt.YOffset("stratum:N", sort=list(STRATA)),
        "color": alt.Color("stratum:N", title=None, scale=alt.Scale(domain=list(STRATA), range=list(COLOURS))),
    }
    return _ratios(told, "hazard of a crisis, missed over met", by_stratum, shape=True)


def _gender(rows: Sequence[Row]) -> list[Any]:
    """Women over men, a row a measure; below each interval what linkage error may have hidden."""
    import altair as alt

    told = [_placed(r["measure"], r["ratio"], r["low"], r["high"]) for r in rows]
    links = [_placed(r["measure"], r["ratio"], r["link_low"], r["link_high"]) for r in rows]
    span = (
        alt.Chart(alt.Data(values=links))
        .transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=7, color="#cfd3d2")
    )
    drawn = _ratios(told, "women over men; grey: with what linkage error may hide", {}, beside=links)
    return [drawn[0], span.encode(x=drawn[1].encoding.x, x2="high:Q", y=drawn[1].encoding.y), *drawn[1:]]


def _placed(row: str, ratio: float | None, low: float | None, high: float | None, stratum: str = "all") -> Row:
    ends = (low, high) if ratio is not None and low is not None and high is not None else (None, None)
    return {"row": row, "stratum": stratum, "ratio": ratio, "low": ends[0], "high": ends[1]}


def _ratios(
    rows: Sequence[Row], title: str, more: Mapping[str, Any], *, shape: bool = False, beside: Sequence[Row] = ()
) -> list[Any]:
    """A line at 1, intervals and points on a log scale whose ends are powers of 2."""
    import altair as alt

    within = [r for r in rows if r["ratio"] is None or LEAST_RATIO <= r["ratio"] <= MOST_RATIO]
    values = [v for r in (*within, *beside) for v in (r["ratio"], r["low"], r["high"]) if v]
    reach = max((abs(math.log2(v)) for v in values), default=1.0)
    power = min(max(math.ceil(reach), 1), round(math.log2(MOST_RATIO)))
    scale = alt.Scale(type="log", domain=[2.0**-power, 2.0**power], nice=False, clamp=True)
    axis = alt.Axis(
        values=[2.0**p for p in range(-power, power + 1)],
        labelExpr="datum.value < 1 ? '1/' + format(1 / datum.value, 'd') : format(datum.value, 'd')",
        labelFlush=False,
    )
    order = list(dict.fromkeys(r["row"] for r in rows))
    y = alt.Y("row:N", title=None, sort=order, scale=alt.Scale(domain=order), axis=alt.Axis(labelLimit=320))
    base = alt.Chart(alt.Data(values=within))
    line = alt.Chart(alt.Data(values=[{"ratio": 1}])).mark_rule(color=SOFT, strokeDash=[3, 3])
    spans = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    points = base.transform_filter("isValid(datum.ratio)").mark_point(filled=True, size=70, opacity=1, color=COLOURS[0])
    shapes = {"shape": alt.Shape("stratum:N", title=None, scale=alt.Scale(domain=list(STRATA), range=list(SHAPES)))}
    told = [*(("row:N", "stratum:N") if shape else ("row:N",)), *(_number(name) for name in ("ratio", "low", "high"))]
    label = f"{title} (log scale)"
    x = alt.X("ratio:Q", title=label, scale=scale, axis=axis)
    drawn = [
        line.encode(x=x),
        spans.encode(x=alt.X("low:Q", title=label, scale=scale, axis=axis), x2="high:Q", y=y, **more),
        points.encode(x=x, y=y, tooltip=told, **more, **(shapes if shape else {})),
    ]
    return [layer.properties(height=alt.Step(STEP)) for layer in drawn]


def _curves(rows: Sequence[Row]) -> list[Any]:
    """Mean cumulative functions with their bands."""
    import altair as alt

    names = ("stratum", "day", "crises_per_person", "low", "high", "at_risk")
    base = alt.Chart(alt.Data(values=[{name: row[name] for name in names} for row in rows]))
    x = alt.X("day:Q", title="day of the follow-up")
    scale = alt.Scale(domain=list(STRATA), range=list(COLOURS))
    band = base.transform_filter("isValid(datum.low)").mark_area(opacity=0.12)
    key = alt.Legend(symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1)
    colour = alt.Color("stratum:N", title=None, scale=scale, legend=key)
    dash = alt.StrokeDash("stratum:N", title=None, scale=alt.Scale(domain=list(STRATA), range=list(DASHES)))
    drawn = [
        band.encode(
            x=x,
            y=alt.Y("low:Q", title="crises a person"),
            y2="high:Q",
            color=colour,
        ),
        base.mark_line(strokeWidth=2).encode(
            x=x,
            y="crises_per_person:Q",
            color=colour,
            strokeDash=dash,
            tooltip=["stratum:N", "day:Q", _number("crises_per_person"), "at_risk:Q"],
        ),
    ]
    return [layer.properties(height=280) for layer in drawn]


def _number(name: str) -> Any:
    import altair as alt

    return alt.Tooltip(f"{name}:Q", format=".3f")


#: Title and maker of the chart of each table that has one.
CHARTS: dict[str, tuple[str, Callable[[Sequence[Row]], list[Any]]]] = {
    "junctures": ("After a missed response, beside a met one: the pace of the next crisis", _junctures),
    "gender": ("Women beside men", _gender),
    "mcf": ("Mean number of crises a person", _curves),
}
