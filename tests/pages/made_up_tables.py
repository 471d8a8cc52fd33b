"""Made-up tables of a release beyond the first: as the analyst proposes them, with invented numbers."""

from __future__ import annotations

from collections.abc import Sequence

from juncture.analyst.findings.funnel import NESTED, REASONS
from juncture.analyst.findings.model import FunnelStage, FunnelStep
from juncture.formats.tables import Cell, Column, ColumnKind, ProposedRow, ProposedTable

LABEL, PEOPLE, EVENTS, ESTIMATE = ColumnKind.LABEL, ColumnKind.PEOPLE, ColumnKind.EVENTS, ColumnKind.ESTIMATE
POLICE, CLINIC = "River Town Police Department", "River Town Crisis Team"


def _table(name: str, title: str, note: str, columns: str, rows: Sequence[tuple[Cell, ...]]) -> ProposedTable:
    """Columns as ``name:kind`` words; every number of people in a row stands behind it."""
    kinds = {"l": LABEL, "p": PEOPLE, "n": EVENTS, "e": ESTIMATE}
    made = tuple(
        Column(word, TITLES.get(word, word.replace("_", " ").capitalize()), kinds[kind])
        for word, _, kind in (part.partition(":") for part in columns.split())
    )
    places = [i for i, column in enumerate(made) if column.kind is PEOPLE]

    def behind(row: tuple[Cell, ...]) -> tuple[int, ...]:
        return tuple(cell for i in places if isinstance(cell := row[i], int))

    return ProposedTable(name, title, note, made, tuple(ProposedRow(row, behind(row)) for row in rows))


TITLES = {
    "title": "What it is",
    "stratum": "Group",
    "people": "People",
    "crises": "Crises",
    "share": "Share of crises",
    "referent_share": "Share of other times",
    "odds_ratio": "Odds, before a crisis over other times",
    "observed_fall": "Fall that was seen",
    "expected_fall": "Fall to be expected",
    "lagged_fall": "Fall to be expected, second way",
    "hazard_ratio": "Missed over met",
    "what": "Counted how",
}


def last_contact() -> ProposedTable:
    """Kinds and days; one kind is about too few."""
    rows: list[tuple[Cell, ...]] = []
    kinds = (
        ("police.other_police", f"Other police contact ({POLICE})", 44, 0.21, 0.12, 1.9, 1.4, 2.6),
        ("clinic.follow_up", f"Follow-up ({CLINIC})", 41, 0.16, 0.22, 0.68, 0.49, 0.94),
        ("police.incident", f"Incident ({POLICE})", 38, 0.14, 0.11, 1.3, 0.92, 1.8),
        ("clinic.outpatient", f"Outpatient visit ({CLINIC})", 35, 0.11, 0.15, 0.7, 0.5, 1.0),
        ("police.welfare_check", f"Welfare check ({POLICE})", 29, 0.09, 0.04, 2.4, 1.5, 3.9),
        ("clinic.ed_discharge", f"Emergency department discharge ({CLINIC})", 17, 0.05, 0.03, 1.7, 0.8, 3.6),
        ("police.arrest", f"Arrest ({POLICE})", 6, 0.01, 0.01, None, None, None),
        ("none", "None in the 28 days before", 52, 0.23, 0.32, 0.63, 0.45, 0.88),
    )
    days = (
        ("0", "On the same day", 33, 0.14, 0.06, 2.6, 1.7, 4.0),
        ("1-3", "1 to 3 days before", 49, 0.24, 0.17, 1.5, 1.1, 2.1),
        ("4-7", "4 to 7 days before", 47, 0.16, 0.16, 1.0, 0.74, 1.4),
        ("8-14", "8 to 14 days before", 44, 0.13, 0.15, 0.85, 0.6, 1.2),
        ("15-28", "15 to 28 days before", 39, 0.10, 0.14, 0.69, 0.47, 1.0),
        ("none", "None in the 28 days before", 52, 0.23, 0.32, 0.63, 0.45, 0.88),
    )
    for measure, told in (("kind", kinds), ("days", days)):
        for value, title, people, share, referent, odds, low, high in told:
            for stratum, part in (("all", 1.0), ("women", 0.58), ("men", 0.42)):
                number = round(people * part)
                few = number < 20
                rows.append(
                    (
                        *(measure, value, title, stratum, number, 5 * number, share, referent),
                        *((None, None, None) if few else (odds, low, high)),
                    )
                )
    return _table(
        "last_contact",
        "The last contact before a crisis",
        "Compared with the same hours of the same weekday in the weeks before.",
        "measure:l value:l title:l stratum:l people:p crises:n share:e referent_share:e odds_ratio:e low:e high:e",
        rows,
    )


def expected_fall() -> ProposedTable:
    """Two agencies; at one the two ways to expect a fall disagree, and of its men nothing is to be expected."""
    none = (None, None, None)
    police, clinic = f"Contacts with {POLICE}", f"Contacts with {CLINIC}"
    apart = "the two ways to expect a fall differ by more than 10 points"
    rows: list[tuple[Cell, ...]] = [
        ("police", police, "all", 80, 11.2, 6.4, 0.43, 0.33, 0.52, 0.38, 0.30, 0.46, 0.41, 0.29, 0.51, ""),
        ("police", police, "women", 46, 9.1, 5.4, 0.41, 0.27, 0.53, 0.37, 0.26, 0.47, 0.39, 0.22, 0.53, ""),
        ("police", police, "men", 34, 13.9, 7.7, 0.45, 0.30, 0.57, 0.39, 0.27, 0.50, 0.43, 0.25, 0.58, ""),
        ("clinic", clinic, "all", 80, 19.3, 16.9, 0.12, 0.01, 0.23, 0.31, 0.22, 0.40, 0.16, 0.03, 0.28, apart),
        ("clinic", clinic, "women", 46, 21.4, 19.1, 0.11, -0.04, 0.24, 0.33, 0.21, 0.43, *none, ""),
        ("clinic", clinic, "men", 34, 16.2, 14.0, 0.14, -0.06, 0.31, *none, *none, "too few people to say"),
        ("crises", "Crisis episodes", "all", 80, 5.1, 3.6, 0.29, 0.15, 0.42, *none, 0.24, 0.06, 0.39, ""),
    ]
    return _table(
        "expected_fall",
        "Falls in contacts, seen and to be expected",
        "Contacts a person and year in the selection window and in the follow-up window.",
        "agency:l title:l stratum:l people:p before:e after:e observed_fall:e observed_low:e observed_high:e "
        "expected_fall:e expected_low:e expected_high:e lagged_fall:e lagged_low:e lagged_high:e note:e",
        rows,
    )


def everyone() -> ProposedTable:
    """Everybody in two files by band and sex."""
    rows: list[tuple[Cell, ...]] = []
    for agency, title, scale in (("police", POLICE, 1.0), ("clinic", CLINIC, 0.5)):
        for sex, part in (("women", 0.47), ("men", 0.53)):
            for band, people in (("1", 5200), ("2", 1430), ("3-4", 610), ("5-9", 188), ("10+", 16)):
                rows.append((agency, title, sex, band, round(people * scale * part)))
    return _table(
        "everyone",
        "Everybody in the agencies' files",
        "People by contacts in the selection window, as each agency counts them.",
        "agency:l title:l sex:l band:l people:p",
        rows,
    )


VARIANTS = (
    ("primary", "As declared", 1.0),
    ("crises_7_30d", "Crises of the weeks before held equal", 0.96),
    ("prior_response", "Responses before held equal", 0.98),
    ("all_adjusted", "Both held equal", 0.94),
    ("all_crises", "All crises, not the first alone", 0.9),
    ("time_dependent", "Without a landmark", 1.05),
    ("sccs", "Each person's other times", 0.88),
    ("gap_6h", "Crises 6 hours apart are two", 0.99),
    ("gap_72h", "Crises up to 72 hours apart are one", 1.04),
)


def sensitivity(junctures: Sequence[tuple[str, str, tuple[float, float, float], int]]) -> ProposedTable:
    """Variants of juncture, title, ratio and informative people; without an estimate below 20 of them."""
    rows: list[tuple[Cell, ...]] = []
    for name, title, ratio, people in junctures:
        for variant, what, tilt in VARIANTS:
            known = people >= 20 and ratio[0] == ratio[0]
            rows.append((name, title, variant, what, *(r * tilt if known else None for r in ratio), people))
    return _table(
        "sensitivity",
        "Other ways to count",
        "One thing is changed at a time.",
        "juncture:l title:l variant:l what:l hazard_ratio:e low:e high:e people_informative:p",
        rows,
    )


def funnel_steps(name: str, people: int, share: float) -> tuple[FunnelStep, ...]:
    """The stages of one juncture of which ``share`` was missed."""
    opened = 7 * people
    openings = {
        FunnelStage.OPENED: opened,
        FunnelStage.CRISIS_FIRST: people // 2,
        FunnelStage.INSTITUTION_FIRST: people // 4,
        FunnelStage.END_FIRST: people - people // 2 - people // 4,
        FunnelStage.EVALUABLE: 6 * people,
        FunnelStage.MISSED: round(6 * people * share),
        FunnelStage.CRISIS: round(6 * people * share * 0.4),
    }
    left = dict.fromkeys(NESTED, people * 2 // 3)
    smaller = {FunnelStage.MISSED: 0.9, FunnelStage.CRISIS: 0.6, **dict.fromkeys(REASONS, 0.4)}
    return tuple(
        FunnelStep(
            juncture=name,
            stage=stage,
            openings=number,
            people=round(people * smaller.get(stage, 1.0)),
            people_left={earlier: left[earlier] for earlier in NESTED[: NESTED.index(stage)]}
            if stage in NESTED
            else {},
            largest_share=0.05,
        )
        for stage, number in openings.items()
    )
