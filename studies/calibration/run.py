"""Run the calibration: every world at every number of people, batch by batch, over several processes.

    python studies/calibration/run.py --out DIR [--worlds NUMBER_OR_NAME ...] [--people 50 75 100] [--replicates 500]
                                      [--jobs 2] [--seconds N] [--batch 25]

DIR/raw holds one file a world, number of people and batch of replicates, a line a replicate, written whole or not at
all. Started again with the same DIR it goes on where it stopped. The first batch of every world comes before the second
of any, so that a run that ends early has about as many replicates everywhere. DIR/run.json says what was run, and a DIR
of other code is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from ground import HERE, ROOT
from measure import replicates
from worlds import WORLDS

Task = tuple[str, int, int, int]


def tasks(worlds: list[str], people: list[int], number: int, batch: int) -> Iterator[Task]:
    """World, people, first replicate and the one after the last."""
    for first in range(0, number, batch):
        for name in worlds:
            for n in people:
                yield name, n, first, min(first + batch, number)


def path_of(out: Path, task: Task) -> Path:
    """Where the records of a task stand."""
    name, people, first, after = task
    return out / "raw" / f"{list(WORLDS).index(name):02d}-{people}-{first:05d}-{after:05d}.jsonl"


def work(out: Path, task: Task) -> float:
    """Compute and write one batch; seconds it took."""
    begin, (name, people, first, after), path = time.monotonic(), task, path_of(out, task)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        for record in replicates(name, people, range(first, after)):
            file.write(json.dumps(record) + "\n")
    part.replace(path)
    return time.monotonic() - begin


def code_state() -> dict[str, str]:
    """The commit, whether files differ from it, and a hash of the code that decides the figures."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else "unknown"

    changed = git("status", "--porcelain", "src", "studies/calibration")
    seen = hashlib.sha256()
    deciding = [HERE / f"{name}.py" for name in ("worlds", "lives", "cohorts", "measure")]
    for path in sorted([*deciding, *(ROOT / "src" / "juncture").rglob("*.py")]):
        seen.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return {"commit": git("rev-parse", "HEAD"), "changed": changed, "code": seen.hexdigest()[:16]}


def begin(out: Path, settings: dict[str, object]) -> None:
    """Make or check DIR; raises ``SystemExit`` where it was made by other code."""
    (out / "raw").mkdir(parents=True, exist_ok=True)
    about, state = out / "run.json", code_state()
    if about.exists():
        before = json.loads(about.read_text(encoding="utf-8"))
        if before["code"] != state["code"]:
            raise SystemExit(f"{out} was made by other code (commit {before['commit']}). Choose another folder.")
    else:
        told = {**state, "python": sys.version.split()[0], **settings}
        about.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for part in (out / "raw").glob("*.part"):
        part.unlink()


def run(out: Path, wanted: list[Task], jobs: int, seconds: float) -> None:
    """Do what is not done yet, until ``seconds`` are over; what was begun by then is finished."""
    left = [task for task in wanted if not path_of(out, task).exists()]
    stop, done, spent = time.monotonic() + seconds, 0, 0.0
    print(f"{len(wanted) - len(left)} of {len(wanted)} batches are there", flush=True)
    with ProcessPoolExecutor(jobs) as pool:
        running: dict[Future[float], Task] = {}
        queue = iter(left)
        while True:
            while len(running) < jobs and time.monotonic() < stop and (task := next(queue, None)) is not None:
                running[pool.submit(work, out, task)] = task
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, people, first, after = running.pop(future)
                took = future.result()
                done, spent = done + 1, spent + took
                each = took / (after - first)
                print(f"{done}/{len(left)} {name}, {people}, {first}-{after}: {each:.2f} s a replicate", flush=True)
    print(f"{done} batches in {spent:.0f} s of {jobs} processes; {len(left) - done} are left", flush=True)


def main(arguments: list[str]) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Run the calibration study.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), help="names, or numbers in the list of worlds")
    parser.add_argument("--people", nargs="+", type=int, default=[50, 75, 100])
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--batch", type=int, default=25)
    chosen = parser.parse_args(arguments)
    worlds = [list(WORLDS)[int(w)] if w.isdigit() else w for w in chosen.worlds]
    if unknown := [w for w in worlds if w not in WORLDS]:
        parser.error(f"no such world: {', '.join(unknown)}")
    told = ["DIR" if before == "--out" else word for before, word in zip(["", *arguments], arguments, strict=False)]
    command = f"python studies/calibration/run.py {shlex.join(told)}"
    begin(chosen.out, {"command": command, "batch": chosen.batch})
    run(chosen.out, list(tasks(worlds, chosen.people, chosen.replicates, chosen.batch)), chosen.jobs, chosen.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
