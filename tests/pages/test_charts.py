"""Charts, each from a few cells: what is drawn where, and what is said where nothing is drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from juncture.pages import charts
from juncture.pages.charts import (
    Amount,
    AmountGroup,
    Chart,
    CurvePoint,
    FunnelBar,
    FunnelRow,
    Look,
    Pair,
    Pairs,
    RatioGroup,
    RatioRow,
    wrap,
)
from juncture.pages.charts.style import ACCENT, PAPER, SOFT
from juncture.pages.words import Interval

RATES = Pairs.women_and_men("a person and year")


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter("text")]


def paths(chart: Chart | None, **having: str) -> list[dict[str, str]]:
    """Attributes of the paths of the wide picture that have these."""
    assert chart is not None
    found = [dict(e.attrib) for e in ElementTree.fromstring(chart.wide).iter("path")]
    return [p for p in found if all(p.get(key.replace("_", "-")) == value for key, value in having.items())]


def row(ratio: Interval, remark: str = "", stratum: str = "all", **more: tuple[float, float]) -> RatioRow:
    return RatioRow({"all": "All", "women": "Women", "men": "Men"}[stratum], ratio, remark, stratum, **more)


def amounts(*rows: Amount) -> Chart | None:
    return charts.amounts("a", "A", "crises", [AmountGroup("One", rows)])


def test_nothing_to_draw_is_no_chart() -> None:
    nothing = RatioGroup("A", (row(Interval(1.2)), row(Interval(), "hidden", "men")))
    assert charts.forest([]) is None
    assert charts.forest([nothing]) is None
    assert charts.differences("d", "D", [nothing]) is None
    assert charts.variants([nothing]) is None
    assert charts.curves([CurvePoint("women", 30, Interval()), CurvePoint("men", 30, Interval())]) is None
    assert charts.pairs("rates", "Rates", RATES, []) is None
    assert amounts(Amount("A", Interval()), Amount("B", Interval(3.0), Look.BOUNDS)) is None
    assert charts.funnel("A", [FunnelBar("All", None, "hidden")]) is None
    assert charts.funnel("A", [FunnelBar("All", 0.0, "about 0 openings")]) is None
    assert charts.funnels([FunnelRow("A", (None, None, None, None))]) is None


def test_a_forest_tells_what_it_does_not_draw() -> None:
    rows = (row(Interval(1.5, 1.1, 2.0)), row(Interval(), stratum="women"), row(Interval(), "hidden", "men"))
    chart = charts.forest([RatioGroup("A & <b>", rows)])
    assert chart is not None
    for svg in (chart.wide, chart.narrow):
        assert {"A & <b>", "All", "Women", "Men", "no estimate", "hidden", "same"} <= set(texts(svg))
    assert "All 1.50, from 1.1 to 2.0 times; Women no estimate; Men hidden" in chart.description


@pytest.mark.parametrize(("high", "arrows"), [(7.9, 0), (40.0, 1)])
def test_an_interval_beyond_the_chart_ends_in_an_arrow(high: float, arrows: int) -> None:
    """One drawn point, and a triangle at each end that lies beyond 1/8 and 8."""
    chart = charts.forest([RatioGroup("A", (row(Interval(1.0, 0.2, high)),))])
    assert len(paths(chart, fill=charts.INK)) == 1 + arrows


def test_the_bound_of_missed_links_reaches_beyond_the_interval() -> None:
    """On a log scale from 1/2 to 4, the bound 0.5 to 4 is all of it: 3 / 2 times the interval's 1 to 4."""

    def length(line: ElementTree.Element) -> float:
        return abs(float(line.get("x2", "0")) - float(line.get("x1", "0")))

    chart = charts.differences("d", "D", [RatioGroup("A", (row(Interval(2.0, 1.0, 4.0), reach=(0.5, 4.0)),))])
    assert chart is not None
    lines = [e for e in ElementTree.fromstring(chart.wide).iter("line") if e.get("stroke") == charts.INK]
    by_width = {float(e.get("stroke-width", "0")): length(e) for e in lines}
    assert by_width[1.2] / by_width[2.6] == pytest.approx(1.5, abs=0.01)
    assert "allowing for missed links from 0.5 to 4.0 times" in chart.description


def test_women_and_men_differ_by_dash_and_label_too() -> None:
    points = [CurvePoint(s, d, Interval(d / 30, d / 40, d / 20)) for s in ("women", "men") for d in (30, 60, 90)]
    chart = charts.curves(points)
    assert chart is not None
    lines = {p.get("stroke"): p.get("stroke-dasharray") for p in paths(chart)}
    assert lines[charts.COLOURS["women"]] != lines[charts.COLOURS["men"]]
    heights = dict(re.findall(r'translate\([\d.]+,([\d.]+)\)"[^>]*>(Women|Men)<', chart.wide))
    first, second = (float(height) for height in heights)
    assert abs(first - second) >= 12


def test_everybody_is_drawn_where_men_are_hidden_but_not_beside_both() -> None:
    points = [CurvePoint(s, 30, Interval(1.0)) for s in ("all", "women", "men")]
    shown = [charts.curves(points), charts.curves(points[:2])]
    names = [{"All", "Women", "Men"} & set(texts(chart.wide)) for chart in shown if chart]
    assert names == [{"Women", "Men"}, {"All", "Women"}]


def test_a_curve_is_not_drawn_over_hidden_days() -> None:
    """Days 30 and 60, then 150 alone, then 240 and 270: two lines and a dot, as the days between are hidden."""
    points = [CurvePoint("women", d, Interval(d / 30)) for d in (30, 60, 150, 240, 270)]
    chart = charts.curves(points)
    lines = [p["d"] for p in paths(chart, stroke=charts.COLOURS["women"]) if p["d"].count("L") >= 1]
    dots = [p for p in paths(chart, fill=charts.COLOURS["women"]) if "A3" in p["d"]]
    assert sorted(line.count("L") for line in lines) == [1, 2]
    assert len(dots) == 1


def test_pairs_of_nothing_are_drawn_at_nothing() -> None:
    chart = charts.pairs("rates", "Rates", RATES, [Pair("Arrests", 0.0, 0.0)])
    assert chart is not None
    assert "NaN" not in chart.wide
    assert "Arrests: women 0.0, men 0.0" in chart.description


def test_pairs_of_shares_are_told_in_percent() -> None:
    look = Pairs.before_and_otherwise("Before", "Otherwise", "share")
    chart = charts.pairs("last", "Last", look, [Pair("A", 0.21, 0.12)])
    assert chart is not None
    assert "before as squares and otherwise as triangles. A: before 21%, otherwise 12%" in chart.description
    assert {"Before", "Otherwise", "20%"} <= set(texts(chart.wide))


def test_amounts_beside_each_other_differ_by_shape_and_label() -> None:
    chart = amounts(
        Amount("Seen", Interval(5.0, 3.0, 7.0)),
        Amount("Expected", Interval(4.0, 2.0, 6.0), Look.OPEN),
        Amount("Again", Interval(3.0, 2.0, 6.0), Look.ROUND),
        Amount("Not told", Interval(9.0, 8.0, 10.0), remark="nothing to set beside it"),
    )
    assert chart is not None
    shapes = [p["d"] for p in paths(chart, fill=PAPER, stroke=ACCENT)]
    assert len(set(shapes)) == 2
    assert {"Seen", "Expected", "Again", "nothing to set beside it"} <= set(texts(chart.wide))
    assert "Seen 5, from 3 to 7; Expected 4, from 2 to 6; Again 3, from 2 to 6; Not told nothing" in chart.description


@pytest.mark.parametrize(("low", "high", "arrows"), [(0.0, 60.0, 0), (-300.0, 60.0, 1), (-300.0, 300.0, 2)])
def test_bounds_far_beyond_the_rest_end_in_arrows(low: float, high: float, arrows: int) -> None:
    """The rest ends at 50; bounds are drawn to their end up to 1.5 times that, 75."""
    chart = amounts(
        Amount("Model", Interval(20.0, 5.0, 50.0)), Amount("Bounds", Interval(None, low, high), Look.BOUNDS)
    )
    triangles = [p for p in paths(chart, fill=SOFT) if p["d"].count("L") == 2]
    assert len(triangles) == arrows


def test_bars_of_the_funnel_are_as_long_as_their_openings() -> None:
    """400, 300, 100 and 50 openings: bars of 4/4, 3/4, 1/4 and 1/8 of the first; what fell out fills the rest."""
    counts = (400.0, 300.0, 100.0, 50.0)
    chart = charts.funnel("A", [FunnelBar(f"Stage {n:g}", n, f"about {n:g} openings") for n in counts])

    def widths(**having: str) -> list[float]:
        found = [re.search(r"h(-?[\d.]+)", p["d"]) for p in paths(chart, **having)]
        return [abs(float(match.group(1))) for match in found if match]

    first = widths(fill=ACCENT)[0]
    assert [w / first for w in widths(fill=ACCENT)] == pytest.approx([n / 400 for n in counts], abs=1e-3)
    assert [w / first for w in widths(stroke=SOFT)] == pytest.approx([1 / 4, 2 / 4, 1 / 8], abs=1e-3)


def test_a_hidden_stage_has_no_bar_and_says_so() -> None:
    bars = [
        FunnelBar("All", 90.0, "about 90 openings"),
        FunnelBar("Judged", None, "hidden"),
        FunnelBar("Missed", 40.0, "40"),
        FunnelBar("Crisis", None, "hidden"),
    ]
    chart = charts.funnel("A", bars)
    assert chart is not None
    assert "hidden" in texts(chart.wide)
    assert len(paths(chart, fill=ACCENT)) == 2
    without = charts.funnel("A", [FunnelBar("All", None, "hidden"), *bars[2:]])
    assert without is not None and "All" not in texts(without.wide)
    assert len(paths(without, fill=ACCENT)) == 1


def test_a_juncture_of_which_a_step_is_hidden_has_no_bars_beside_the_others() -> None:
    """All four bars, or three where the last step or the first alone is hidden; none where one between is."""
    whole, last = FunnelRow("A", (90.0, 80.0, 40.0, 20.0)), FunnelRow("B", (90.0, 80.0, 40.0, None))
    none = [FunnelRow("C", (90.0, None, 40.0, 20.0)), FunnelRow("D", (None, None, None, None))]
    key = 4
    first = FunnelRow("E", (None, 80.0, 40.0, 20.0))
    drawn = ([whole], [last], [first], [whole, *none])
    assert [len(paths(charts.funnels(rows), fill=ACCENT)) - key for rows in drawn] == [4, 3, 3, 4]
    together = charts.funnels([whole, *none])
    assert together is not None
    assert texts(together.narrow).count("hidden, to protect people") == 2


def test_rows_with_nothing_to_draw_are_told_together() -> None:
    drawn, hidden, small = row(Interval(1.5, 1.1, 2.0)), row(Interval(), "hidden"), row(Interval(), "too few")
    assert charts.together([drawn, hidden], "{} others", 1) == (drawn, hidden)
    (first, others) = charts.together([hidden, drawn, small], "{} others", 1)
    assert first is drawn
    assert (others.label, others.remark) == ("2 others", "hidden, or too few")
    assert [r.label for r in charts.together([hidden, hidden], "{} others", 1)] == ["All 2"]


@pytest.mark.parametrize(
    "text", ["", "one", "a few words that are longer than one line", "averyveryverylongword and more"]
)
def test_wrapped_text_keeps_its_words(text: str) -> None:
    assert " ".join(wrap(text, 12)).split() == text.split()
