"""How many true clocks fit what the analyst is told of a person: the agreement's windows, washout and trim against it.

The analyst knows the agreement's windows, so a person's start of follow-up lies between the first day of the follow-up
window and that day plus the washout, and no contact lies outside the windows. A shift is a multiple of seven days; what
is left are the *candidates* of the person's offset. A public log would narrow them further; this counts the windows'
part only. The people are the cohort of a made-up city, the clocks and trims are drawn as the agency and the linker draw
them. PROTOCOL's goal is ten candidates or more for 95 % of people.

    python studies/clock_candidates/measure.py > studies/clock_candidates/results.md
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np

from juncture.formats.clock import day_number
from juncture.rehearsal.city import build_city
from juncture.rehearsal.city.build import FOLLOW_UP, SELECTION

SEED = 1
REPEATS = 20
GRID = [(4, 4), (4, 8), (4, 13), (8, 13), (13, 13), (13, 26)]


def contact_days(folder: Path) -> list[tuple[list[int], list[int]]]:
    """True days of the contacts of each member of the cohort, at each agency."""
    city = build_city(folder, seed=SEED)
    with city.truth_file.open(encoding="utf-8", newline="") as handle:
        owner = {(r["agency"], r["record_id"]): r["true_person"] for r in csv.DictReader(handle)}
    days: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in ("police", "clinic")}
    for name, path, key, at, form in (
        ("police", city.police_export, "INCIDENT_NO", "REPORTED", "%m/%d/%Y %H:%M"),
        ("clinic", city.clinic_export, "encounter_id", "start", None),
    ):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                when = datetime.strptime(row[at], form) if form else datetime.fromisoformat(row[at])
                person = owner.get((name, row[key]))
                if person is not None:
                    days[name][person].append(day_number(when.date()))
    return [(days["police"][person], days["clinic"][person]) for person in city.truth.cohort]


def candidates(files: tuple[list[int], ...], trim: int, washout: int, rng: np.random.Generator) -> int:
    """Offsets that fit one person's timelines, drawn once: trims an agency, washout a person."""
    low, high = day_number(SELECTION[0]), day_number(FOLLOW_UP[1])
    told = []
    for days in files:
        first, last = low + int(rng.integers(7 * trim + 1)), high - int(rng.integers(7 * trim + 1))
        told += [day for day in days if first <= day <= last]
    moved = int(rng.integers(7 * washout + 1))
    fits = 0
    for weeks in range(-washout, washout + 1):
        inside = all(low <= day + 7 * weeks <= high for day in (min(told), max(told))) if told else True
        fits += 0 <= moved + 7 * weeks <= 7 * washout and inside
    return fits


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        people = contact_days(Path(folder))
    out = sys.stdout
    out.write("# Candidate offsets of a person's clock\n\n")
    out.write("Made by `python studies/clock_candidates/measure.py`, 2026-11-24. ")
    out.write(f"Cohort of the made-up city (seed {SEED}), {len(people)} people, {REPEATS} draws each, 2 agencies.\n\n")
    out.write("| trim (weeks) | washout (weeks) | candidates, mean | at least 5 | at least 10 | exactly 1 ")
    out.write("| follow-up left |\n")
    out.write("|---|---|---|---|---|---|---|\n")
    for trim, washout in GRID:
        rng = np.random.default_rng(SEED)
        counts = np.array([candidates(p, trim, washout, rng) for p in people for _ in range(REPEATS)])
        left = (FOLLOW_UP[1] - FOLLOW_UP[0]).days + 1 - 7 * (trim + washout)
        shares = [f"{(counts >= 5).mean():.0%}", f"{(counts >= 10).mean():.0%}", f"{(counts == 1).mean():.0%}"]
        out.write(f"| {trim} | {washout} | {counts.mean():.1f} | {' | '.join(shares)} | {left} days |\n")


if __name__ == "__main__":
    main()
