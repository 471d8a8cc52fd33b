"""What all charts share: colours, shapes, two widths, and the way from a chart to SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from juncture.pages.svg import accessible

INK, SOFT, LINE, ACCENT, PAPER = "#22292f", "#59636c", "#cfd3d2", "#1a5a70", "#fdfcf9"
#: Blue-green and burnt orange are apart under every common form of colour blindness.
COLOURS = {"all": INK, "women": "#00707a", "men": "#b4540a"}
SHAPES = {"all": "square", "women": "circle", "men": "diamond"}
DASHES = {"all": [1, 0], "women": [1, 0], "men": [6, 4]}
NAMES = {"all": "All", "women": "Women", "men": "Men"}
WIDE, NARROW = 680, 340
_SIZES = (("wide", WIDE), ("narrow", NARROW))

Row = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One picture in two widths, as SVG elements without a prolog, and its description."""

    name: str
    title: str
    description: str
    wide: str
    narrow: str


def both(name: str, title: str, description: str, draw: Callable[[int], Any]) -> Chart:
    """The chart that ``draw`` makes of a width, in both widths."""
    wide, narrow = (_svg(draw(width), f"{name}-{word}", title, description) for word, width in _SIZES)
    return Chart(name=name, title=title, description=description, wide=wide, narrow=narrow)


def _svg(chart: Any, prefix: str, title: str, description: str) -> str:
    import vl_convert

    done = chart.configure(
        background="transparent",
        # Text is measured in one font and shown in another, which may be wider.
        padding={"left": 2, "top": 2, "right": 10, "bottom": 2},
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


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters, broken between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def by(values: Mapping[str, Any]) -> Any:
    """A scale that gives each key its value."""
    import altair as alt

    return alt.Scale(domain=list(values), range=list(values.values()))


def data(rows: list[Row]) -> Any:
    """A chart of ``rows`` without marks."""
    import altair as alt

    return alt.Chart(alt.Data(values=rows))


def text(chart: Any, field: str, colour: str, **style: Any) -> Any:
    """Text of ``field``, from the left unless ``style`` says otherwise."""
    import altair as alt

    look = {"align": "left", "baseline": "middle", "color": colour, "fontSize": 13, **style}
    return chart.mark_text(**look).encode(text=alt.Text(f"{field}:N"))


def pixels(field: str, height: float) -> Any:
    """A vertical place told in pixels from the top of the plot."""
    import altair as alt

    scale = alt.Scale(domain=[0, height], range=[0, height], nice=False, zero=False)
    return alt.Y(f"{field}:Q", axis=None, scale=scale)
