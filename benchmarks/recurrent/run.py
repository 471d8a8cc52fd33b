"""Andersen-Gill at 100,000 persons with five events each, on one core: ours beside statsmodels and lifelines.

    python benchmarks/recurrent/run.py --peers PYTHON [--persons 1000 10000 100000] [--minutes 3] [--results FOLDER]

PYTHON is one with statsmodels and lifelines. Every system reads the same rows (``world.py``) in a process of its own
with one thread (``fit.py``). One that takes longer than ``--minutes`` is told as such and asked for nothing larger.
Writes ``results.csv`` and ``results.md`` beside this file, or into ``--results``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from fit import SYSTEMS  # noqa: E402
from world import EVENTS_EACH, rows  # noqa: E402

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
COLUMNS = (
    "persons",
    "covariates",
    "system",
    "outcome",
    "seconds",
    "peak_gib",
    "coefficient",
    "robust_error",
    "version",
)
OURS = "juncture"
NO_ROBUST = "lifelines CoxTimeVaryingFitter"
#: What the systems do otherwise, as their sources say and as was tried (``fit.py``).
NOTES = (
    "R's survival, to which the tests hold ours to 1e-6 with late entry, gaps and ties, is not here. statsmodels",
    "counts a row as at risk at its own entry, so with several rows a person its coefficients differ where there are",
    "ties; with entries half a day later they are ours. lifelines' CoxPHFitter takes entries and clusters, but tells",
    "other robust errors; its CoxTimeVaryingFitter refuses robust errors (not available yet). Neither package has the",
    "correction for few persons that an interval here rests on.",
)


def main() -> None:
    """Measure and write."""
    options = _options()
    found: list[dict[str, object]] = []
    gave_up: set[str] = set()
    started = time.strftime("%Y-%m-%d %H:%M")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.npz"
        for persons in options.persons:
            for covariates in options.covariates:
                np.savez(path, **rows(persons, covariates, options.seed))
                for system in SYSTEMS:
                    row: dict[str, object] = {"persons": persons, "covariates": covariates, "system": system}
                    if system in gave_up:
                        row["outcome"] = "not asked"
                    else:
                        row |= _fitted(system, path, options)
                    if row["outcome"] != "done":
                        gave_up.add(system)
                    found.append(row)
                    print(row, flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    with (options.results / "results.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    (options.results / "results.md").write_text(_report(found, options, started), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="a Python with statsmodels and lifelines")
    parser.add_argument("--persons", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--covariates", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--results", type=Path, default=HERE)
    return parser.parse_args()


def _fitted(system: str, path: Path, options: argparse.Namespace) -> dict[str, object]:
    python = sys.executable if system == OURS else options.peers
    # Ours is a tenth of a second at the small sizes: the middle of three.
    runs = [_once(python, system, path, options) for _ in range(3 if system == OURS else 1)]
    done = sorted((run for run in runs if run["outcome"] == "done"), key=lambda run: float(str(run["seconds"])))
    return done[len(done) // 2] if done else runs[0]


def _once(python: str, system: str, path: Path, options: argparse.Namespace) -> dict[str, object]:
    try:
        done = subprocess.run(
            [python, str(HERE / "fit.py"), system, str(path)],
            capture_output=True, text=True, check=False, timeout=60 * options.minutes, env=os.environ | ONE_THREAD,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"outcome": f"over {options.minutes:g} minutes"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        return {"outcome": f"failed: {last[0][:80]}"}
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "outcome": "done",
        "seconds": round(told["seconds"], 3),
        "peak_gib": round(told["peak_gib"], 2),
        "coefficient": round(told["coefficients"][0], 9),
        "robust_error": "" if system == NO_ROBUST else round(told["errors"][0], 9),
        "version": told["version"],
    }


def _report(found: list[dict[str, object]], options: argparse.Namespace, started: str) -> str:
    versions = ", ".join(dict.fromkeys(str(row["version"]) for row in found if row.get("version")))
    lines = [
        "# Recurrent events on one core",
        "",
        f"`python benchmarks/recurrent/run.py --peers PYTHON {_asked(options)}`, {started}; "
        f"{platform.machine()}, {os.cpu_count()} cores of which one is used, "
        f"Python {platform.python_version()}, numpy {np.__version__}; {versions}. Written by the "
        "script.",
        "",
        f"Andersen-Gill with Efron's ties; {EVENTS_EACH} events a person, so six rows; one person in five enters late; "
        "dates in whole days, so many ties. Seconds from arrays in memory to coefficients and robust errors by person. "
        "The first coefficient and its robust error are shown.",
        "",
        "| persons | covariates | system | seconds | peak GiB | coefficient | robust error by person |",
        "|--:|--:|---|--:|--:|--:|--:|",
    ]
    for row in found:
        if row["outcome"] == "done":
            cells = [f"{row['seconds']:.2f}", row["peak_gib"], f"{row['coefficient']:.6f}"]
            cells.append(f"{row['robust_error']:.6f}" if row["robust_error"] != "" else "has none")
        else:
            cells = [row["outcome"], "", "", ""]
        lines.append(
            "| " + " | ".join(str(c) for c in [f"{row['persons']:,}", row["covariates"], row["system"], *cells]) + " |"
        )
    lines += ["", "Beside ours, over all rows that both did:", ""]
    lines += _agreement(found) or ["- none"]
    lines += ["", *NOTES]
    return "\n".join(lines) + "\n"


def _asked(options: argparse.Namespace) -> str:
    persons, covariates = (" ".join(map(str, values)) for values in (options.persons, options.covariates))
    return f"--persons {persons} --covariates {covariates} --seed {options.seed} --minutes {options.minutes:g}"


def _agreement(found: list[dict[str, object]]) -> list[str]:
    ours = {
        (row["persons"], row["covariates"]): row for row in found if row["system"] == OURS and row["outcome"] == "done"
    }
    lines = []
    for system in SYSTEMS:
        both = [
            (ours[key], row)
            for row in found
            if row["system"] == system != OURS and row["outcome"] == "done"
            and (key := (row["persons"], row["covariates"])) in ours
        ]  # fmt: skip
        if not both:
            continue
        far = max(abs(float(str(a["coefficient"])) - float(str(b["coefficient"]))) for a, b in both)
        text = f"- {system}: coefficients differ from ours by at most {far:.1e}"
        if system != NO_ROBUST:
            off = max(abs(float(str(b["robust_error"])) / float(str(a["robust_error"])) - 1) for a, b in both)
            text += f", robust errors by at most {100 * off:.2g} %"
        lines.append(f"{text}.")
    return lines


if __name__ == "__main__":
    main()
