"""Women and men: rates, shares and junctures, their differences with the bound that missed links allow, and everybody
in the agencies' files beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from juncture.agreement.model import Agreement
from juncture.formats.tables import ReleasedTable
from juncture.pages import charts, words
from juncture.pages.charts import Pair, Pairs, RatioGroup, RatioRow
from juncture.pages.findings.released import (
    HIDDEN_TO_PROTECT,
    Record,
    Tables,
    interval,
    records,
    shown,
    text_of,
)
from juncture.pages.tables import HIDDEN, UNTOLD, CellView, TableView, view
from juncture.pages.words import figure

#: Stem of the measures, the heading of their rows in a chart, and the caption of their table.
STEMS = {
    "": ("Contacts a person and year", "Contacts a person and year at risk"),
    "share": ("Roles, ways and times", "Shares of contacts, women and men"),
    "missed_share": ("How often the response was missed", "Share of openings missed, women and men"),
    "hazard_ratio": ("How much sooner crises came after a miss", "Missed over met, women and men"),
}
SEX_TITLES = {"women": "Women", "men": "Men"}


def stem_of(record: Record) -> str:
    """What comes before the colon of a measure; "" of a rate."""
    kind, colon, _ = str(record.get("measure") or "").partition(":")
    return kind if colon else ""


def titled(record: Record) -> str:
    """The title of a row of ``gender``, without what every row of its kind begins or ends with."""
    title = text_of(record, "title") or words.readable(str(record.get("measure") or ""))
    return _short(title) if stem_of(record) in ("missed_share", "hazard_ratio") else title.removesuffix(" a year")


def _short(title: str) -> str:
    return title.partition(": ")[2] or title


def _is(stem: str, record: Record) -> bool:
    return stem_of(record) == stem


def pair_chart(tables: Tables, stem: str) -> charts.Chart | None:
    """Women and men on one line a measure: rates ("") or shares ("share")."""
    rows = []
    for record in shown(tables.get("gender")):
        women, men = figure(record.get("women")), figure(record.get("men"))
        if _is(stem, record) and women is not None and men is not None:
            rows.append(Pair(titled(record), women, men))
    if stem:
        look = Pairs.women_and_men("share of contacts or crises", shares=True)
        return charts.pairs("shares", "Roles, ways and times in women and men", look, rows)
    return charts.pairs(
        "rates", "Contacts a person and year, women and men", Pairs.women_and_men("a person and year"), rows
    )


def difference_groups(tables: Tables, *stems: str) -> tuple[RatioGroup, ...]:
    """Women over men with both intervals, a group a kind of measure."""
    found = []
    for stem in stems:
        rows = []
        for record, why in records(tables.get("gender")):
            if not _is(stem, record):
                continue
            ratio = interval(record, "ratio")
            remark = HIDDEN_TO_PROTECT if why else "" if ratio.known else "too few to say"
            rows.append(RatioRow(titled(record), ratio, remark, reach=_reach(record)))
        if rows:
            found.append(RatioGroup(STEMS[stem][0], charts.together(rows, "{} others", 2)))
    return tuple(found)


def _reach(record: Record) -> tuple[float, float] | None:
    low, high = figure(record.get("link_low")), figure(record.get("link_high"))
    return None if low is None or high is None else (low, high)


def difference_charts(tables: Tables) -> tuple[charts.Chart, ...]:
    """How much more in women, of contacts, and of junctures."""
    made = (
        charts.differences("differences", "How much more in women than in men", difference_groups(tables, "", "share")),
        charts.differences(
            "differences-junctures",
            "Junctures: how much more in women than in men",
            difference_groups(tables, "missed_share", "hazard_ratio"),
        ),
    )
    return tuple(chart for chart in made if chart is not None)


def gender_views(agreement: Agreement, tables: Tables) -> tuple[TableView, ...]:
    """A table a kind of measure, with a note on the differences that missed links alone may have made."""
    table = tables.get("gender")
    if table is None:
        return ()
    found = []
    for stem, (_, caption) in STEMS.items():
        rows = view(
            agreement,
            table,
            name=f"gender-{stem or 'rates'}",
            caption=caption,
            columns=_columns(table),
            keep=partial(_is, stem),
        )
        if not rows.rows:
            continue
        if stem in ("missed_share", "hazard_ratio"):
            # The caption says what every title begins with.
            rows = replace(rows, rows=tuple((replace(r[0], text=_short(r[0].text)), *r[1:]) for r in rows.rows))
        note = table.note if not stem else ""
        found.append(replace(rows, note=" ".join(filter(None, (note, _links_alone(table, partial(_is, stem)))))))
    return tuple(found)


def _columns(table: ReleasedTable) -> tuple[str, ...]:
    """Every column but the measure's short name where there is a title."""
    names = [c.name for c in table.columns]
    return tuple(n for n in names if n != ("measure" if "title" in names else ""))


def _links_alone(table: ReleasedTable, keep: Callable[[Record], bool]) -> str:
    """Which differences of the rows that ``keep`` takes may be none once missed links are allowed for; "" for none."""
    told = []
    for record in shown(table):
        difference, links = interval(record, "ratio"), interval(record, "ratio", "link_low", "link_high")
        if keep(record) and _holds_one(difference) is False and _holds_one(links):
            ends = f"{words.number(links.low)} to {words.number(links.high)}"
            told.append(f"{titled(record)} (women over men {ends})")
    return f"Allowing for missed links, these differences may be none at all: {'; '.join(told)}." if told else ""


def _holds_one(ratio: words.Interval) -> bool | None:
    """Whether 1 lies between the ends, None where they are not told."""
    return None if ratio.low is None or ratio.high is None else ratio.low <= 1 <= ratio.high


def everyone_views(tables: Tables) -> tuple[TableView, ...]:
    """Everybody in an agency's file by how often it met them, women beside men; a table an agency."""
    by_agency: dict[str, dict[str, dict[str, CellView]]] = {}
    titles: dict[str, str] = {}
    sexes: dict[str, str] = {}
    for record, why in records(tables.get("everyone")):
        agency, sex, band = (str(record.get(name) or "") for name in ("agency", "sex", "band"))
        titles[agency] = text_of(record, "title", "agency")
        sexes.setdefault(sex, SEX_TITLES.get(sex, words.readable(sex)))
        people = figure(record.get("people"))
        # An agency hides small numbers itself, before the checker sees them.
        cell = CellView(HIDDEN, True) if why or people is None else CellView(words.count(people), True)
        by_agency.setdefault(agency, {}).setdefault(band, {})[sex] = cell
    return tuple(
        TableView(
            name=f"everyone-{place}",
            caption=f"Everybody whom {titles[agency]} met, by number of contacts",
            note="",
            titles=(
                CellView("Contacts", is_header=True),
                *(CellView(title, True, is_header=True) for title in sexes.values()),
            ),
            rows=tuple(
                (CellView(band, is_header=True), *(cells.get(sex, UNTOLD) for sex in sexes))
                for band, cells in bands.items()
            ),
        )
        for place, (agency, bands) in enumerate(by_agency.items())
    )
