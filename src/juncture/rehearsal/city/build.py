"""Building the made-up city into a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from juncture.base.errors import UsageError
from juncture.base.files import csv_text, write_text
from juncture.base.report import Progress, silent
from juncture.rehearsal.city.exports import (
    CLINIC_COLUMNS,
    POLICE_COLUMNS,
    TRUTH_COLUMNS,
    Record,
    clinic_records,
    police_records,
    truth_rows,
)
from juncture.rehearsal.city.life import Opening, Planted
from juncture.rehearsal.city.noise import Slip
from juncture.rehearsal.city.papers import (
    CLINIC_EXPORT,
    JUNCTURE,
    NULL_JUNCTURES,
    OTHER_JUNCTURES,
    POLICE_EXPORT,
    RULE,
    WITHIN_DAYS,
    agreement,
    clinic_source,
    police_source,
)
from juncture.rehearsal.city.people import TruePerson, draw_people
from juncture.rehearsal.city.society import WOMEN_OVER_MEN, Group, Society, draw_society, qualifying

SELECTION = (date(2022, 1, 1), date(2023, 12, 31))
FOLLOW_UP = (date(2024, 1, 1), date(2025, 12, 31))
DAYS = float((FOLLOW_UP[1] - SELECTION[0]).days + 1)
SELECTION_DAYS = float((FOLLOW_UP[0] - SELECTION[0]).days)
FEWEST_PEOPLE = 200


@dataclass(frozen=True)
class Truth:
    """What is true of the city, as written to ``truth_effects.json``.

    Shares of missed openings are those of ``cohort`` in the follow-up window, over evaluable openings, None where
    there are none. ``cohort`` holds the people who meet the rule by records that bear a name;
    ``cohort_with_nameless`` counts them with every contact. The effect is planted in ``juncture``; nothing follows
    from ``null_junctures``; ``other_junctures`` share visits with the planted one, so its effect shows in them in part.
    """

    seed: int
    people: int
    police_people: int
    clinic_people: int
    people_in_both: int
    police_records: int
    clinic_records: int
    nameless_records: int
    joint_contacts: int
    juncture: str
    hazard_ratio: float
    within_days: float
    horizon_days: float
    null_junctures: tuple[str, ...]
    other_junctures: tuple[str, ...]
    openings: int
    openings_evaluable: int
    missed_share: float | None
    missed_share_women: float | None
    missed_share_men: float | None
    cohort_women: int
    cohort_men: int
    cohort_other: int
    cohort_surname_changes: int
    cohort_with_nameless: int
    rate_ratios_women_over_men: dict[str, float]
    cohort: tuple[str, ...]


@dataclass(frozen=True)
class City:
    """Where the parts of a city lie, and what is true of it."""

    folder: Path
    agreement: Path
    police_source: Path
    police_export: Path
    clinic_source: Path
    clinic_export: Path
    truth_file: Path
    effects_file: Path
    truth: Truth


def group_counts(people: int, in_both: float, clinic_only: float, frequent: int) -> dict[Group, int]:
    """People by group; ``frequent`` of those in both files are met often. ``UsageError`` where they do not fit."""
    both, clinic = round(people * in_both), round(people * clinic_only)
    if people < FEWEST_PEOPLE or not 0 < frequent <= both or people - both - clinic < 1 or clinic < 0:
        raise UsageError(
            f"A made-up city of {people} people with {both} in both files and {frequent} met often cannot be built.",
            remedy=f"Take at least {FEWEST_PEOPLE} people, fewer met often than in both files, and some police only.",
        )
    return {
        Group.POLICE_ONLY: people - both - clinic,
        Group.CLINIC_ONLY: clinic,
        Group.BOTH: both - frequent,
        Group.FREQUENT: frequent,
    }


def build_city(
    out: Path,
    *,
    seed: int,
    people: int = 3200,
    in_both: float = 0.1875,
    clinic_only: float = 0.21875,
    frequent: int | None = None,
    quota: int = 150,
    planted: Planted | None = None,
    progress: Progress = silent,
) -> City:
    """Write a made-up city into the folder ``out``: two exports, their source files, a draft agreement, the truth.

    ``people`` are counted once; ``in_both`` and ``clinic_only`` are shares of them, ``frequent`` (default 3 %) are
    those met often, of whom nearly all qualify under the agreement's rule. The same arguments give the same bytes.
    Raises ``UsageError`` where the sizes do not fit together.
    """
    effect = planted or Planted()
    counts = group_counts(people, in_both, clinic_only, max(1, round(0.03 * people)) if frequent is None else frequent)
    rng = np.random.default_rng(seed)
    first_day = datetime.combine(SELECTION[0], datetime.min.time())
    progress("drawing the city's years", 0, 3)
    society = draw_society(rng, counts, DAYS, planted=effect)
    residents = draw_people(rng, society.group, society.sex, SELECTION[0], DAYS)
    progress("writing the exports", 1, 3)
    police = police_records(rng, society.contacts, residents, first_day)
    clinic = clinic_records(rng, society.contacts, residents, first_day)
    truth = _truth(seed, society, residents, police, clinic, effect)
    progress("writing the papers", 2, 3)
    city = City(
        folder=out,
        agreement=write_text(
            out / "agreement.toml", agreement(SELECTION, FOLLOW_UP, effect, quota=quota, floor=min(100, people // 10)),
            private=False,
        ),
        police_source=write_text(out / "police" / "police.toml", police_source(), private=False),
        police_export=write_text(
            out / "police" / POLICE_EXPORT, csv_text(POLICE_COLUMNS, (r.cells for r in police)), private=False
        ),
        clinic_source=write_text(out / "clinic" / "clinic.toml", clinic_source(), private=False),
        clinic_export=write_text(
            out / "clinic" / CLINIC_EXPORT, csv_text(CLINIC_COLUMNS, (r.cells for r in clinic)), private=False
        ),
        truth_file=write_text(
            out / "truth.csv",
            csv_text(TRUTH_COLUMNS, [*truth_rows("police", police), *truth_rows("clinic", clinic)]),
            private=False,
        ),
        effects_file=write_text(
            out / "truth_effects.json", json.dumps(asdict(truth), indent=2, ensure_ascii=False) + "\n", private=False
        ),
        truth=truth,
    )  # fmt: skip
    progress("writing the papers", 3, 3)
    return city


def _truth(
    seed: int,
    society: Society,
    residents: Sequence[TruePerson],
    police: Sequence[Record],
    clinic: Sequence[Record],
    planted: Planted,
) -> Truth:
    records = (*police, *clinic)
    named = (r.contact for r in records if Slip.NAMELESS not in r.slips)
    cohort = qualifying(named, SELECTION_DAYS, RULE, float(WITHIN_DAYS))
    chosen = set(cohort)
    openings = [o for o in society.openings if o.person in chosen and o.end >= SELECTION_DAYS]
    evaluable = [o for o in openings if o.evaluable]
    agencies = [g.agencies for g in society.group]
    sexes = [residents[p].sex for p in cohort]

    def missed(sex: str | None) -> float | None:
        return _missed_share([o for o in evaluable if sex is None or residents[o.person].sex == sex])

    return Truth(
        seed=seed,
        people=len(residents),
        police_people=sum("police" in a for a in agencies),
        clinic_people=sum("clinic" in a for a in agencies),
        people_in_both=sum(len(a) == 2 for a in agencies),
        police_records=len(police),
        clinic_records=len(clinic),
        nameless_records=sum(Slip.NAMELESS in r.slips for r in records),
        joint_contacts=sum(c.joint is not None and c.agency == "police" for c in society.contacts),
        juncture=JUNCTURE,
        hazard_ratio=planted.ratio,
        within_days=planted.within_days,
        horizon_days=planted.horizon_days,
        null_junctures=NULL_JUNCTURES,
        other_junctures=OTHER_JUNCTURES,
        openings=len(openings),
        openings_evaluable=len(evaluable),
        missed_share=missed(None),
        missed_share_women=missed("female"),
        missed_share_men=missed("male"),
        cohort_women=sexes.count("female"),
        cohort_men=sexes.count("male"),
        cohort_other=sexes.count("other"),
        cohort_surname_changes=sum(residents[p].new_last is not None for p in cohort),
        cohort_with_nameless=len(qualifying(society.contacts, SELECTION_DAYS, RULE, float(WITHIN_DAYS))),
        rate_ratios_women_over_men=dict(WOMEN_OVER_MEN),
        cohort=tuple(residents[p].label for p in cohort),
    )


def _missed_share(openings: Sequence[Opening]) -> float | None:
    if not openings:
        return None
    return round(sum(not o.met for o in openings) / len(openings), 4)
