"""Charts of released tables as inline SVG: drawn by Altair and vl-convert, then made readable by screen readers.

Every chart is drawn twice, wide and narrow, so that text keeps its size on a telephone; the style sheet shows one.
What differs by colour differs by shape, dash or a label as well. Colours are written as attributes, which the style
sheet replaces in the dark. A module draws one form.
"""

from juncture.pages.charts.amounts import Amount, AmountGroup, Look, amounts
from juncture.pages.charts.curves import CurvePoint, curves
from juncture.pages.charts.funnel import FunnelBar, FunnelRow, funnel, funnels
from juncture.pages.charts.pairs import Pair, Pairs, pairs
from juncture.pages.charts.ratios import RatioGroup, RatioRow, differences, forest, together, variants
from juncture.pages.charts.style import COLOURS, INK, NARROW, WIDE, Chart, wrap

__all__ = [
    "COLOURS",
    "INK",
    "NARROW",
    "WIDE",
    "Amount",
    "AmountGroup",
    "Chart",
    "CurvePoint",
    "FunnelBar",
    "FunnelRow",
    "Look",
    "Pair",
    "Pairs",
    "RatioGroup",
    "RatioRow",
    "amounts",
    "curves",
    "differences",
    "forest",
    "funnel",
    "funnels",
    "pairs",
    "together",
    "variants",
    "wrap",
]
