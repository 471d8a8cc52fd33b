"""From every opening to the crises after missed ones, from the table ``funnel``."""

from __future__ import annotations

from juncture.agreement.model import Agreement
from juncture.pages import charts, words
from juncture.pages.charts import FunnelBar, FunnelRow
from juncture.pages.findings.released import HIDDEN_TO_PROTECT, Record, Tables, by_rank, records, title_of_juncture
from juncture.pages.tables import HIDDEN, UNTOLD, CellView, TableView
from juncture.pages.words import figure

STAGES = ("opened", "evaluable", "missed", "crisis")
REASONS = {
    "crisis_first": "a crisis came first",
    "institution_first": "a stay in an institution came first",
    "end_first": "the records ended first",
}
Rows = dict[str, tuple[Record, str]]


def _by_juncture(agreement: Agreement, tables: Tables) -> dict[str, Rows]:
    """Rows by juncture and stage, junctures by rank."""
    found: dict[str, Rows] = {}
    for record, why in records(tables.get("funnel")):
        found.setdefault(str(record.get("juncture")), {})[str(record.get("stage"))] = record, why
    place = by_rank(agreement, tables)
    return dict(sorted(found.items(), key=lambda item: place(item[0])))


def _openings(rows: Rows, stage: str) -> float | None:
    record, why = rows.get(stage, ({}, ""))
    return None if why else figure(record.get("openings"))


def main_funnel(agreement: Agreement, tables: Tables) -> tuple[str, charts.Chart | None, str]:
    """Title, chart and a sentence of the first juncture in rank whose openings are told; all empty where none is."""
    for name, rows in _by_juncture(agreement, tables).items():
        title = title_of_juncture(agreement, name)
        bars = [_bar(rows, stage, before) for stage, before in zip(STAGES, (None, *STAGES[:-1]), strict=True)]
        drawn = charts.funnel(f"{title}: from every opening to a crisis", bars)
        if drawn is not None:
            return title, drawn, _sentence(rows)
    return "", None, ""


def _bar(rows: Rows, stage: str, before: str | None) -> FunnelBar:
    record, why = rows.get(stage, ({}, ""))
    openings, people = _openings(rows, stage), figure(record.get("people"))
    label = str(record.get("what") or words.readable(stage))
    if openings is None:
        return FunnelBar(label, None, HIDDEN_TO_PROTECT if why else "not told")
    told = f"about {words.count(openings)} openings"
    if people:
        told += f", {words.about(people).removeprefix('about ')}"
    return FunnelBar(label, openings, told, _fell_out(rows, stage, openings, before))


def _fell_out(rows: Rows, stage: str, openings: float, before: str | None) -> str:
    earlier = None if before is None else _openings(rows, before)
    if earlier is None or earlier <= openings:
        return ""
    lost = f"Fell out: about {words.count(earlier - openings)}"
    if stage == "missed":
        return f"{lost} where the response came"
    if stage == "crisis":
        return f"{lost} after which no crisis was seen in that time"
    told = [f"{words.count(number)} as {why}" for reason, why in REASONS.items() if (number := _openings(rows, reason))]
    return f"{lost} that could not be judged" + (f" ({words.listed(told)})" if told else "")


def _sentence(rows: Rows) -> str:
    judged, missed, crisis = (_openings(rows, stage) for stage in STAGES[1:])
    if not judged or missed is None:
        return ""
    text = f"Of the openings that could be judged, {words.of_every(missed / judged)} were missed."
    if missed and crisis is not None:
        text += (
            f" After {words.of_every(crisis / missed)} of the missed ones a crisis came in the time that was looked at."
        )
    return text


def funnel_rows(agreement: Agreement, tables: Tables) -> tuple[FunnelRow, ...]:
    """Rows of the chart of all junctures."""
    found = []
    for name, rows in _by_juncture(agreement, tables).items():
        opened, judged, missed, crisis = (_openings(rows, stage) for stage in STAGES)
        what = "openings hidden" if judged is None else f"{words.count(judged)} judged"
        if opened is not None:
            what = f"{words.count(opened)} openings"
        if crisis is None and None not in (opened, judged, missed):
            what += "; crises hidden"
        title = f"{title_of_juncture(agreement, name)} ({what})"
        found.append(FunnelRow(title, (opened, judged, missed, crisis)))
    return tuple(found)


def funnel_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """A row a juncture and a column a stage: openings, and the people who have one where that is told."""
    table = tables.get("funnel")
    if table is None or not table.rows:
        return None
    columns = {
        "opened": "All openings",
        **{stage: f"Not judged: {why}" for stage, why in REASONS.items()},
        "evaluable": "Could be judged",
        "missed": "Missed",
        "crisis": "Missed, then a crisis",
    }
    return TableView(
        name="funnel",
        caption="Openings at each step (people who had one)",
        note=table.note,
        titles=(
            CellView("Juncture", is_header=True),
            *(CellView(title, True, is_header=True) for title in columns.values()),
        ),
        rows=tuple(
            (
                CellView(title_of_juncture(agreement, name), is_header=True),
                *(_cell(*rows.get(stage, ({}, ""))) for stage in columns),
            )
            for name, rows in _by_juncture(agreement, tables).items()
        ),
    )


def _cell(record: Record, why: str) -> CellView:
    openings, people = figure(record.get("openings")), figure(record.get("people"))
    if why:
        return CellView(HIDDEN, True)
    if openings is None:
        return UNTOLD
    return CellView(words.count(openings) + (f" ({words.count(people)})" if people is not None else ""), True)
