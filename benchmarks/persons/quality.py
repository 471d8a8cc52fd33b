"""How well persons are found inside an agency, beside Splink 5 on the same fields, and whether we know how well.

    python benchmarks/persons/quality.py             evaluation data (nobody tunes to them)
    python benchmarks/persons/quality.py --develop   development data

Both see names, birth date, sex, address, ZIP, telephone and SSN digits, as far as a file has them.
Splink is set up as its quick start for deduplication has it (name, date-of-birth and exact comparisons with term
frequencies; blocks by first name and birth date, by last name, and by birth date; u from random pairs; EM over names
and birth dates; recall of the deterministic rule .7) and its clusters are taken at p >= .5, .9, .99 and at the best of
eight thresholds, chosen with the truth. Ours has no threshold. Precision, recall and F1 are over pairs of records; a
nameless record, which we attach to nobody, counts as missed.
"""

from __future__ import annotations

import argparse
import csv
import logging
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import splink.comparison_library as cl
from numpy.typing import NDArray
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import worlds
from juncture.agency.people.resolve import Resolution, resolve

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "shared" / "data"
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999)
SHOWN = (0.5, 0.9, 0.99)
BANDS = (0.0, 0.1, 0.5, 0.8, 0.9, 0.97, 1.0)
TEXTS = ("last_name", "first_name", "middle_name", "sex", "address", "zip", "phone", "ssn4")

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class File:
    """Mentions, the true person of each (int64), and the person's true sex where known."""

    mentions: pa.Table
    truth: Labels
    sex: NDArray[np.str_] | None = None


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, skipinitialspace=True))


def born(text: str) -> tuple[int | None, int | None, int | None]:
    """Year, month and day of Y-M-D, YYYYMMDD or M/D/Y; impossible parts left out, an obvious transposition turned."""
    text = text.strip()
    if found := re.fullmatch(r"(\d+)/(\d+)/(\d+)", text):
        parts = (found[3], found[1], found[2])
    elif found := re.fullmatch(r"(\d+)-(\d+)-(\d+)", text) or re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text):
        parts = (found[1], found[2], found[3])
    else:
        return None, None, None
    y, m, d = (int(x) for x in parts)
    if m > 12 >= d:
        m, d = d, m
    return (y if 1890 <= y <= 2026 else None, m if 1 <= m <= 12 else None, d if 1 <= d <= 31 else None)


def table(rows: list[dict[str, str]], births: list[str]) -> pa.Table:
    """Mentions from rows of texts and birth dates as written."""
    parts = [born(text) for text in births]
    kinds = (("birth_year", pa.int16()), ("birth_month", pa.int8()), ("birth_day", pa.int8()))
    return pa.table(
        {"record_id": pa.array([str(i) for i in range(len(rows))])}
        | {name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in TEXTS}
        | {name: pa.array([part[i] for part in parts], kind) for i, (name, kind) in enumerate(kinds)}
    )


def labels(names: list[str]) -> Labels:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def fake(name: str) -> File:
    file = rows_of(DATA / "linkage" / "splink" / f"{name}.csv")
    rows = [{"last_name": r["surname"], "first_name": r["first_name"], "address": r["city"]} for r in file]
    truth = [r.get("cluster") or r.get("group") or "" for r in file]
    return File(table(rows, [r["dob"] for r in file]), labels(truth))


def febrl(number: int) -> File:
    file = rows_of(DATA / "linkage" / "febrl" / f"febrl{number}.csv")
    rows = [
        {
            "last_name": r["surname"],
            "first_name": r["given_name"],
            "address": f"{r['street_number']} {r['address_1']}".strip(),
            "zip": r["postcode"].rjust(5, "0") if r["postcode"] else "",
        }
        for r in file
    ]
    return File(table(rows, [r["date_of_birth"] for r in file]), labels([r["rec_id"].split("-")[1] for r in file]))


def borrowed_city(agency: str) -> File:
    city = DATA / "borrowed_city"
    known = {r["record_id"]: (r["true_person"], r["sex"]) for r in rows_of(city / "truth.csv") if r["agency"] == agency}
    if agency == "police":
        file = rows_of(city / "police_rms_export.csv")
        key, birth = "INCIDENT_NO", "DOB"
        names = {"LAST_NAME": "last_name", "FIRST_NAME": "first_name", "MI": "middle_name", "ADDR": "address"}
        sexes = {r["SEX"]: {"F": "female", "M": "male"}.get(r["SEX"], "") for r in file}
        rows = [{new: r[old] for old, new in names.items()} | {"sex": sexes[r["SEX"]]} for r in file]
    else:
        file = rows_of(city / "clinic_encounters.csv")
        key, birth = "encounter_id", "birth_date"
        names = {"patient_last": "last_name", "patient_first": "first_name", "street": "address"}
        rows = [{new: r[old] for old, new in names.items()} | {"sex": r["gender"].lower()} for r in file]
    people = [known[r[key]] for r in file]
    return File(
        table(rows, [r[birth] for r in file]), labels([p for p, _ in people]), np.array([sex for _, sex in people])
    )


def changed_surnames(seed: int) -> File:
    """A file in which a quarter of the records of women with a maiden name are under it."""
    people = worlds.population(3_000, seed)
    rates = replace(worlds.ADMINISTRATIVE, maiden=0.25, both_names=0.05)
    mentions, who = worlds.mentions(12_000, people, seed + 1, rates)
    sex = np.array([s if w >= 0 else "" for s, w in zip(people["sex"].take(pa.array(np.maximum(who, 0))).to_pylist(),
                                                        who.tolist(), strict=True)])  # fmt: skip
    lone = np.where(who >= 0, who, people.num_rows + np.arange(len(who)))
    return File(mentions, lone.astype(np.int64), sex)


EVALUATION: dict[str, Callable[[], File]] = {
    "fake_20000": lambda: fake("fake_20000"),
    "borrowed_city police": lambda: borrowed_city("police"),
    "borrowed_city clinic": lambda: borrowed_city("clinic"),
    "changed surnames, seed 1009": lambda: changed_surnames(1009),
}
DEVELOPMENT: dict[str, Callable[[], File]] = {
    "fake_1000": lambda: fake("fake_1000"),
    "febrl1": lambda: febrl(1),
    "febrl2": lambda: febrl(2),
    "febrl3": lambda: febrl(3),
    "changed surnames, seed 9": lambda: changed_surnames(9),
}


def scores(found: Labels, truth: Labels, among: NDArray[np.bool_] | None = None) -> tuple[float, float, float]:
    """Precision, recall and F1 over pairs of records; ``among``: a pair counts once for each of its records there."""

    def ends(label: Labels) -> NDArray[np.int64]:
        _, code, count = np.unique(label, return_inverse=True, return_counts=True)
        return (count[code] - 1).astype(np.int64)

    chosen = np.ones(len(truth), bool) if among is None else among
    true, said = ends(truth)[chosen].sum(), ends(found)[chosen].sum()
    both = ends(truth * (int(found.max()) + 1) + found)[chosen].sum()
    precision, recall = both / max(said, 1), both / max(true, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def ours(file: File) -> tuple[Resolution, Labels]:
    """Our resolution, and its persons with each nameless record a person of its own."""
    with tempfile.TemporaryDirectory() as spill:
        found = resolve(file.mentions, number_trust="none", spill_dir=Path(spill))
    person = found.person.astype(np.int64)
    return found, np.where(person >= 0, person, found.people + np.arange(len(person)))


def splink(mentions: pa.Table) -> dict[float, Labels]:
    """Splink's clusters at each threshold."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    n = mentions.num_rows
    parts = [mentions[name].to_pylist() for name in ("birth_year", "birth_month", "birth_day")]
    births = [f"{y:04d}-{m:02d}-{d:02d}" if y and m and d else None for y, m, d in zip(*parts, strict=True)]
    columns = {name: mentions[name].combine_chunks() for name in TEXTS if mentions[name].null_count < n}
    rows = pa.table({"unique_id": pa.array(range(n)), "dob": pa.array(births, pa.string())} | columns)
    connection = duckdb.connect()
    connection.register("rows_in", rows)
    connection.execute("CREATE TABLE rows AS SELECT * FROM rows_in")
    comparisons = [
        cl.NameComparison("first_name"),
        cl.NameComparison("last_name"),
        cl.DateOfBirthComparison("dob", input_is_string=True),
    ]
    if "middle_name" in columns:
        comparisons.append(cl.NameComparison("middle_name"))
    if "sex" in columns:
        comparisons.append(cl.ExactMatch("sex"))
    for name in ("address", "zip", "phone", "ssn4"):
        if name in columns:
            comparisons.append(cl.ExactMatch(name).configure(term_frequency_adjustments=True))
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on("first_name", "dob"), block_on("last_name"), block_on("dob")],
    )
    linker = Linker(DuckDBAPI(connection=connection).register("rows"), settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match([block_on("first_name", "last_name")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("first_name", "last_name"), block_on("dob")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    predicted = linker.inference.predict(threshold_match_weight=-10, warning_mode="never")
    clusters: dict[float, Labels] = {}
    for threshold in THRESHOLDS:
        made = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        sql = f"SELECT cluster_id FROM {made.physical_name} ORDER BY unique_id"
        clusters[threshold] = labels([str(row[0]) for row in connection.execute(sql).fetchall()])
    connection.close()
    return clusters


def calibration(found: Resolution, truth: Labels) -> list[tuple[str, int, float, float]]:
    """Of scored pairs of spellings by probability: ``(band, pairs, mean probability, share true)``."""
    doubts = found.doubts
    named = np.flatnonzero(doubts.unit >= 0)
    # The true person of a spelling is that of most of its records.
    key, count = np.unique(doubts.unit[named] * (int(truth.max()) + 1) + truth[named], return_counts=True)
    unit, person = np.divmod(key, int(truth.max()) + 1)
    of_unit = np.full(len(doubts.records), -1, np.int64)
    order = np.argsort(count, kind="stable")
    of_unit[unit[order]] = person[order]
    edges = doubts.edges
    known = (of_unit[edges.left] >= 0) & (of_unit[edges.right] >= 0)
    same = (of_unit[edges.left] == of_unit[edges.right])[known]
    p = edges.probability[known]
    band = np.clip(np.searchsorted(BANDS, p, side="right") - 1, 0, len(BANDS) - 2)
    return [
        (
            f"{BANDS[k]}-{BANDS[k + 1]}",
            int((band == k).sum()),
            float(p[band == k].mean()),
            float(same[band == k].mean()),
        )
        for k in range(len(BANDS) - 1)
        if np.any(band == k)
    ]


def measure(name: str, file: File) -> list[dict[str, object]]:
    """Result rows of one file: ``data, method, group, measure, value``."""
    rows: list[dict[str, object]] = []

    def tell(method: str, group: str, **values: float) -> None:
        rows.extend(
            {"data": name, "method": method, "group": group, "measure": key, "value": round(float(value), 4)}
            for key, value in values.items()
        )

    start = time.perf_counter()
    found, person = ours(file)
    precision, recall, f1 = scores(person, file.truth)
    tell("ours", "all", precision=precision, recall=recall, f1=f1, seconds=time.perf_counter() - start)
    # What the report speaks of: records that name somebody.
    named = found.person >= 0
    true = scores(person[named], file.truth[named])
    tell("ours, named records", "all", precision=true[0], recall=true[1], f1=true[2])
    tell("ours, expected", "all", precision=found.expected_precision, recall=found.expected_recall)
    for row in found.quality.rows:
        for label, estimate in (("precision", row.precision), ("recall", row.recall)):
            if estimate and row.by in ("everybody", "sex"):
                group = "all" if row.by == "everybody" else row.group
                tell("ours, expected", group, **{f"{label}_low": estimate.low, f"{label}_high": estimate.high})
                if row.by == "sex":
                    tell("ours, expected", group, **{label: estimate.value})
    start = time.perf_counter()
    clusters = splink(file.mentions)
    seconds = time.perf_counter() - start
    by_f1 = max(clusters, key=lambda threshold: scores(clusters[threshold], file.truth)[2])
    shown = [(f"Splink, p >= {t}", clusters[t]) for t in SHOWN] + [("Splink, best threshold by truth", clusters[by_f1])]
    for method, label in shown:
        p, r, f = scores(label, file.truth)
        tell(method, "all", precision=p, recall=r, f1=f, seconds=seconds)
    if file.sex is not None:
        for sex in ("female", "male"):
            chosen = (file.sex == sex) & named
            p, r, f = scores(person[named], file.truth[named], chosen[named])
            tell("ours, named records", sex, precision=p, recall=r, f1=f)
            for method, label in shown:
                p, r, f = scores(label[named], file.truth[named], chosen[named])
                tell(f"{method}, named records", sex, precision=p, recall=r, f1=f)
    for band, pairs, mean, share in calibration(found, file.truth):
        tell("ours, calibration", band, pairs=pairs, mean_probability=mean, share_true=share)
    return rows


def report(rows: list[dict[str, object]], command: str) -> str:
    """The results as a page."""
    cell = {(r["data"], r["method"], r["group"], r["measure"]): r["value"] for r in rows}
    data = list(dict.fromkeys(str(r["data"]) for r in rows))

    def number(*key: str) -> str:
        value = cell.get(key)
        return "" if value is None else f"{value:.4f}"

    lines = [
        "# Persons inside an agency: quality",
        "",
        f"Made by `{command}` on {date.today().isoformat()}, Python {platform.python_version()}, Splink "
        f"{version('splink')}. {__doc__.split('Both see')[1].join(['Both see', '']).strip()}",
        "",
        "| data | method | precision | recall | F1 |",
        "|---|---|---|---|---|",
    ]
    for name in data:
        for method in dict.fromkeys(str(r["method"]) for r in rows if r["data"] == name and r["group"] == "all"):
            if method != "ours, expected":
                values = " | ".join(number(name, method, "all", m) for m in ("precision", "recall", "f1"))
                lines.append(f"| {name} | {method} | {values} |")
    lines += ["", "## Expected against true (named records)", "",
              "| data | group | precision: expected (95 %) | true | recall: expected (95 %) | true |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for name in data:
        for group in ("all", "female", "male"):
            parts = []
            for m in ("precision", "recall"):
                low, high = (number(name, "ours, expected", group, f"{m}_{x}") for x in ("low", "high"))
                parts += [f"{number(name, 'ours, expected', group, m)} ({low}-{high})",
                          number(name, "ours, named records", group, m)]  # fmt: skip
            if parts[1]:
                lines.append(f"| {name} | {group} | {' | '.join(parts)} |")
    lines += ["", "## Recall by sex (named records)", "", "| data | method | women | men |", "|---|---|---|---|"]
    for name in data:
        for method in dict.fromkeys(str(r["method"]) for r in rows if r["data"] == name and r["group"] == "female"):
            if method != "ours, expected":
                women, men = (number(name, method, sex, "recall") for sex in ("female", "male"))
                lines.append(f"| {name} | {method} | {women} | {men} |")
    lines += ["", "## Calibration: scored pairs of spellings", "",
              "| data | probability | pairs | mean probability | share true |", "|---|---|---|---|---|"]  # fmt: skip
    for name in data:
        for band in dict.fromkeys(r["group"] for r in rows if r["data"] == name and r["method"] == "ours, calibration"):
            key = (name, "ours, calibration", str(band))
            pairs = int(float(str(cell[(*key, "pairs")])))
            lines.append(
                f"| {name} | {band} | {pairs} | {number(*key, 'mean_probability')} | {number(*key, 'share_true')} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--develop", action="store_true", help="development data instead of evaluation data")
    develop = parser.parse_args().develop
    rows: list[dict[str, object]] = []
    for name, load in (DEVELOPMENT if develop else EVALUATION).items():
        print(name, file=sys.stderr, flush=True)
        rows += measure(name, load())
    stem = "quality-development" if develop else "quality"
    with (HERE / f"{stem}.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=("data", "method", "group", "measure", "value"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    command = "python benchmarks/persons/quality.py" + (" --develop" if develop else "")
    (HERE / f"{stem}.md").write_text(report(rows, command), encoding="utf-8")


if __name__ == "__main__":
    main()
