"""From every opening to the crises after missed ones: one juncture as bars that grow shorter, all of them as bars in
bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from juncture.pages.charts.style import ACCENT, INK, SOFT, WIDE, Chart, Row, both, data, pixels, text, wrap
from juncture.pages.words import EVERY, count

#: How dark each stage is: all openings, those that could be judged, missed, followed by a crisis.
_DARK = (0.0, 0.16, 0.45, 1.0)


@dataclass(frozen=True)
class FunnelBar:
    """A stage: what it holds, how many openings, None where that is hidden, and what is told of those that fell out."""

    label: str
    openings: float | None
    told: str
    fell_out: str = ""


@dataclass(frozen=True)
class FunnelRow:
    """A juncture: openings at the four stages, None where hidden."""

    title: str
    openings: tuple[float | None, float | None, float | None, float | None]


def funnel(title: str, bars: Sequence[FunnelBar]) -> Chart | None:
    """The stages of one juncture from the first that is told; None where that is empty or there is none."""
    first = next((place for place, bar in enumerate(bars) if bar.openings is not None), len(bars))
    bars = bars[first:]
    if not bars or not bars[0].openings:
        return None
    said = "; ".join(f"{bar.label}: {bar.told}{f' ({bar.fell_out})' if bar.fell_out else ''}" for bar in bars)
    described = f"Bars from the top, each part of the one above. {said}."
    return both("funnel", title, described, lambda width: _funnel(bars, width))


def _funnel(bars: Sequence[FunnelBar], width: int) -> Any:
    import altair as alt

    wide = width == WIDE
    whole = bars[0].openings or 1.0
    most = width - 8
    labels: list[Row] = []
    counts: list[Row] = []
    notes: list[Row] = []
    boxes: list[Row] = []
    lost: list[Row] = []
    y, before = 0.0, whole
    for bar, dark in zip(bars, _DARK[-len(bars) :], strict=True):
        for line in wrap(bar.label, 60 if wide else 44):
            labels.append({"y": y + 9, "text": line})
            y += 18
        if wide:
            counts.append({"y": y - 9, "x": float(most), "text": bar.told})
        else:
            counts.append({"y": y + 8, "x": 0.0, "text": bar.told})
            y += 17
        end = most * (bar.openings or 0.0) / whole
        top, bottom = y + 3, y + 25
        if bar.openings is not None:
            boxes.append({"x": 0.0, "x2": max(end, 1.5), "y": top, "y2": bottom, "dark": dark})
            if before > bar.openings:
                lost.append({"x": end, "x2": most * before / whole, "y": top, "y2": bottom})
            before = bar.openings
        y = bottom
        for line in wrap(bar.fell_out, 92 if wide else 46) if bar.fell_out else ():
            notes.append({"y": y + 12, "text": line})
            y += 16
        y += 14
    height = y - 8
    scale = alt.Scale(domain=[0, width], range=[0, width], nice=False)
    xs = alt.X("x:Q", scale=scale, axis=None)
    box = {"x": xs, "x2": "x2:Q", "y": pixels("y", height), "y2": "y2:Q"}
    at = {"x": xs, "y": pixels("y", height)}
    layers = [
        data(lost).mark_rect(fill="transparent", stroke=SOFT, strokeDash=[3, 3], strokeWidth=1).encode(**box),
        data(boxes)
        .mark_rect(fill=ACCENT, stroke=ACCENT, strokeWidth=1.5)
        .encode(**box, fillOpacity=alt.FillOpacity("dark:Q", scale=None, legend=None)),
        text(data(labels), "text", INK, fontWeight=600).encode(x=alt.value(0), y=pixels("y", height)),
        text(data(counts), "text", INK, align="right" if wide else "left").encode(**at),
        text(data(notes), "text", SOFT, fontSize=12.5).encode(x=alt.value(0), y=pixels("y", height)),
    ]
    return alt.layer(*layers).properties(width=width, height=height)


def funnels(rows: Sequence[FunnelRow]) -> Chart | None:
    """All junctures, each as a bar in a bar in a bar, of every 20 openings; None where all are hidden."""
    shown = [row for row in rows if (row.openings[0] or row.openings[1]) and None not in row.openings[1:3]]
    if not shown:
        return None
    said = "; ".join(f"{row.title}: {_spoken(row)}" for row in shown)
    title = f"Of every {EVERY} openings, how many were judged, missed, and followed by a crisis"
    return both("funnels", title, f"Bars inside bars. {said}.", lambda width: _funnels(rows, width))


def _spoken(row: FunnelRow) -> str:
    names = ("openings", "judged", "missed", "followed by a crisis")
    told = [f"{count(n)} {name}" for n, name in zip(row.openings, names, strict=True) if n is not None]
    return "about " + ", ".join(told)


def _funnels(rows: Sequence[FunnelRow], width: int) -> Any:
    import altair as alt

    wide = width == WIDE
    left = 292 if wide else 0
    titles: list[Row] = []
    boxes: list[Row] = []
    remarks: list[Row] = []
    y = 0.0
    for row in rows:
        lines = wrap(row.title, 40 if wide else 48)
        room = max(40.0, 16.0 * len(lines) + 16) if wide else 16.0 * len(lines) + 36
        middle = y + (room / 2 if wide else room - 20)
        top = middle - 8.0 * (len(lines) - 1) if wide else y + 8
        titles += [{"y": top + 16 * n, "text": line} for n, line in enumerate(lines)]
        # Where all openings are hidden, the bar begins with those that could be judged.
        whole = row.openings[0] or row.openings[1]
        # A part can be told from the next only where both are known.
        if not whole or None in row.openings[1:3]:
            remarks.append({"y": middle, "text": "hidden, to protect people"})
        else:
            for openings, dark, half in zip(row.openings, _DARK, (12, 12, 12, 6), strict=True):
                if openings is not None:
                    end = EVERY * openings / whole
                    boxes.append({"x": 0.0, "x2": end, "y": middle - half, "y2": middle + half, "dark": dark})
        y += room
    scale = alt.Scale(domain=[0, EVERY], range=[left, width - 12], nice=False)
    axis = alt.Axis(
        title=f"of every {EVERY} openings",
        values=[0, 5, 10, 15, 20],
        format="d",
        domain=False,
        tickSize=0,
        labelPadding=6,
        labelFlush=False,
        grid=False,
    )
    layers = [
        data(boxes)
        .mark_rect(fill=ACCENT, stroke=ACCENT, strokeWidth=1)
        .encode(
            x=alt.X("x:Q", scale=scale, axis=axis),
            x2="x2:Q",
            y=pixels("y", y),
            y2="y2:Q",
            fillOpacity=alt.FillOpacity("dark:Q", scale=None, legend=None),
        ),
        text(data(titles), "text", INK).encode(x=alt.value(0), y=pixels("y", y)),
        text(data(remarks), "text", SOFT, fontStyle="italic").encode(x=alt.value(left + 6), y=pixels("y", y)),
    ]
    key = (("not judged", 0.0), ("met", 0.16), ("missed", 0.45), ("missed, then a crisis", 1.0))
    for n, (word, dark) in enumerate(key):
        # Beside each other where there is room, else two by two.
        at, up = (122.0 * n, -26.0) if wide else (110.0 * (n % 2), -44.0 + 20 * (n // 2))
        one = data([{"text": word}])
        layers += [
            one.mark_rect(fill=ACCENT, stroke=ACCENT, strokeWidth=1, fillOpacity=dark).encode(
                x=alt.value(at), x2=alt.value(at + 16), y=alt.value(up - 6), y2=alt.value(up + 6)
            ),
            one.mark_text(align="left", baseline="middle", color=INK, fontSize=12.5).encode(
                x=alt.value(at + 21), y=alt.value(up), text="text:N"
            ),
        ]
    return alt.layer(*layers).properties(width=width, height=y)
