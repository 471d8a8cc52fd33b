"""What the released tables say, as sentences and parts of the page. A table or row that is missing has its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from juncture.agreement.model import Agreement
from juncture.formats.tables import Cell, ReleasedTable
from juncture.pages import charts, declared, words
from juncture.pages.tables import HIDDEN, STRATA, CellView, TableView, measure_words, record_of, row_view, view
from juncture.pages.words import EVERY, Interval, Verdict, figure, verdict_of

JUNCTURE_COLUMNS = (
    ("stratum", "people", "openings", "missed", "missed_share", "missed_low", "missed_high", "not_evaluable"),
    ("stratum", "people_informative", "hazard_ratio", "hazard_low", "hazard_high", "p_value", "q_value", "verdict"),
    (
        *("stratum", "placebo_ratio", "placebo_low", "placebo_high", "crude_ratio", "risk_ratio"),
        *("avoidable", "avoidable_low", "avoidable_high", "ceiling", "rank", "prob_top3"),
    ),
)
JUNCTURE_PARTS = ("openings", "missed beside met", "checks and what might be avoided")
Record = Mapping[str, Cell]
Tables = Mapping[str, ReleasedTable]


@dataclass(frozen=True)
class JunctureView:
    """A declared juncture. ``dots``: of 20, how many openings were missed, None where that is not told."""

    name: str
    title: str
    family: str
    intercept: int
    opens: str
    meets: str
    then: str
    verdict: Verdict | None
    sentence: str
    missed: str
    dots: int | None
    rests_on: str
    beside: tuple[str, ...]
    tables: tuple[TableView, ...]


_UNTOLD = CellView(words.NOTHING, True, spoken="not told")


def interval(record: Record, value: str, low: str, high: str) -> Interval:
    """Three columns of a row."""
    return Interval(figure(record.get(value)), figure(record.get(low)), figure(record.get(high)))


def ratio_of(record: Record) -> Interval:
    """Missed over met."""
    return interval(record, "hazard_ratio", "hazard_low", "hazard_high")


def records(table: ReleasedTable | None) -> list[tuple[Record, str]]:
    """Rows by column name, each with the reason why it is hidden."""
    return [(record_of(table, i), table.hidden[i]) for i in range(len(table.rows))] if table else []


def juncture_views(agreement: Agreement, tables: Tables) -> tuple[JunctureView, ...]:
    """Every declared juncture, in the order of the agreement, whether or not a row tells of it."""
    table = tables.get("junctures")
    return tuple(_juncture(agreement, table, name) for name in agreement.juncture)


def _juncture(agreement: Agreement, table: ReleasedTable | None, name: str) -> JunctureView:
    juncture = agreement.juncture[name]
    rows = {str(r["stratum"]): (r, why) for r, why in records(table) if r.get("juncture") == name and "stratum" in r}
    record, why = rows.get("all", ({}, ""))
    verdict = verdict_of(record.get("verdict"))
    share = interval(record, "missed_share", "missed_low", "missed_high")
    if not rows:
        sentence = "No released table tells of this juncture."
    elif verdict is None and not why:
        sentence = "No verdict was released for this juncture."
    else:
        sentence = words.verdict_sentence(verdict, ratio_of(record))
    days = None if juncture.response.same_episode else juncture.response.within_days
    shown = tuple(
        replace(
            view(
                agreement,
                table,
                name=f"{name}-{place}",
                caption=f"{juncture.title}: {what}",
                columns=columns,
                keep=lambda r: r.get("juncture") == name,
            ),
            note="",  # said once for all junctures
        )
        for place, (columns, what) in enumerate(zip(JUNCTURE_COLUMNS, JUNCTURE_PARTS, strict=True))
        if table is not None and rows
    )
    return JunctureView(
        name=name,
        title=juncture.title,
        family=declared.FAMILIES[juncture.family],
        intercept=juncture.intercept,
        opens=declared.opens(agreement, juncture),
        meets=declared.meets(agreement, juncture),
        then=declared.then(agreement, juncture),
        verdict=verdict,
        sentence=sentence,
        missed=words.missed_sentence(share, days),
        dots=None if share.value is None else round(EVERY * share.value),
        rests_on=_rests_on(record),
        beside=tuple(filter(None, (_placebo(record), _avoidable(record, verdict), _not_evaluable(record)))),
        tables=shown,
    )


def _rests_on(record: Record) -> str:
    openings, people = figure(record.get("openings")), figure(record.get("people"))
    if openings is None or people is None:
        return ""
    text = f"It came up about {words.count(openings)} times, for {words.about(people)}"
    informative = figure(record.get("people_informative"))
    if informative and figure(record.get("hazard_ratio")) is not None:
        text += f"; the comparison learns from {words.about(informative)} of them"
    return text + "."


def _placebo(record: Record) -> str:
    placebo = interval(record, "placebo_ratio", "placebo_low", "placebo_high")
    if placebo.value is None or placebo.low is None or placebo.high is None:
        return ""
    fit = f"the ratio was {placebo.value:.2f} (95% interval {placebo.low:.2f} to {placebo.high:.2f})"
    silent = placebo.low <= 1 <= placebo.high
    said = "No alarm; that proves little." if silent else "That is an alarm: distrust the result."
    return f"A check on the days before, when a response could not yet matter: {fit}. {said}"


def _avoidable(record: Record, verdict: Verdict | None) -> str:
    avoidable = interval(record, "avoidable", "avoidable_low", "avoidable_high")
    if verdict is not Verdict.SUPPORTED or avoidable.value is None:
        return ""
    text = f"If all of the difference came from the response, about {avoidable.value:.0f} crises a year in this group"
    if avoidable.low is not None and avoidable.high is not None:
        text += f" (from {avoidable.low:.0f} to {avoidable.high:.0f})"
    return f"{text} might not have followed. Never add this up over junctures: the same crisis would count twice."


def _not_evaluable(record: Record) -> str:
    left_out = figure(record.get("not_evaluable"))
    if not left_out:
        return ""
    return (
        f"About {words.count(left_out)} more openings could not be judged: a crisis, a stay in an institution or the "
        "end of the records came before the time for a response was over."
    )


def forest_groups(agreement: Agreement, tables: Tables) -> tuple[charts.ForestGroup, ...]:
    """Rows of the chart of ratios, in the order of the agreement."""
    order = {name: place for place, name in enumerate(agreement.juncture)}
    found: dict[str, list[charts.ForestRow]] = {}
    for record, why in records(tables.get("junctures")):
        stratum = str(record.get("stratum"))
        if stratum not in STRATA:
            continue
        ratio = ratio_of(record)
        if why:
            remark = "hidden, to protect people"
        elif verdict_of(record.get("verdict")) is Verdict.TOO_SMALL:
            remark = "too small to say"
        else:
            remark = "" if ratio.known else "no effect estimated" if ratio.value is None else "no interval"
        found.setdefault(str(record.get("juncture")), []).append(charts.ForestRow(stratum, ratio, remark))
    return tuple(
        charts.ForestGroup(agreement.juncture[name].title if name in agreement.juncture else name, tuple(rows))
        for name, rows in sorted(found.items(), key=lambda item: order.get(item[0], len(order)))
    )


def curve_points(tables: Tables) -> tuple[charts.CurvePoint, ...]:
    """Points of the chart of crises."""
    found = []
    for record, why in records(tables.get("mcf")):
        day, mean = figure(record.get("day")), interval(record, "crises_per_person", "low", "high")
        if not why and day is not None and mean.value is not None:
            found.append(charts.CurvePoint(str(record.get("stratum")), int(day), mean))
    return tuple(found)


def titled(record: Record) -> str:
    """The title of a row of ``gender``, without the unit that every rate has."""
    title = str(record.get("title") or words.readable(str(record.get("measure") or "")))
    return title.removesuffix(" a year")


def rate_pairs(tables: Tables) -> tuple[charts.RatePair, ...]:
    """Pairs of the chart of rates."""
    found = []
    for record, why in records(tables.get("gender")):
        women, men = figure(record.get("women")), figure(record.get("men"))
        measure = str(record.get("measure") or "")
        if not why and ":" not in measure and women is not None and men is not None:
            found.append(charts.RatePair(titled(record), women, men))
    return tuple(found)


def rate_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """The rates in women and men, per person and year at risk."""
    table = tables.get("gender")
    if table is None:
        return None
    rates = view(
        agreement,
        table,
        name="rates",
        caption="Contacts a person and year at risk",
        columns=_gender_columns(table),
        keep=_is_rate,
    )
    return replace(rates, note=" ".join(filter(None, (rates.note, _links_alone(table, _is_rate)))))


def difference_views(agreement: Agreement, tables: Tables) -> tuple[TableView, ...]:
    """Shares missed, then ratios, in women and men, with the test of their difference; a row a juncture."""
    table = tables.get("gender")
    if table is None:
        return ()
    found = []
    for stem, caption in (("missed_share", "Share of openings missed"), ("hazard_ratio", "Missed over met")):
        rows = view(
            agreement,
            table,
            name=f"differences-{stem}",
            caption=f"{caption}, women and men",
            columns=_gender_columns(table),
            keep=partial(_measures, stem),
        )
        if rows.rows:
            # The caption says what every title begins with.
            short = tuple(
                (replace(row[0], text=row[0].text.partition(": ")[2] or row[0].text), *row[1:]) for row in rows.rows
            )
            found.append(replace(rows, rows=short, note=_links_alone(table, partial(_measures, stem))))
    return tuple(found)


def _links_alone(table: ReleasedTable, keep: Callable[[Record], bool]) -> str:
    """Which differences of the rows that ``keep`` takes may be none once missed links are allowed for; "" for none."""
    told = []
    for record, why in records(table):
        difference, links = interval(record, "ratio", "low", "high"), interval(record, "ratio", "link_low", "link_high")
        if not why and keep(record) and _holds_one(difference) is False and _holds_one(links):
            ends = f"{words.number(links.low)} to {words.number(links.high)}"
            told.append(f"{titled(record)} (women over men {ends})")
    return f"Allowing for missed links, these differences may be none at all: {'; '.join(told)}." if told else ""


def _holds_one(ratio: Interval) -> bool | None:
    """Whether 1 lies between the ends, None where they are not told."""
    return None if ratio.low is None or ratio.high is None else ratio.low <= 1 <= ratio.high


def _is_rate(record: Record) -> bool:
    return ":" not in str(record.get("measure") or "")


def _measures(stem: str, record: Record) -> bool:
    return str(record.get("measure") or "").startswith(f"{stem}:")


def _gender_columns(table: ReleasedTable) -> tuple[str, ...]:
    """Every column but the measure's short name where there is a title, and but the range of missed links, of which a
    note tells where it matters."""
    names = [c.name for c in table.columns]
    return tuple(n for n in names if n != ("measure" if "title" in names else "") and not n.startswith("link_"))


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
    absent = (_UNTOLD, _UNTOLD)
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


def linkage_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """The table of the linkage with a row a measure and a column for each of all, women and men."""
    table = tables.get("linkage")
    if table is None or not table.rows:
        return None
    cells: dict[str, dict[str, CellView]] = {}
    for number, (record, _) in enumerate(records(table)):
        measure = str(record.get("measure") or "")
        group = next((s for s in ("women", "men") if measure.endswith(f"_{s}")), "all")
        shown = row_view(agreement, table, number)
        told = [c for c in shown[1:] if c.text != words.NOTHING]
        cells.setdefault(measure.removesuffix(f"_{group}"), {})[group] = told[-1] if told else _UNTOLD
    groups = [s for s in STRATA if any(s in found for found in cells.values())]
    return TableView(
        name=table.name,
        caption=table.title,
        note=table.note,
        titles=(
            CellView("Measure (95% interval)", is_header=True),
            *(CellView(STRATA[s], True, is_header=True) for s in groups),
        ),
        rows=tuple(
            (CellView(measure_words(measure), is_header=True), *(found.get(s, _UNTOLD) for s in groups))
            for measure, found in cells.items()
        ),
    )
