"""The last contact before a crisis beside other times of the same people, from the table ``last_contact``."""

from __future__ import annotations

from functools import partial

from juncture.agreement.model import Agreement
from juncture.pages import charts, words
from juncture.pages.charts import Pair, Pairs
from juncture.pages.findings.released import Record, Tables, interval, shown, text_of
from juncture.pages.tables import TableView, view
from juncture.pages.words import figure

#: Values of kinds: no contact at all, and kinds too rare to be told apart.
NONE, OTHER = "none", "other"
LEAST_SHARE = 0.02
COLUMNS = ("title", "stratum", "people", "crises", "share", "referent_share", "odds_ratio", "low", "high")
CAPTIONS = {
    "kind": "What the last contact before a crisis was",
    "days": "How long before a crisis the last contact was",
}
BEFORE, OTHERWISE = "Before a crisis", "At other times"


def last_contact_charts(tables: Tables) -> tuple[charts.Chart, ...]:
    """A chart of kinds, the most usual first, and one of days, each where a row tells of it."""
    found = []
    for measure, caption in CAPTIONS.items():
        rows = [pair for record in _of_all(tables, measure) if (pair := _pair(record)) is not None]
        if measure == "kind":
            # Rare kinds are in the table: a chart of dozens of marks at nothing tells nothing.
            rows = sorted((p for p in rows if max(p.first, p.second) >= LEAST_SHARE), key=lambda p: -p.first)
        look = Pairs.before_and_otherwise(BEFORE, OTHERWISE, "share of crises, and of other times")
        chart = charts.pairs(f"last-{measure}", caption, look, rows)
        if chart is not None:
            found.append(chart)
    return tuple(found)


def _of_all(tables: Tables, measure: str) -> list[Record]:
    return [
        record
        for record in shown(tables.get("last_contact"))
        if record.get("measure") == measure and record.get("stratum") == "all"
    ]


def _pair(record: Record) -> Pair | None:
    share, referent = figure(record.get("share")), figure(record.get("referent_share"))
    if share is None or referent is None:
        return None
    return Pair(text_of(record, "title", "value"), share, referent)


def last_contact_words(tables: Tables) -> str:
    """The most usual last contact, and what is more usual than at other times by its interval."""
    rows = [r for r in _of_all(tables, "kind") if figure(r.get("share")) is not None]
    if not rows:
        return ""
    first = max(
        (r for r in rows if r.get("value") != OTHER), key=lambda r: figure(r.get("share")) or 0.0, default=rows[0]
    )
    share = figure(first.get("share")) or 0.0
    text = f"The most usual one was: {_lowered(first)}, at {words.of_every(share)} crises."
    if first.get("value") == NONE:
        text = f"Most often there was none in the four weeks before: at {words.of_every(share)} crises."
    more = [r for r in rows if r.get("value") not in (NONE, OTHER) and (interval(r, "odds_ratio").low or 0.0) > 1]
    if more:
        what = words.listed([_lowered(r) for r in sorted(more, key=lambda r: -(figure(r.get("share")) or 0.0))[:3]])
        text += f" More usual than at other times of the same people: {what}."
    return text


def _lowered(record: Record) -> str:
    return words.lowered(text_of(record, "title", "value"))


def last_contact_views(agreement: Agreement, tables: Tables) -> tuple[TableView, ...]:
    """A table a measure."""
    table = tables.get("last_contact")
    if table is None:
        return ()
    found = [
        view(
            agreement,
            table,
            name=f"last-contact-{measure}",
            caption=caption,
            columns=COLUMNS,
            keep=partial(_tells, measure),
        )
        for measure, caption in CAPTIONS.items()
    ]
    return tuple(one for one in found if one.rows)


def _tells(measure: str, record: Record) -> bool:
    return record.get("measure") == measure
