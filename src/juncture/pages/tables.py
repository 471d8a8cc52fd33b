"""A released table as readers see it: labels in words, numbers rounded, hidden cells said to be hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from juncture.agreement.model import Agreement
from juncture.formats.tables import Cell, Column, ColumnKind, ReleasedTable
from juncture.pages.words import NOTHING, count, figure, number, p_value, percent, readable, verdict_of

STRATA = {"all": "All", "women": "Women", "men": "Men"}
HIDDEN = "hidden"
SHARES = frozenset(
    {
        *("missed_share", "missed_low", "missed_high", "prob_top3", "share", "referent_share"),
        *("observed_fall", "observed_low", "observed_high", "expected_fall", "expected_low", "expected_high"),
        *("lagged_fall", "lagged_low", "lagged_high"),
    }
)
#: Measures of ``gender`` that are shares.
SHARES_OF_SEX = ("missed_share:", "share:")
P_VALUES = frozenset({"p_value", "q_value"})
#: Labels of ``junctures`` that follow from the juncture.
SAME_IN_A_JUNCTURE = frozenset({"response_within_days", "outcome", "horizon_days"})
#: Estimated numbers of crises, which no study of this size knows to a fraction.
CRISES_A_YEAR = frozenset(
    {
        *("avoidable", "avoidable_low", "avoidable_high", "ceiling", "bound_low", "bound_high"),
        *("attributed", "attributed_low", "attributed_high"),
    }
)
#: Days, told to a whole one.
DAYS = frozenset({"lead_days"})
#: Measures of ``linkage`` in words; a suffix names agencies or a sex.
MEASURES = {
    "links": "Links made",
    "expected_precision": "Links that are right",
    "expected_recall": "People in both files who were found",
    "joint_contact_pairs": "Pairs of people with a joint contact",
    "recall_by_joint_contacts": "Found without joint contacts, as these tell",
}
#: Columns told in one cell with the ends of their interval, under whichever of these names they stand.
INTERVALS: dict[str, tuple[tuple[str, str], ...]] = {
    "missed_share": (("missed_low", "missed_high"),),
    "hazard_ratio": (("hazard_low", "hazard_high"), ("low", "high")),
    "placebo_ratio": (("placebo_low", "placebo_high"),),
    "avoidable": (("avoidable_low", "avoidable_high"),),
    "attributed": (("attributed_low", "attributed_high"),),
    "observed_fall": (("observed_low", "observed_high"),),
    "expected_fall": (("expected_low", "expected_high"),),
    "lagged_fall": (("lagged_low", "lagged_high"),),
    "odds_ratio": (("low", "high"),),
    "ratio": (("low", "high"),),
    "estimate": (("low", "high"),),
    "crises_per_person": (("low", "high"),),
}
#: Two ends without an estimate between them, told in the cell of the first.
RANGES = {"bound_low": "bound_high", "link_low": "link_high"}


@dataclass(frozen=True)
class CellView:
    """A cell: its text, whether it is a number, and what a screen reader hears instead, "" where the same."""

    text: str
    is_number: bool = False
    is_header: bool = False
    spoken: str = ""


UNTOLD = CellView(NOTHING, True, spoken="not told")


@dataclass(frozen=True)
class TableView:
    """A table: ``name`` makes its HTML id; every row has a cell a column."""

    name: str
    caption: str
    note: str
    titles: tuple[CellView, ...]
    rows: tuple[tuple[CellView, ...], ...]


def record_of(table: ReleasedTable, index: int) -> dict[str, Cell]:
    """One row as a dictionary by column name."""
    return {column.name: cell for column, cell in zip(table.columns, table.rows[index], strict=True)}


def measure_words(measure: str) -> str:
    """A measure of the linkage in words."""
    for known, words in MEASURES.items():
        if measure == known:
            return words
        if measure.startswith(f"{known}_"):
            return f"{words}: {readable(measure.removeprefix(f'{known}_')).lower()}"
    return readable(measure)


def label(agreement: Agreement, name: str, value: Cell) -> str:
    """A label cell in words."""
    text = "" if value is None else str(value)
    if name == "juncture" and text in agreement.juncture:
        return agreement.juncture[text].title
    if name in {"stratum", "value"}:
        return STRATA.get(text, text)
    return measure_words(text) if name == "measure" else text


def _is_share(name: str, record: Mapping[str, Cell]) -> bool:
    measure = str(record.get("measure") or "")
    return name in SHARES or (
        measure.startswith(("expected_", "precision_", "recall_", *SHARES_OF_SEX))
        and name in {"estimate", "low", "high", "women", "men"}
        # The interval of a row of ``gender`` is that of a ratio, also where the row compares shares.
        and not (measure.startswith(SHARES_OF_SEX) and name in {"low", "high"})
    )


def value_text(column: Column, record: Mapping[str, Cell]) -> str:
    """A cell that is no label, as text."""
    cell = record[column.name]
    if isinstance(cell, str):
        verdict = verdict_of(cell)
        return verdict.heading if verdict else readable(cell)
    value = figure(cell)
    if column.name in P_VALUES:
        return p_value(value)
    if _is_share(column.name, record):
        return percent(value) if value is None or value >= 0 else f"\N{MINUS SIGN}{percent(-value)}"
    whole = (
        column.kind in (ColumnKind.PEOPLE, ColumnKind.EVENTS)
        or column.name in CRISES_A_YEAR
        or column.name in DAYS
        or (value is not None and isinstance(cell, int))
    )
    return count(value) if whole else number(value)


def view(
    agreement: Agreement,
    table: ReleasedTable,
    *,
    name: str = "",
    caption: str = "",
    columns: Sequence[str] = (),
    keep: Callable[[Mapping[str, Cell]], bool] = lambda record: True,
    order: Callable[[Mapping[str, Cell]], float] = lambda record: 0.0,
    titles: Mapping[str, str] = MappingProxyType({}),
) -> TableView:
    """The rows of ``table`` that ``keep`` takes, by ``order``, with the ``columns`` named, in that order (or all).

    ``titles``: by column, in place of the table's own."""
    kept = [r for r in range(len(table.rows)) if keep(record_of(table, r))]
    kept.sort(key=lambda r: order(record_of(table, r)))
    chosen, merged = _layout(table, columns, kept)
    return TableView(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", name or table.name),
        caption=caption or table.title or readable(table.name),
        note=table.note,
        titles=tuple(_title(table.columns[i], merged, titles) for i in chosen),
        rows=tuple(_row(agreement, table, r, chosen, merged) for r in kept),
    )


def row_view(agreement: Agreement, table: ReleasedTable, row: int) -> tuple[CellView, ...]:
    """The cells of one row, those of an interval's ends inside their estimate's, empty ones left out."""
    return _row(agreement, table, row, *_layout(table, (), [row]))


Layout = tuple[list[int], dict[str, tuple[str, str]]]


def _layout(table: ReleasedTable, columns: Sequence[str], kept: Sequence[int]) -> Layout:
    """Places of the columns that get a cell, and the columns that take the ends of their interval in."""
    at = {column.name: i for i, column in enumerate(table.columns)}
    places = {name: at[name] for name in columns or at if name in at and not _is_empty(table, at[name], kept)}
    merged: dict[str, tuple[str, str]] = {}
    for name in places:
        for ends in INTERVALS.get(name, ()):
            if set(ends) <= set(places):
                merged[name] = ends
                break
        if RANGES.get(name) in places:
            merged[name] = (name, RANGES[name])
    inside = {end for name, ends in merged.items() for end in ends if end != name}
    return [i for name, i in places.items() if name not in inside], merged


def _is_empty(table: ReleasedTable, place: int, kept: Sequence[int]) -> bool:
    """Whether no shown row has a value in an estimate's column, as with ranks where there are too few to rank."""
    shown = [table.rows[r] for r in kept if not table.hidden[r]]
    is_estimate = table.columns[place].kind is ColumnKind.ESTIMATE
    return is_estimate and bool(shown) and all(row[place] is None for row in shown)


def _row(
    agreement: Agreement, table: ReleasedTable, row: int, chosen: Sequence[int], merged: dict[str, tuple[str, str]]
) -> tuple[CellView, ...]:
    return tuple(_cell(agreement, table, i, record_of(table, row), table.hidden[row], merged) for i in chosen)


def _is_number(column: Column) -> bool:
    return column.kind is not ColumnKind.LABEL and column.name != "verdict"


def _title(column: Column, merged: Mapping[str, tuple[str, str]], titles: Mapping[str, str]) -> CellView:
    text = titles.get(column.name) or column.title or readable(column.name)
    if column.name in RANGES and column.name in merged:
        text = text.removesuffix(", from")
    is_estimate = column.name in merged and column.name not in RANGES
    return CellView(f"{text} (95% interval)" if is_estimate else text, _is_number(column), is_header=True)


def _cell(
    agreement: Agreement,
    table: ReleasedTable,
    place: int,
    record: Mapping[str, Cell],
    hidden: str,
    merged: Mapping[str, tuple[str, str]],
) -> CellView:
    column = table.columns[place]
    if column.kind is ColumnKind.LABEL:
        return CellView(label(agreement, column.name, record[column.name]), is_header=True)
    if record[column.name] is None and hidden:
        return CellView(HIDDEN, _is_number(column))
    text = value_text(column, record)
    if column.name in merged and text != NOTHING:
        low, high = (_end(table, end, record) for end in merged[column.name])
        if column.name in RANGES:
            text = NOTHING if NOTHING in (low, high) else f"{low}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high}"
        elif NOTHING not in (low, high):
            text = f"{text} ({low}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high})"
    return CellView(text, _is_number(column), spoken="no estimate" if text == NOTHING else "")


def _end(table: ReleasedTable, name: str, record: Mapping[str, Cell]) -> str:
    return value_text(next(c for c in table.columns if c.name == name), record)


@dataclass(frozen=True)
class HiddenRows:
    """Rows of one table that are hidden for one reason: their labels, at most a few, and how many there are."""

    table: str
    reason: str
    rows: tuple[str, ...]
    total: int


def hidden_rows(agreement: Agreement, tables: Mapping[str, ReleasedTable], *, most: int = 6) -> tuple[HiddenRows, ...]:
    """Every hidden row by table and reason, with at most ``most`` labels a line."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in tables.values():
        for r, reason in enumerate(table.hidden):
            if reason:
                found.setdefault((table.title or readable(table.name), reason), []).append(_which(agreement, table, r))
    return tuple(HiddenRows(title, reason, tuple(rows[:most]), len(rows)) for (title, reason), rows in found.items())


def _which(agreement: Agreement, table: ReleasedTable, row: int) -> str:
    """The labels that tell a row from the others."""
    record = record_of(table, row)
    names = [c.name for c in table.columns if c.kind is ColumnKind.LABEL and c.name not in SAME_IN_A_JUNCTURE]
    # A name for machines is left out where one for readers stands beside it.
    for readers, machines in (("title", {"juncture", "measure", "agency", "value"}), ("what", {"stage", "variant"})):
        if readers in names:
            names = [name for name in names if name not in machines]
    return ", ".join(f"day {record[name]}" if name == "day" else label(agreement, name, record[name]) for name in names)
