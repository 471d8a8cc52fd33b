"""The declared junctures by rank: what is said of each, the forest, and the crises that might be avoided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from juncture.agreement.model import Agreement
from juncture.formats.tables import ReleasedTable
from juncture.pages import charts, declared, words
from juncture.pages.charts import Amount, AmountGroup, Look
from juncture.pages.charts.style import NAMES
from juncture.pages.findings.released import (
    HIDDEN_TO_PROTECT,
    Record,
    Tables,
    by_rank,
    interval,
    records,
    shown,
    title_of_juncture,
)
from juncture.pages.tables import STRATA, TableView, view
from juncture.pages.words import EVERY, Interval, Verdict, figure, verdict_of

JUNCTURE_COLUMNS = (
    ("stratum", "people", "openings", "missed", "missed_share", "missed_low", "missed_high", "not_evaluable"),
    ("stratum", "people_informative", "hazard_ratio", "hazard_low", "hazard_high", "p_value", "q_value", "verdict"),
    ("stratum", "placebo_ratio", "placebo_low", "placebo_high", "crude_ratio", "risk_ratio"),
    (
        *("stratum", "avoidable", "avoidable_low", "avoidable_high", "bound_low", "bound_high", "ceiling"),
        *("attributed", "attributed_low", "attributed_high", "lead_days"),
    ),
)
JUNCTURE_PARTS = ("openings", "missed beside met", "checks", "what might be avoided, and how fast crises came")
#: Columns of the table of ranks, with titles for readers; "" keeps the table's own.
RANKED_COLUMNS = {
    "title": "Juncture",
    "rank": "Rank",
    "verdict": "",
    "avoidable": "Avoidable crises a year",
    "avoidable_low": "",
    "avoidable_high": "",
    "attributed": "The same, in turn",
    "prob_top3": "Chance of the first three",
    "lead_days": "Days to act",
}


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


def ratio_of(record: Record) -> Interval:
    """Missed over met."""
    return interval(record, "hazard_ratio", "hazard_low", "hazard_high")


def juncture_views(agreement: Agreement, tables: Tables) -> tuple[JunctureView, ...]:
    """Every declared juncture, by rank, whether or not a row tells of it."""
    table, place = tables.get("junctures"), by_rank(agreement, tables)
    return tuple(_juncture(agreement, table, name) for name in sorted(agreement.juncture, key=place))


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
    told = any(not hidden for _, hidden in rows.values())
    days = None if juncture.response.same_episode else juncture.response.within_days
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
        beside=tuple(
            filter(None, (_lead(record), _placebo(record), _avoidable(record, verdict), _not_evaluable(record)))
        ),
        tables=_numbers(agreement, table, name) if table is not None and told else (),
    )


def _numbers(agreement: Agreement, table: ReleasedTable, name: str) -> tuple[TableView, ...]:
    """The tables of one juncture of which some row is told; one of which nothing is known is left out."""
    title = agreement.juncture[name].title
    made = (
        view(
            agreement,
            table,
            name=f"{name}-{place}",
            caption=f"{title}: {what}",
            columns=columns,
            keep=lambda r: r.get("juncture") == name,
        )
        for place, (columns, what) in enumerate(zip(JUNCTURE_COLUMNS, JUNCTURE_PARTS, strict=True))
    )
    # The note is said once for all junctures.
    return tuple(replace(one, note="") for one in made if len(one.titles) > 1)


def _rests_on(record: Record) -> str:
    openings, people = figure(record.get("openings")), figure(record.get("people"))
    if openings is None or people is None:
        return ""
    text = f"It came up about {words.count(openings)} times, for {words.about(people)}"
    informative = figure(record.get("people_informative"))
    if informative and figure(record.get("hazard_ratio")) is not None:
        text += f"; the comparison learns from {words.about(informative)} of them"
    return text + "."


def _lead(record: Record) -> str:
    days = figure(record.get("lead_days"))
    if days is None:
        return ""
    # A whole number of days is enough: times are told to a quarter of a day at best.
    return (
        f"Time to act: where a crisis followed a missed response, half came within {words.plural(round(days), 'day')} "
        "of the opening, half later."
    )


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


def forest_groups(agreement: Agreement, tables: Tables) -> tuple[charts.RatioGroup, ...]:
    """Rows of the chart of ratios, by rank."""
    place = by_rank(agreement, tables)
    found: dict[str, list[charts.RatioRow]] = {}
    for record, why in records(tables.get("junctures")):
        stratum = str(record.get("stratum"))
        if stratum not in STRATA:
            continue
        ratio = ratio_of(record)
        if why:
            remark = HIDDEN_TO_PROTECT
        elif verdict_of(record.get("verdict")) is Verdict.TOO_SMALL:
            remark = "too small to say"
        else:
            remark = "" if ratio.known else "no effect estimated" if ratio.value is None else "no interval"
        row = charts.RatioRow(NAMES[stratum], ratio, remark, stratum)
        found.setdefault(str(record.get("juncture")), []).append(row)
    return tuple(
        charts.RatioGroup(
            title_of_juncture(agreement, name),
            # Nothing three times over is nothing once.
            tuple(rows) if any(row.drawn for row in rows) else _once(rows),
        )
        for name, rows in sorted(found.items(), key=lambda item: place(item[0]))
    )


def _once(rows: Sequence[charts.RatioRow]) -> tuple[charts.RatioRow, ...]:
    """One row for all, where there is nothing to draw of any."""
    remarks = {row.remark for row in rows}
    remark = remarks.pop() if len(remarks) == 1 else "too small to say, or hidden"
    return (charts.RatioRow("", Interval(), remark),)


def ranked_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """A row a juncture, by rank: verdict, crises that might be avoided, and the time in which they came."""
    table = tables.get("junctures")
    if table is None or not table.rows:
        return None
    place = by_rank(agreement, tables)

    def order(record: Record) -> float:
        return place(str(record.get("juncture")))

    made = view(
        agreement,
        table,
        name="ranked",
        caption="Junctures in order of the crises that might be avoided in a year"
        if any(figure(r.get("rank")) is not None for r in shown(table))
        else "Junctures side by side",
        columns=tuple(RANKED_COLUMNS),
        titles=RANKED_COLUMNS,
        keep=lambda r: r.get("stratum") == "all",
        order=order,
    )
    return replace(made, note="") if made.rows else None


def ranking_words(tables: Tables) -> str:
    """How sure the order is; "" where no juncture is told of."""
    rows = [r for r in shown(tables.get("junctures")) if r.get("stratum") == "all"]
    ranked = {rank: r for r in rows if (rank := figure(r.get("rank"))) is not None}
    if not rows:
        return ""
    if not ranked:
        return "They stand in the order of the agreement: too few have enough people behind them to be ranked."
    first = figure(ranked[min(ranked)].get("prob_top3"))
    sure = (
        ""
        if first is None
        else f" The one that comes first would be among the first three {words.of_every(first)} times if the study "
        "were done again."
    )
    return (
        "They stand in the order of the crises that might be avoided in a year, if all of the difference came from the "
        f"response.{sure} In a group this small the order is a hint, not a list of what to fund."
    )


def added_up(tables: Tables) -> str:
    """What all junctures come to when each crisis counts once; "" where that is not told of two."""
    shares = [
        value
        for r in shown(tables.get("junctures"))
        if r.get("stratum") == "all" and (value := figure(r.get("attributed"))) is not None
    ]
    if len(shares) < 2:
        return ""
    return (
        "Only the figures “in turn” may be added up: there each crisis counts once, at the first juncture that might "
        f"have spared it. Together they come to about {sum(shares):.0f} crises a year, if all of every difference came "
        "from the response. “Days to act”: half of the crises after a missed response came within so many days of the "
        "opening."
    )


def avoidable_groups(agreement: Agreement, tables: Tables) -> tuple[AmountGroup, ...]:
    """Rows of the chart of what might be avoided, by rank: at most, without a model, with it."""
    place = by_rank(agreement, tables)
    rows = [r for r in shown(tables.get("junctures")) if r.get("stratum") == "all"]
    rows = [r for r in rows if figure(r.get("avoidable")) is not None]
    found = []
    for record in sorted(rows, key=lambda r: place(str(r.get("juncture")))):
        parts = (
            Amount("At most", Interval(figure(record.get("ceiling"))), Look.MOST),
            Amount("Without a model", _bounds(record), Look.BOUNDS),
            Amount("With the model", interval(record, "avoidable", "avoidable_low", "avoidable_high"), Look.SOLID),
        )
        title = title_of_juncture(agreement, str(record.get("juncture")))
        found.append(AmountGroup(title, tuple(p for p in parts if p.drawn)))
    return tuple(found)


def avoidable_chart(agreement: Agreement, tables: Tables) -> charts.Chart | None:
    """Crises a year that might be avoided."""
    return charts.amounts(
        "avoidable",
        "Crises a year that might be avoided, if all of the difference came from the response",
        "crises a year in the people studied",
        avoidable_groups(agreement, tables),
    )


def _bounds(record: Mapping[str, object]) -> Interval:
    return Interval(None, figure(record.get("bound_low")), figure(record.get("bound_high")))
