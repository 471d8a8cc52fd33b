"""How far contacts fell after people were chosen, beside the fall that would have come by itself.

A fall is never told alone: where no expected one stands beside it, it is left out, whatever the table holds.
"""

from __future__ import annotations

from dataclasses import replace

from juncture.agreement.model import Agreement
from juncture.formats.tables import Cell, ReleasedTable
from juncture.pages import charts
from juncture.pages.charts import Amount, AmountGroup, Look
from juncture.pages.charts.style import NAMES
from juncture.pages.findings.released import Record, Tables, interval, records, shown, text_of
from juncture.pages.tables import STRATA, TableView, view
from juncture.pages.words import Interval, percent

#: Columns that tell of a fall by themselves.
ALONE = ("before", "after", "observed_fall", "observed_low", "observed_high")
#: Two ways to expect a fall that differ by more are both spoken of.
FAR_APART = 0.10
UNTOLD = "nothing to set beside it"
SEEN, EXPECTED, LAGGED = "What was seen", "Expected by itself", "Expected, second way"


def observed(record: Record) -> Interval:
    """The fall that was seen, unknown where nothing stands beside it."""
    seen = interval(record, "observed_fall", "observed_low", "observed_high")
    return seen if expected(record).value is not None or lagged(record).value is not None else Interval()


def expected(record: Record) -> Interval:
    """The fall that people chosen by this rule have by themselves."""
    return interval(record, "expected_fall", "expected_low", "expected_high")


def lagged(record: Record) -> Interval:
    """The same the second way: of people who met the rule early, in a year that nobody was chosen for."""
    return interval(record, "lagged_fall", "lagged_low", "lagged_high")


def guarded(tables: Tables) -> ReleasedTable | None:
    """The table without any fall that stands alone."""
    table = tables.get("expected_fall")
    if table is None:
        return None
    names = [column.name for column in table.columns]

    def row(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        record = dict(zip(names, cells, strict=True))
        if observed(record).value is not None:
            return cells
        return tuple(None if name in ALONE else cell for name, cell in record.items())

    return replace(table, rows=tuple(row(cells) for cells in table.rows))


def fall_groups(tables: Tables) -> tuple[AmountGroup, ...]:
    """Rows of the chart: a group an agency and stratum."""
    found = []
    for record, why in records(guarded(tables)):
        stratum = str(record.get("stratum"))
        if why or stratum not in STRATA:
            continue
        seen = observed(record)
        rows = [Amount(SEEN, seen, Look.SOLID, "" if seen.value is not None else UNTOLD)]
        if expected(record).value is not None:
            rows.append(Amount(EXPECTED, expected(record), Look.OPEN))
        if lagged(record).value is not None:
            rows.append(Amount(LAGGED, lagged(record), Look.ROUND))
        found.append(AmountGroup(f"{_title(record)}: {NAMES[stratum].lower()}", tuple(rows)))
    return tuple(found)


def fall_chart(tables: Tables) -> charts.Chart | None:
    """Observed falls with their intervals, each beside the expected one."""
    return charts.amounts(
        "falls",
        "How far contacts fell after people were chosen, and how far they would have fallen by themselves",
        "fall in contacts, in percent",
        fall_groups(tables),
        shares=True,
        heads=("", "fell →"),
    )


def fall_words(tables: Tables) -> tuple[str, ...]:
    """A sentence or two an agency, of everybody."""
    rows = [r for r in shown(guarded(tables)) if r.get("stratum") == "all"]
    return tuple(filter(None, (_sentence(record) for record in rows)))


def _sentence(record: Record) -> str:
    seen, by_itself, second = observed(record), expected(record), lagged(record)
    if by_itself.value is None:
        by_itself, second = second, Interval()
    if by_itself.value is None:
        return ""
    text = (
        f"{_title(record)} would have {_moved(by_itself.value, 'fallen', 'risen')} by themselves, as these people were "
        f"chosen because of many{_fit(by_itself)}."
    )
    if seen.value is not None:
        text += f" They {_moved(seen.value, 'fell', 'rose')}{_fit(seen)}. {_beside(seen, by_itself)}"
    if second.value is not None and abs(second.value - by_itself.value) > FAR_APART:
        text += f" A second way to reckon it says {_signed(second.value)}."
    mind = text_of(record, "note").rstrip(".")
    return f"{text} Mind: {mind}." if mind else text


def _moved(fall: float, fell: str, rose: str) -> str:
    return f"{fell if fall >= 0 else rose} by about {percent(abs(fall))}"


def _fit(fall: Interval) -> str:
    if fall.low is None or fall.high is None:
        return ""
    return f" (the records fit {_signed(fall.low)} to {_signed(fall.high)})"


def _signed(value: float) -> str:
    return percent(value) if value >= 0 else f"\N{MINUS SIGN}{percent(-value)}"


def _beside(seen: Interval, by_itself: Interval) -> str:
    if seen.low is None or seen.high is None or seen.value is None or by_itself.value is None:
        return "Without an interval the two cannot be told apart."
    low, high = by_itself.low or by_itself.value, by_itself.high or by_itself.value
    if seen.low <= high and low <= seen.high:
        return "The two cannot be told apart, so the fall shows nothing about any program."
    more = "more" if seen.value > by_itself.value else "less"
    return f"That is {more} than expected. Something else may have changed; what it was, this cannot tell."


def _title(record: Record) -> str:
    return text_of(record, "title", "agency")


def fall_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """The table of falls."""
    table = guarded(tables)
    if table is None or not table.rows:
        return None
    names = tuple(c.name for c in table.columns if c.name != "agency")
    return view(agreement, table, name="expected-fall", columns=names)
