"""Mean cumulative functions: crises a person, added up over the follow-up, with bands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from juncture.pages.charts.style import COLOURS, DASHES, LINE, NAMES, SHAPES, WIDE, Chart, Row, both, by
from juncture.pages.words import Interval


@dataclass(frozen=True)
class CurvePoint:
    """A point of a mean cumulative function."""

    stratum: str
    day: int
    mean: Interval


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
    return both("curves", title, described, lambda width: _curves(known, width))


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
    colour = alt.Color("stratum:N", scale=by(COLOURS), legend=None)
    data = alt.Data(values=rows)
    band = alt.Chart(data).transform_filter("isValid(datum.low) && isValid(datum.high)")
    alone = alt.Chart(data).transform_filter("datum.alone")
    labels = _apart([_end_label(points, s) for s in strata], least=0.075 * max(r["high"] or r["value"] for r in rows))
    layers = [
        band.mark_area(opacity=0.16).encode(
            x=x,
            y=alt.Y("low:Q", title=None),
            y2="high:Q",
            fill=alt.Fill("stratum:N", scale=by(COLOURS), legend=None),
            detail="stretch:N",
        ),
        alt.Chart(data)
        .mark_line(strokeWidth=2.4, strokeJoin="round")
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("stratum:N", scale=by(DASHES), legend=None),
            detail="stretch:N",
        ),
        alone.mark_point(filled=True, size=36, opacity=1).encode(
            x=x, y=y, color=colour, shape=alt.Shape("stratum:N", scale=by(SHAPES), legend=None)
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
