"""Where titles, labels and marks of a chart of rows stand: labels beside the marks, or above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from juncture.pages.charts.style import INK, SOFT, Row, data, pixels, text, wrap

TITLE_LINE, LABEL_LINE, BETWEEN = 18, 15, 16


@dataclass(frozen=True)
class Laid:
    """Lines of titles and labels and the place of each row of each group, in pixels from the top."""

    titles: list[Row]
    labels: list[Row]
    places: list[list[float]]
    height: float


def lay(
    groups: Sequence[tuple[str, Sequence[str]]], *, title_chars: int, label_chars: int, beside: bool, step: float = 25
) -> Laid:
    """Lay out groups of a title ("" for none) and row labels; a row is at least ``step`` high."""
    titles: list[Row] = []
    labels: list[Row] = []
    places: list[list[float]] = []
    y = 0.0
    for place, (title, rows) in enumerate(groups):
        y += BETWEEN if place else 4
        for line in wrap(title, title_chars) if title else ():
            titles.append({"y": y + TITLE_LINE / 2, "text": line})
            y += TITLE_LINE
        y += 2 if title else 0
        own = []
        for label in rows:
            lines = wrap(label, label_chars) if label else []
            if beside:
                room = max(step, LABEL_LINE * len(lines) + 10)
                middle = y + room / 2
                first = middle - LABEL_LINE * (len(lines) - 1) / 2
            else:
                room = LABEL_LINE * len(lines) + step
                first, middle = y + LABEL_LINE / 2 + 3, y + LABEL_LINE * len(lines) + step / 2
            labels += [{"y": first + LABEL_LINE * n, "text": line} for n, line in enumerate(lines)]
            own.append(middle)
            y += room
        places.append(own)
    return Laid(titles, labels, places, y + 4)


def words(laid: Laid, indent: float) -> list[object]:
    """Layers of the titles and labels."""
    import altair as alt

    where = pixels("y", laid.height)
    found: list[object] = []
    if laid.titles:
        found.append(text(data(laid.titles), "text", INK, fontWeight=600).encode(x=alt.value(0), y=where))
    if laid.labels:
        found.append(text(data(laid.labels), "text", SOFT).encode(x=alt.value(indent), y=where))
    return found
