"""The results as CSV and as a page; whether a target is met is computed here, never typed."""

from __future__ import annotations

import csv
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.linkage.rows import CLK, JOINT, OURS, SPLINK, Row
from benchmarks.linkage.scores import Bin, added

METHODS = tuple(OURS.values())
#: The targets (LINKAGE in the design, and the issue that set them).
SEX_WITHIN, EXPECTED_WITHIN = 0.01, 0.02
CALIBRATED = (0.75, 0.95)
#: With fewer pairs in a bin its share says nothing: the 95 % interval is wider than the target.
FEWEST_IN_BIN = 40
#: A cut has failed where the mean F1 is lower than the whole's by more than this, or the worst by more than twice it.
COLLAPSE = 0.05

Bins = Sequence[tuple[str, str, str, tuple[Bin, ...]]]


def facts(*, command: str, seconds: float, peers: Mapping[str, str]) -> dict[str, str]:
    """How, when and on what the run was made."""
    versions = {name: version(name) for name in ("juncture", "splink", "duckdb", "numpy", "pyarrow")}
    own = f"Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in versions.items())
    return {
        "Command": f"`{command}`",
        "Date": f"{datetime.now(UTC):%Y-%m-%d}, took {seconds / 60:.1f} minutes",
        "Code": _revision(),
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "Versions": own,
        "Peers": ", ".join(f"{name} {number}" for name, number in peers.items()) or "not run",
    }


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Every measurement."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows([_cell(value) for value in astuple(row)] for row in rows)


def write_calibration(bins: Bins, path: Path) -> None:
    """Every bin of every measurement."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["dataset", "size", "method", "low", "high", "pairs", "true", "expected"])
        for dataset, size, method, table in bins:
            writer.writerows(
                [dataset, size, method, b.low, b.high, b.pairs, b.true, f"{b.expected:.3f}"] for b in table
            )


def markdown(rows: Sequence[Row], bins: Bins, titles: Mapping[str, str], told: Mapping[str, str]) -> str:
    """The page."""
    parts = ["# Linkage, side by side", "", "Written by the command below; README.md says what is compared.", ""]
    parts += [f"- {name}: {value}" for name, value in told.items()]
    parts += ["", "## Targets", "", *_targets(rows, bins, titles)]
    for name, title in titles.items():
        parts += ["", f"## {title}", "", *_whole(rows, name)]
    parts += ["", "## Cut to few people a side", "", *_cuts(rows, titles)]
    parts += ["", "## Are the probabilities true?", "", *_calibration(bins, titles)]
    return "\n".join(parts) + "\n"


def _targets(rows: Sequence[Row], bins: Bins, titles: Mapping[str, str]) -> list[str]:
    lines = [
        f"| target | on | {_profiles('ours ({})')} | against | {_profiles('met: {}')} |",
        "|---|---|" + "---|" * (2 * len(METHODS) + 1),
    ]

    def line(target: str, title: str, values: Sequence[str], against: str, met: Sequence[bool | None]) -> None:
        words = ["-" if one is None else "yes" if one else "**no**" for one in met]
        lines.append(f"| {target} | {title} | {' | '.join(values)} | {against} | {' | '.join(words)} |")

    for name, title in titles.items():
        whole = [row for row in rows if row.dataset == name and row.size == "full"]
        ours = [_one(whole, method) for method in METHODS]
        f1 = [row.f1 for row in ours]
        without = [row for row in whole if row.method in SPLINK.values() and row.rule.startswith("p ")]
        knowing = [row for row in whole if row.method in SPLINK.values() and "truth" in row.rule]
        blooms = [row for row in whole if row.method in CLK.values()]
        for target, others in (
            ("F1 at least Splink's, neither knowing the truth", without),
            ("F1 at least Splink's, its threshold chosen by the truth", knowing),
            ("F1 at least anonlink's, its threshold chosen by the truth", blooms),
        ):
            if others:
                best = max(others, key=lambda row: row.f1)
                words = [_share(one) for one in f1]
                line(target, title, words, f"{_share(best.f1)} ({best.rule})", [one >= best.f1 for one in f1])
    for name, title in titles.items():
        whole = [row for row in rows if row.dataset == name and row.size == "full"]
        ours = [_one(whole, method) for method in METHODS]
        if not any(math.isnan(row.recall_women) for row in ours):
            told = [f"{_share(row.recall_women)} / {_share(row.recall_men)}" for row in ours]
            met = [row.recall_women >= row.recall_men - SEX_WITHIN for row in ours]
            line("Recall of women no more than a point below men's", title, told, f"{SEX_WITHIN:.0%}", met)
    for name, title in titles.items():
        whole = [row for row in rows if row.dataset == name and row.size == "full"]
        ours = [_one(whole, method) for method in METHODS]
        for what, expected, true in (
            ("precision", "expected_precision", "people_precision"),
            ("recall", "expected_recall", "people_recall"),
        ):
            told = [f"{_share(getattr(row, expected))} (true {_share(getattr(row, true))})" for row in ours]
            met = [abs(getattr(row, expected) - getattr(row, true)) <= EXPECTED_WITHIN for row in ours]
            line(f"Expected {what} within two points of the truth", title, told, f"{EXPECTED_WITHIN:.0%}", met)
    for where, title in (("full", "all data sets together"), ("cuts", "all cuts together")):
        shares: list[str] = []
        within: list[bool | None] = []
        for method in METHODS:
            tables = [t for _, size, m, t in bins if m == method and (size == "full") == (where == "full")]
            if not tables:
                continue
            one = next(b for b in added(tables) if b.low == 0.8)
            shares.append(f"{_ratio(one.true, one.pairs)} of {one.pairs}")
            within.append(
                CALIBRATED[0] <= one.true / one.pairs <= CALIBRATED[1] if one.pairs >= FEWEST_IN_BIN else None
            )
        if shares:
            line("Of pairs given .8 to .9, 75-95 % are true", title, shares, "75-95 %", within)
    return lines


def _whole(rows: Sequence[Row], name: str) -> list[str]:
    lines = [
        "| method | links chosen by | F1 | precision | recall | women | men | expected precision | expected recall "
        "| seconds | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.dataset == name and row.size == "full":
            shares = (row.f1, row.precision, row.recall, row.recall_women, row.recall_men)
            expected = (row.expected_precision, row.expected_recall)
            lines.append(
                f"| {row.method} | {row.rule} | "
                + " | ".join(_share(one) for one in (*shares, *expected))
                + f" | {row.seconds:.1f} | {_whole_number(row.peak_mib)} |"
            )
    return lines


def _cuts(rows: Sequence[Row], titles: Mapping[str, str]) -> list[str]:
    sizes = sorted({int(row.size) for row in rows if row.size != "full"})
    if not sizes:
        return ["Not run."]
    lines = [
        "F1, mean (worst) of the random cuts. Splink: the better of p >= .5 and p >= .95 by its mean, not knowing the "
        "truth, and the best threshold by the truth, one to one. anonlink: best threshold by the truth of each cut. "
        "Ours is said to fail at a size where its mean lies more than "
        f"{COLLAPSE:.2f} below the whole's F1, or its worst cut more than {2 * COLLAPSE:.2f}.",
        "",
        f"| data | people a side | cuts | {_profiles('ours ({})')} | Splink | Splink, by truth | anonlink, by truth "
        f"| {_profiles('ours ({})')} |",
        "|---" * (6 + 2 * len(METHODS)) + "|",
    ]
    for name, title in titles.items():
        whole = [row for row in rows if row.dataset == name and row.size == "full"]
        for size in sizes:
            here = [row for row in rows if row.dataset == name and row.size == str(size)]
            if not here:
                continue
            ours = [[row.f1 for row in here if row.method == method] for method in METHODS]
            splink = [row for row in here if row.method in SPLINK.values()]
            blind = [[row.f1 for row in splink if row.rule == rule] for rule in ("p >= 0.5", "p >= 0.95")]
            oracle = [row.f1 for row in splink if row.rule.endswith("one to one")]
            blooms = [row.f1 for row in here if row.method in CLK.values()]
            words = [_holds(values, _one(whole, method).f1) for values, method in zip(ours, METHODS, strict=True)]
            cells = [*ours, max(blind, key=_mean), oracle, blooms]
            lines.append(
                f"| {title} | {size:,} | {len(ours[0])} | "
                + " | ".join(_mean_and_worst(one) for one in cells)
                + f" | {' | '.join(words)} |"
            )
    return lines


def _calibration(bins: Bins, titles: Mapping[str, str]) -> list[str]:
    lines = [
        "Of the pairs of people given a probability in the bin, how many there are and what share of them is true.",
        "",
    ]
    methods = [method for method in (*METHODS, JOINT, *SPLINK.values()) if any(m == method for _, _, m, _ in bins)]
    for method in methods:
        known = [(name, size, table) for name, size, m, table in bins if m == method]
        edges = [f"{b.low:.1f}-{b.high:.1f}" for b in known[0][2]]
        lines += [f"**{method}**", "", "| data | " + " | ".join(edges) + " |", "|---" * (len(edges) + 1) + "|"]
        groups = [(titles[name], [t for n, size, t in known if n == name and size == "full"]) for name in titles]
        groups += [("all together", [t for _, size, t in known if size == "full"])]
        sizes = sorted({int(size) for _, size, _ in known if size != "full"})
        groups += [(f"cuts to {one:,}", [t for _, size, t in known if size == str(one)]) for one in sizes]
        for title, tables in groups:
            if tables:
                cells = [f"{b.pairs:,}: {_ratio(b.true, b.pairs)}" if b.pairs else "0" for b in added(tables)]
                lines.append(f"| {title} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines[:-1]


def _profiles(words: str) -> str:
    return " | ".join(words.format(profile) for profile in OURS)


def _holds(values: Sequence[float], whole: float) -> str:
    failed = _mean(values) < whole - COLLAPSE or min(values) < whole - 2 * COLLAPSE
    return "**fails**" if failed else "holds"


def _one(rows: Sequence[Row], method: str) -> Row:
    return next(row for row in rows if row.method == method)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _mean_and_worst(values: Sequence[float]) -> str:
    return f"{_share(_mean(values))} ({_share(min(values))})" if values else "-"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _whole_number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def _cell(value: object) -> object:
    return ("" if math.isnan(value) else f"{value:.6f}") if isinstance(value, float) else value


def _processor() -> str:
    place = Path("/proc/cpuinfo")
    if place.exists():
        for line in place.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _revision() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=Path(__file__).parent,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown revision"
    return found.stdout.strip()
