"""Charts, the picture of the flow, and tables as readers see them, each from a few cells."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from juncture.formats.tables import Column, ColumnKind, ReleasedTable
from juncture.pages import charts, declared, flow
from juncture.pages.charts import CurvePoint, ForestGroup, ForestRow, RatePair, wrap
from juncture.pages.findings import difference_views, rate_view
from juncture.pages.tables import view
from juncture.pages.words import Interval
from tests.pages import made_up

LABEL, PEOPLE, ESTIMATE = ColumnKind.LABEL, ColumnKind.PEOPLE, ColumnKind.ESTIMATE


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter("text")]


def test_nothing_to_draw_is_no_chart() -> None:
    assert charts.forest([]) is None
    assert (
        charts.forest([ForestGroup("A", (ForestRow("all", Interval(1.2)), ForestRow("men", Interval(), "hidden")))])
        is None
    )
    assert charts.curves([CurvePoint("women", 30, Interval()), CurvePoint("men", 30, Interval())]) is None
    assert charts.rates([]) is None


def test_a_forest_tells_what_it_does_not_draw() -> None:
    rows = (
        ForestRow("all", Interval(1.5, 1.1, 2.0)),
        ForestRow("women", Interval()),
        ForestRow("men", Interval(), "hidden"),
    )
    chart = charts.forest([ForestGroup("A & <b>", rows)])
    assert chart is not None
    for svg in (chart.wide, chart.narrow):
        assert {"A & <b>", "All", "Women", "Men", "no estimate", "hidden", "same"} <= set(texts(svg))
    assert "all 1.50, from 1.1 to 2.0 times; women no estimate; men hidden" in chart.description


def test_an_interval_beyond_the_chart_ends_in_an_arrow() -> None:
    """One drawn point, and a triangle at each end that lies beyond 1/8 and 8."""

    def triangles(high: float) -> int:
        chart = charts.forest([ForestGroup("A", (ForestRow("all", Interval(1.0, 0.2, high)),))])
        assert chart is not None
        marks = [e for e in ElementTree.fromstring(chart.wide).iter("path") if e.get("fill") == charts.INK]
        return len(marks) - 1

    assert [triangles(7.9), triangles(40.0)] == [0, 1]


def test_women_and_men_differ_by_dash_and_label_too() -> None:
    points = [CurvePoint(s, d, Interval(d / 30, d / 40, d / 20)) for s in ("women", "men") for d in (30, 60, 90)]
    chart = charts.curves(points)
    assert chart is not None
    lines = {e.get("stroke"): e.get("stroke-dasharray") for e in ElementTree.fromstring(chart.wide).iter("path")}
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
    assert chart is not None
    paths = [e.attrib for e in ElementTree.fromstring(chart.wide).iter("path")]
    lines = [p["d"] for p in paths if p.get("stroke") == charts.COLOURS["women"] and p["d"].count("L") >= 1]
    dots = [p for p in paths if p.get("fill") == charts.COLOURS["women"] and "A3" in p["d"]]
    assert sorted(line.count("L") for line in lines) == [1, 2]
    assert len(dots) == 1


def test_rates_of_nobody_are_drawn_at_nothing() -> None:
    chart = charts.rates([RatePair("Arrests", 0.0, 0.0)])
    assert chart is not None
    assert "NaN" not in chart.wide


@pytest.mark.parametrize(
    "text", ["", "one", "a few words that are longer than one line", "averyveryverylongword and more"]
)
def test_wrapped_text_keeps_its_words(text: str) -> None:
    assert " ".join(wrap(text, 12)).split() == text.split()


@pytest.mark.parametrize("number", [2, 3, 5])
def test_boxes_of_the_flow_never_overlap(number: int) -> None:
    titles = [f"A Long Name of an Agency That Wraps Over Lines, Number {i}" for i in range(number)]
    extra = "".join(
        f'party.agency{i} = {{ role = "agency", family = "police", title = "{titles[i]}" }}\n' for i in range(2, number)
    )
    patterns = ", ".join(f'"{name}.*"' for name in ("police", *(f"agency{i}" for i in range(2, number))))
    text = made_up.AGREEMENT.replace("River Town Police Department", titles[0]).replace('"police.*"', patterns)
    text = text.replace("release.start", f"{extra}release.start", 1)
    made = made_up.agreement(text)
    steps = [flow.Step(f"Shared by {title}", 12345) for title in declared.agencies(made)]
    for drawing in flow.drawings(made, [*steps, flow.Step(flow.CHOSEN, 80)]):
        assert any("About 80 people" in t for b in drawing.boxes for _, t, _ in b.texts())
        for i, a in enumerate(drawing.boxes):
            assert 0 <= a.x < a.right <= drawing.width
            assert 0 <= a.y < a.bottom <= drawing.height
            assert all(a.y < y < a.bottom and len(t) * 6.2 < a.width for y, t, _ in a.texts())
            for b in drawing.boxes[i + 1 :]:
                assert a.right < b.x or b.right < a.x or a.bottom < b.y or b.bottom < a.y


def test_a_table_merges_intervals_and_says_what_is_hidden() -> None:
    """
    measure              estimate  low   high  people  rank
    expected_precision   .956      .91   .998  120     -
    links (hidden)       -         -     -     -       -
    """
    columns = (
        Column("measure", "Measure", LABEL),
        Column("estimate", "Estimate", ESTIMATE),
        Column("low", "from", ESTIMATE),
        Column("high", "to", ESTIMATE),
        Column("people", "People", PEOPLE),
        Column("rank", "Rank", ESTIMATE),
    )
    rows = (("expected_precision", 0.956, 0.91, 0.998, 120, None), ("links", None, None, None, None, None))
    table = ReleasedTable("linkage", "Links", "", columns, rows, ("", "fewer than 11 people"))
    shown = view(made_up.agreement(), table)
    assert [c.text for c in shown.titles] == ["Measure", "Estimate (95% interval)", "People"]
    assert [[c.text for c in row] for row in shown.rows] == [
        ["Links that are right", "96% (91%\xa0to\xa0over 99%)", "120"],
        ["Links made", "hidden", "hidden"],
    ]


def test_differences_that_missed_links_may_have_made_are_named() -> None:
    names = ("measure", "title", "women", "men", "ratio", "low", "high", "link_low", "link_high")
    columns = tuple(Column(n, n, LABEL if n in {"measure", "title"} else ESTIMATE) for n in names)
    name = next(iter(made_up.agreement().juncture))
    share = (f"missed_share:{name}", "Share missed: A", 0.6, 0.4, 1.5, 1.1, 2.0)
    rows = (
        ("arrests", "Arrests a year", 0.3, 0.9, 0.33, 0.16, 0.69, 0.13, 1.02),
        ("crises", "Crisis episodes a year", 4.4, 3.9, 1.13, 0.84, 1.51, 0.8, 1.6),
        ("follow_ups", "Follow-ups a year", 5.2, 3.1, 1.68, 1.17, 2.41, 1.1, 2.6),
        ("co_responses", "Hidden", None, None, None, None, None, None, None),
        (*share, 1.05, 2.1),
    )
    told = ("", "", "", "fewer than 11 people", "")
    tables = {"gender": ReleasedTable("gender", "Women and men", "Rates.", columns, rows, told)}
    rates = rate_view(made_up.agreement(), tables)
    assert rates is not None and not any(t.text.startswith("link_") for t in rates.titles)
    assert rates.note == (
        "Rates. Allowing for missed links, these differences may be none at all: Arrests (women over men 0.13 to 1.02)."
    )
    assert [v.note for v in difference_views(made_up.agreement(), tables)] == [""]
    wide = {"gender": ReleasedTable("gender", "", "", columns, ((*share, 0.9, 2.2),), ("",))}
    (shares,) = difference_views(made_up.agreement(), wide)
    assert "Share missed: A (women over men 0.90 to 2.20" in shares.note
