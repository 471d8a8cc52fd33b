"""Crises a person over the follow-up, from the table ``mcf``."""

from __future__ import annotations

from juncture.pages import charts, words
from juncture.pages.findings.released import Tables, interval, records
from juncture.pages.tables import HIDDEN, STRATA, UNTOLD, CellView, TableView
from juncture.pages.words import figure


def curve_points(tables: Tables) -> tuple[charts.CurvePoint, ...]:
    """Points of the chart of crises."""
    found = []
    for record, why in records(tables.get("mcf")):
        day, mean = figure(record.get("day")), interval(record, "crises_per_person", "low", "high")
        if not why and day is not None and mean.value is not None:
            found.append(charts.CurvePoint(str(record.get("stratum")), int(day), mean))
    return tuple(found)


def curve_view(tables: Tables) -> TableView | None:
    """The curves with a row a day and, for each group, its mean with interval and the people at risk."""
    by_day: dict[int, dict[str, tuple[CellView, CellView]]] = {}
    for record, why in records(tables.get("mcf")):
        day, mean = figure(record.get("day")), interval(record, "crises_per_person", "low", "high")
        if day is None:
            continue
        if why or mean.value is None:
            cells = CellView(HIDDEN if why else words.NOTHING, True), CellView(HIDDEN if why else words.NOTHING, True)
        else:
            fit = f" ({mean.low:.2f} to {mean.high:.2f})" if mean.low is not None and mean.high is not None else ""
            at_risk = words.count(figure(record.get("at_risk")))
            cells = CellView(f"{mean.value:.2f}{fit}", True), CellView(at_risk, True)
        by_day.setdefault(int(day), {})[str(record.get("stratum"))] = cells
    if not by_day:
        return None
    # A group whose curve has stopped: nobody is observed from that day on.
    absent = (UNTOLD, UNTOLD)
    titles = [CellView("Day of follow-up", is_header=True)]
    for word in STRATA.values():
        titles += [
            CellView(f"{word}: crises a person (95% interval)", True, is_header=True),
            CellView(f"{word}: people at risk", True, is_header=True),
        ]
    return TableView(
        name="curve",
        caption="Crises a person by day of follow-up",
        note="",
        titles=tuple(titles),
        rows=tuple(
            (CellView(str(day), is_header=True), *(c for stratum in STRATA for c in groups.get(stratum, absent)))
            for day, groups in sorted(by_day.items())
        ),
    )
