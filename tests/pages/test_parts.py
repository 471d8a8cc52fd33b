"""The picture of the flow, tables and sentences as readers see them, each from a few cells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from juncture.formats.tables import Cell, Column, ColumnKind, ReleasedTable
from juncture.pages import declared, flow, summary
from juncture.pages.findings import falls, funnels, gender, junctures, last_contact, released, sensitivity
from juncture.pages.tables import hidden_rows, view
from tests.pages import made_up

LABEL, PEOPLE, ESTIMATE = ColumnKind.LABEL, ColumnKind.PEOPLE, ColumnKind.ESTIMATE


def released_as(name: str, columns: str, *rows: Sequence[Cell], hidden: Sequence[int] = ()) -> dict[str, ReleasedTable]:
    """A released table; the columns that end in ``!`` are labels."""
    made = tuple(Column(n.rstrip("!"), n.rstrip("!"), LABEL if n.endswith("!") else ESTIMATE) for n in columns.split())
    why = tuple("fewer than 11 people" if i in hidden else "" for i in range(len(rows)))
    return {name: ReleasedTable(name, name, "", made, tuple(tuple(row) for row in rows), why)}


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


GENDER = "measure! title! women men ratio low high link_low link_high"


def test_differences_that_missed_links_may_have_made_are_named() -> None:
    name = next(iter(made_up.agreement().juncture))
    share = (f"missed_share:{name}", "Share missed: A", 0.6, 0.4, 1.5, 1.1, 2.0)
    tables = released_as(
        "gender",
        GENDER,
        ("arrests", "Arrests a year", 0.3, 0.9, 0.33, 0.16, 0.69, 0.13, 1.02),
        ("crises", "Crisis episodes a year", 4.4, 3.9, 1.13, 0.84, 1.51, 0.8, 1.6),
        ("follow_ups", "Follow-ups a year", 5.2, 3.1, 1.68, 1.17, 2.41, 1.1, 2.6),
        ("co_responses", "Hidden", *(None,) * 7),
        (*share, 1.05, 2.1),
        hidden=[3],
    )
    rates, shares = gender.gender_views(made_up.agreement(), tables)
    assert rates.note == (
        "Allowing for missed links, these differences may be none at all: Arrests (women over men 0.13 to 1.02)."
    )
    assert [c.text for c in rates.rows[0]][-1] == "0.13\xa0to\xa01.02"
    assert (shares.note, shares.rows[0][0].text) == ("", "A")
    (wide,) = gender.gender_views(made_up.agreement(), released_as("gender", GENDER, (*share, 0.9, 2.2)))
    assert "A (women over men 0.90 to 2.20" in wide.note


def test_a_share_of_women_and_men_is_percent_and_its_ratio_is_not() -> None:
    tables = released_as("gender", GENDER, ("share:night", "Crises at night", 0.24, 0.29, 0.83, 0.66, 1.04, 0.6, 1.1))
    (shares,) = gender.gender_views(made_up.agreement(), tables)
    assert [c.text for c in shares.rows[0]][:4] == ["Crises at night", "24%", "29%", "0.83 (0.66\xa0to\xa01.04)"]
    chart = gender.pair_chart(tables, "share")
    assert chart is not None and "women 24%, men 29%" in chart.description
    assert gender.pair_chart(tables, "") is None


def test_everybody_stands_in_a_table_an_agency_women_beside_men() -> None:
    tables = released_as(
        "everyone",
        "agency! title! sex! band! people",
        ("police", "Police", "women", "1", 900),
        ("police", "Police", "men", "1", 1200),
        ("police", "Police", "women", "10+", None),
        ("clinic", "Clinic", "women", "1", 400),
        hidden=[2],
    )
    police, clinic = gender.everyone_views(tables)
    assert [[c.text for c in row] for row in police.rows] == [["1", "900", "1,200"], ["10+", "hidden", "–"]]
    assert [[c.text for c in row] for row in clinic.rows] == [["1", "400", "–"]]


FALLS = (
    "agency! title! stratum! people before after observed_fall observed_low observed_high "
    "expected_fall expected_low expected_high lagged_fall lagged_low lagged_high note"
)


def fall(*cells: float | None, note: str = "") -> dict[str, ReleasedTable]:
    """One agency, everybody: observed, expected and lagged fall with their ends."""
    return released_as("expected_fall", FALLS, ("police", "Contacts with Police", "all", 80, 11.2, 6.4, *cells, note))


def test_a_fall_is_never_told_alone() -> None:
    tables = fall(0.43, 0.33, 0.52, *(None,) * 6)
    assert falls.fall_words(tables) == ()
    assert falls.fall_chart(tables) is None
    table = falls.fall_view(made_up.agreement(), tables)
    assert table is not None
    told = {c.text for row in table.rows for c in row}
    assert not told & {"43% (33%\xa0to\xa052%)", "11.20", "6.40"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ((0.43, 0.33, 0.52), "The two cannot be told apart, so the fall shows nothing about any program."),
        ((0.70, 0.60, 0.80), "That is more than expected."),
        ((0.05, -0.10, 0.20), "That is less than expected."),
    ],
)
def test_a_fall_is_set_beside_the_expected_one(seen: tuple[float, float, float], said: str) -> None:
    """Expected is 30 % to 46 %."""
    (text,) = falls.fall_words(fall(*seen, 0.38, 0.30, 0.46, *(None,) * 3))
    assert "Contacts with Police would have fallen by about 38% by themselves, as these people were" in text
    assert said in text


def test_two_ways_to_expect_a_fall_are_both_told_where_they_differ() -> None:
    far, near = (falls.fall_words(fall(0.4, 0.3, 0.5, 0.38, 0.3, 0.46, x, 0.0, 0.6))[0] for x in (0.2, 0.3))
    assert "A second way to reckon it says 20%" in far
    assert "second way" not in near
    (minded,) = falls.fall_words(fall(0.4, 0.3, 0.5, 0.38, 0.3, 0.46, 0.2, 0.0, 0.6, note="they differ"))
    assert minded.endswith(" says 20%. Mind: they differ.")
    (alone,) = falls.fall_words(fall(0.4, 0.3, 0.5, *(None,) * 3, 0.2, 0.1, 0.3))
    assert "would have fallen by about 20% by themselves" in alone


def test_a_rise_is_called_a_rise() -> None:
    (text,) = falls.fall_words(fall(-0.1, -0.2, 0.0, 0.38, 0.3, 0.46, *(None,) * 3))
    assert "They rose by about 10% (the records fit −20% to 0%)" in text


LAST = "measure! value! title! stratum! people crises share referent_share odds_ratio low high"


def test_the_last_contact_is_told_with_what_is_more_usual_than_at_other_times() -> None:
    tables = released_as(
        "last_contact",
        LAST,
        ("kind", "police.arrest", "Arrest (Police)", "all", 30, 60, 0.2, 0.1, 2.2, 1.4, 3.5),
        ("kind", "clinic.follow_up", "Follow-up (Clinic)", "all", 40, 80, 0.3, 0.28, 1.1, 0.7, 1.6),
        ("kind", "clinic.outpatient", "Outpatient (Clinic)", "all", None, None, None, None, None, None, None),
        ("days", "0", "On the same day", "all", 30, 60, 0.2, 0.1, 2.2, 1.4, 3.5),
        hidden=[2],
    )
    assert last_contact.last_contact_words(tables) == (
        "The most usual one was: follow-up (Clinic), at 6 of every 20 crises. More usual than at other times of the "
        "same people: arrest (Police)."
    )
    kinds, days = last_contact.last_contact_charts(tables)
    assert kinds.description.index("Follow-up") < kinds.description.index("Arrest")
    assert "On the same day: before a crisis 20%, at other times 10%" in days.description
    assert [len(t.rows) for t in last_contact.last_contact_views(made_up.agreement(), tables)] == [3, 1]


def test_junctures_stand_by_rank_then_as_declared() -> None:
    made = made_up.agreement()
    first, second, third, *_ = made.juncture
    tables = released_as(
        "junctures", "juncture! stratum! rank", (second, "all", 1), (first, "all", None), (second, "women", 9)
    )
    place = released.by_rank(made, tables)
    assert sorted(made.juncture, key=place)[:3] == [second, first, third]
    assert [v.name for v in junctures.juncture_views(made, tables)][:3] == [second, first, third]


def test_only_shares_in_turn_are_added_up() -> None:
    rows = [(name, "all", value) for name, value in zip(made_up.agreement().juncture, (12.0, 5.0), strict=False)]
    tables = released_as("junctures", "juncture! stratum! attributed", *rows)
    assert "Together they come to about 17 crises a year" in junctures.added_up(tables)
    assert junctures.added_up(released_as("junctures", "juncture! stratum! attributed", rows[0])) == ""


def test_how_sure_the_order_is_told() -> None:
    name = next(iter(made_up.agreement().juncture))
    columns = "juncture! stratum! rank prob_top3"
    told = junctures.ranking_words(released_as("junctures", columns, (name, "all", 1, 0.61)))
    assert "would be among the first three 12 of every 20 times" in told
    assert "too few have enough people" in junctures.ranking_words(
        released_as("junctures", columns, (name, "all", None, None))
    )
    assert junctures.ranking_words({}) == ""


def test_bounds_without_an_estimate_stand_in_one_cell() -> None:
    name = next(iter(made_up.agreement().juncture))
    columns = "juncture! stratum! avoidable avoidable_low avoidable_high bound_low bound_high lead_days"
    table = released_as("junctures", columns, (name, "all", 12.4, 3.1, 20.9, -40.0, 35.0, 16.5))["junctures"]
    shown = view(made_up.agreement(), table, columns=("stratum", *columns.replace("!", "").split()[2:]))
    assert [c.text for c in shown.rows[0]] == ["All", "12 (3\xa0to\xa021)", "−40\xa0to\xa035", "16"]


FUNNEL = "juncture! title! stage! what! openings people"


def test_a_hidden_row_is_named_for_readers() -> None:
    tables = released_as("funnel", FUNNEL, ("x", "Arrest", "end_first", "The records ended", None, None), hidden=[0])
    (hidden,) = hidden_rows(made_up.agreement(), tables)
    assert (hidden.rows, hidden.total) == (("Arrest, The records ended",), 1)


def test_the_funnel_says_what_fell_out_and_where() -> None:
    name = next(iter(made_up.agreement().juncture))
    rows = [
        (name, "A", "opened", "All", 400, 70),
        (name, "A", "crisis_first", "-", 60, 40),
        (name, "A", "institution_first", "-", None, None),
        (name, "A", "end_first", "-", 40, 30),
        (name, "A", "evaluable", "Judged", 300, None),
        (name, "A", "missed", "Missed", 150, 60),
        (name, "A", "crisis", "Crisis", 60, 40),
    ]
    tables = released_as("funnel", FUNNEL, *rows, hidden=[2])
    _, chart, said = funnels.main_funnel(made_up.agreement(), tables)
    assert chart is not None
    assert (
        "Fell out: about 100 that could not be judged (60 as a crisis came first and 40 as the records"
        in chart.description
    )
    assert "Judged: about 300 openings (" in chart.description
    assert "Missed: about 150 openings, 60 people (Fell out: about 150 where the response came)" in chart.description
    assert said.startswith("Of the openings that could be judged, 10 of every 20 were missed. After 8 of every 20 of")
    table = funnels.funnel_view(made_up.agreement(), tables)
    assert table is not None
    assert [c.text for c in table.rows[0][1:]] == [
        "400 (70)",
        "60 (40)",
        "hidden",
        "40 (30)",
        "300",
        "150 (60)",
        "60 (40)",
    ]


def test_the_variants_drawn_are_those_of_the_first_juncture_that_has_some() -> None:
    first, second, *_ = made_up.agreement().juncture
    columns = "juncture! title! variant! what! hazard_ratio low high"
    rows = [
        (first, "A", "primary", "As declared", None, None, None),
        (second, "B", "primary", "As declared", 1.4, 1.1, 1.8),
    ]
    chart = sensitivity.variant_chart(made_up.agreement(), released_as("sensitivity", columns, *rows))
    assert chart is not None
    assert f"{made_up.agreement().juncture[second].title}: As declared 1.40" in chart.description


def test_differing_rates_and_shares_are_said_and_others_are_not() -> None:
    columns = "measure! title! women men ratio q_value"
    arrests = ["arrests", "Arrests a year", 0.4, 0.5, 0.8, 0.7]
    victims = ["share:victim", "Contacts with the police as a victim", 0.12, 0.05, 2.2, 0.02]
    weekend = ["share:weekend", "Crises on a weekend", 0.2, 0.3, 0.7, 0.06]
    missed = ["missed_share:arrest", "Share missed: Arrest", 0.2, 0.6, 0.3, 0.001]
    said = summary.different_rates(released_as("gender", columns, arrests, victims, weekend, missed))
    assert said.startswith("No rate differs clearly between women and men.")
    assert "Clearly a larger share among women: contacts with the police as a victim (women 12%, men 5%)." in said
    assert "weekend" not in said and "arrest" not in said.lower()
    assert "among women" not in summary.different_rates(released_as("gender", columns, arrests, victims, hidden=[1]))
    follow_ups = ["follow_ups", "Follow-ups a year", 1.0, 3.0, 0.3, 0.001]
    said = summary.different_rates(released_as("gender", columns, follow_ups))
    assert said.startswith("Men had clearly more follow-ups.") and "No rate" not in said


def test_no_linkage_is_called_certain() -> None:
    """A released share of 1 is a rounded one: 'not perfect' and '20 of every 20' would not go together."""
    rows = (["expected_precision", 1.0, 0.99, 1.0], ["expected_recall", 0.949, 0.9, 0.98])
    said = summary.links(made_up.agreement(), released_as("linkage", "measure! estimate low high", *rows))
    assert "expect nearly 20 of every 20 links to be right" in said
    assert "to have found 19 of every 20 people" in said


def test_of_hidden_verdicts_no_lack_of_a_signal_is_claimed() -> None:
    made = made_up.agreement()
    first, second = sorted(made.juncture)[:2]
    rows = ([first, "all", "uncertain"], [second, "all", None])
    for hidden, said in (([1], "At no juncture that can be told of was there"), ([], "At no juncture that can")):
        tables = released_as("junctures", "juncture! stratum! verdict!", *rows, hidden=hidden)
        views = junctures.juncture_views(made, tables)
        assert any(said in part for part in summary.in_short(made, tables, views, ()))
    told = [view for view in views if view.verdict is not None]
    assert any("At no juncture was there" in part for part in summary.in_short(made, tables, told, ()))


def test_falls_by_themselves_are_in_short_where_they_are_known() -> None:
    assert summary.falls_alone(fall(*(None,) * 9)) == []
    (text,) = summary.falls_alone(fall(0.43, 0.33, 0.52, 0.38, 0.30, 0.46, *(None,) * 3))
    assert "here about 38% fewer contacts with Police" in text
    # Two ways that differ are both told; where one of them says a rise, nothing is.
    (text,) = summary.falls_alone(fall(0.43, 0.33, 0.52, 0.38, 0.30, 0.46, 0.3, 0.2, 0.4))
    assert "here about 30% to 38% fewer contacts with Police" in text
    assert summary.falls_alone(fall(0.43, 0.33, 0.52, 0.38, 0.30, 0.46, -0.1, -0.2, 0.0)) == []
    assert "43%" not in text
