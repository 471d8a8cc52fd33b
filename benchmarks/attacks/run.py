"""Attack success at each profile and hardening, beside the linkage quality each costs.

    python benchmarks/attacks/run.py [--peers PYTHON] [--people N] [--seconds S]

``PYTHON`` is an interpreter with clkhash 0.18.3 (benchmarks/peers.txt); without it the rows of clkhash are left out.
Writes results.md beside this file, and each cell into results.json as it is measured: a run that ``--seconds`` or
anything else ends is gone on with by the next. Remove results.json to measure anew. Development data alone: two made-up
cities (seeds below 1000) and FEBRL 1, from the data folder beside the project.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attack_worlds import World, city, febrl
from hardenings import HERE, Hardening, for_attacker, hardenings

from juncture.agency.attack.outcome import Findings, Outcome
from juncture.agency.attack.run import EXACT, EXPORT, Listing, attack, listings
from juncture.base.errors import JunctureError
from juncture.base.files import write_text
from juncture.linker.compare import LinkInput
from juncture.linker.match import link

ROOT = HERE.parents[1]
FEBRL_1 = ROOT.parent / "shared" / "data" / "linkage" / "febrl" / "febrl1.csv"
ATTACKS = ("guessed keys", "frequency alignment", "bit patterns", "graph matching")
OVERLAPS = (1.0, 0.5, 0.25, 0.1, 0.05)
CURVES = ("clkhash, double hashing", "record: none, no keys", "field: keyed random hashing, keys (as shipped)",
          "tags: without those of two names, absent ones random (as shipped)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=None)
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--seconds", type=float, default=3600)
    asked = parser.parse_args()
    began = time.monotonic()
    cells = Cells(HERE / "results.json", f"{asked.people} {bool(asked.peers)}", began + asked.seconds)
    try:
        if asked.peers:
            cells.get("check", lambda: check_double_hashing(asked.peers))
        worlds = [city(21, asked.people), city(22, asked.people), febrl(FEBRL_1)]
        lines = header(asked, worlds)
        for world in worlds:
            lines += table(world, asked.peers, cells)
        lines += curves(worlds[0], asked.peers, cells)
    except TimeoutError:
        print("Not finished; the next run goes on.", file=sys.stderr)
        return
    lines += ["", f"Measured in {cells.seconds():.0f} s on {os.cpu_count()} cores that were shared with other work."]
    write_text(HERE / "results.md", "\n".join(lines) + "\n")


class Cells:
    """Measured cells, kept in a file so that a run may be stopped and gone on with; a change of options begins anew."""

    def __init__(self, path: Path, options: str, until: float) -> None:
        self._path, self._until = path, until
        self._kept: dict[str, Any] = {"options": options, "cells": {}}
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._kept = kept if kept["options"] == options else self._kept

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """The cell, measured if it is not kept; TimeoutError where the time is up."""
        cells = self._kept["cells"]
        if name not in cells:
            if time.monotonic() > self._until:
                raise TimeoutError
            began = time.monotonic()
            value = measure()
            cells[name] = {"value": value, "seconds": round(time.monotonic() - began, 1)}
            write_text(self._path, json.dumps(self._kept, indent=1) + "\n")
            print(name, value, cells[name]["seconds"], file=sys.stderr, flush=True)
        return cells[name]["value"]

    def seconds(self) -> float:
        """All that was measured together took so long."""
        return float(sum(cell["seconds"] for cell in self._kept["cells"].values()))


def header(asked: argparse.Namespace, worlds: list[World]) -> list[str]:
    command = "python benchmarks/attacks/run.py" + (" --peers PYTHON" if asked.peers else "")
    command += f" --people {asked.people}" if asked.people != 1200 else ""
    return [
        "# Attacks on encodings, and what each hardening costs",
        "",
        f"Written by `{command}`. Every attack is given the list named and no known pair. **Identified** is the worst "
        "of the four attacks: share of the people in the package whom it names rightly, with the 95 % interval of "
        "Wilson. A **guesser** has the list and no package. **Linked** is the linker of this version on the same "
        "encodings, with no truth and no threshold, joint tokens left out.",
        "",
        *(
            f"- {world.name}: package of {len(world.a.shared):,} people; everybody in the export: "
            f"{world.a.everybody['person'].to_numpy().max() + 1:,}; linked to {len(world.b.shared):,} people of the "
            f"other agency, {true_pairs(world):,} true pairs."
            for world in worlds
        ),
    ]


def table(world: World, peers: str | None, cells: Cells) -> list[str]:
    lines = [
        "",
        f"## {world.name}",
        "",
        "| encoding | list: everybody in the export | by attack | a guesser | members told (AUC) | list: exactly the "
        "people shared | linked: precision | recall | F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for hardening in hardenings(world.fields, peers):
        row = cells.get(f"{world.name}: {hardening.name}", lambda h=hardening: _row(world, h))
        lines.append(f"| {hardening.name} | {row} |")
    return lines


def _row(world: World, hardening: Hardening) -> str:
    found = attacked(world, hardening)
    worst = {name: _worst(found, name) for name in (EXPORT, EXACT)}
    auc = next((f"{one.auc:.2f}" for one in found.memberships if one.against == EXPORT), "")
    cells = (_share(worst[EXPORT]), _by_attack(found), f"{worst[EXPORT].guesser:.4f}", auc, _share(worst[EXACT]))
    return " | ".join((*cells, linked(world, hardening)))


def attacked(world: World, hardening: Hardening) -> Findings:
    encoder = for_attacker(hardening)
    secret = hardening.weak or secrets.token_bytes(32)
    package = encoder(world.a.package(), secret)
    lists = listings(world.a.everybody, world.a.shared)
    return attack(
        package, lists, encoder, guesses=(bytes(32), b"juncture".ljust(32, b"\0")), rng=np.random.default_rng(1)
    )


def linked(world: World, hardening: Hardening) -> str:
    """Precision, recall and F1 of the linker's best matching."""
    secret, rng = secrets.token_bytes(32), np.random.default_rng(1)
    files = {}
    for name, side in (("a", world.a), ("b", world.b)):
        made = hardening.make(side.package(), secret)
        tokens = rng.integers(0, 256, (len(side.shared), 4, 16), dtype=np.uint8)
        files[name] = LinkInput(made.spelling_start, made.fields or made.keys, made.keys, tokens)
    try:
        pair = link(files, draws=5, rng=rng).pairs[0]
    except JunctureError as error:
        return f"{type(error).__name__} | | "
    got = pair.links(pair.best)
    right = sum(world.a.true[i] == world.b.true[j] for i, j in got)
    precision, recall = right / max(1, len(got)), right / true_pairs(world)
    return f"{precision:.3f} | {recall:.3f} | {2 * precision * recall / max(precision + recall, 1e-9):.3f}"


def true_pairs(world: World) -> int:
    a, b = Counter(world.a.true), Counter(world.b.true)
    return sum(a[who] * b[who] for who in a)


def curves(world: World, peers: str | None, cells: Cells) -> list[str]:
    """Graph matching as the list holds fewer of the people in the package; the list stays as long."""
    lines = ["", f"## How much the list must hold ({world.name}, worst attack)", ""]
    lines += [
        "The list is as long as the package; this share of the package's people is in it, the others are not.",
        "",
    ]
    lines += ["| encoding | " + " | ".join(f"{overlap:.0%}" for overlap in OVERLAPS) + " |"]
    lines += ["|---|" + "---|" * len(OVERLAPS)]
    everybody = world.a.everybody["person"].to_numpy().max() + 1
    rng = np.random.default_rng(7)
    outside = rng.permutation(np.setdiff1d(np.arange(everybody), world.a.shared))
    whole = listings(world.a.everybody, world.a.shared)[0].table
    for hardening in hardenings(world.fields, peers):
        if hardening.name not in CURVES:
            continue
        row = []
        for overlap in OVERLAPS:

            def measure(hardening: Hardening = hardening, overlap: float = overlap) -> str:
                rng = np.random.default_rng(7)
                encoder = for_attacker(hardening)
                package = encoder(world.a.package(), secrets.token_bytes(32))
                size = min(len(world.a.shared), outside.size)
                inside = rng.permutation(world.a.shared)[: round(overlap * size)]
                listing = cut(whole, np.concatenate([inside, outside[: size - inside.size]]), world.a.shared)
                found = attack(package, [listing], encoder, guesses=(bytes(32),), rng=rng)
                return f"{found.worst.share:.3f} ({found.worst.guesser:.4f})"

            row.append(cells.get(f"overlap {overlap:.0%}: {hardening.name}", measure))
        lines.append(f"| {hardening.name} | " + " | ".join(row) + " |")
    return [*lines, "", "In brackets what a guesser gets."]


def cut(whole, people: np.ndarray, shared: np.ndarray) -> Listing:
    from juncture.agency.attack.people_list import numbered

    people = np.sort(people)
    row = np.full(whole.num_rows, -1, dtype=np.int64)
    row[people] = np.arange(people.size)
    return Listing("a part", numbered(whole.take(people)), row[shared], counts=True)


def check_double_hashing(python: str) -> None:
    """Hold the double hashing that the tests write out to clkhash's own, once a run."""
    sys.path.insert(0, str(ROOT))
    from tests.agency.test_attack import double_hashed

    keys, tokens = (secrets.token_bytes(64), secrets.token_bytes(64)), [f"{a}{b}" for a in "abcdefg" for b in "hijk"]
    asked = {"tokens": tokens, "keys": [key.hex() for key in keys], "each": 15, "length": 1024}
    answer = subprocess.run(
        [python, str(HERE / "peers_clk.py")], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    if not hmac.compare_digest(answer.stdout.strip(), double_hashed(tokens, keys, 15, 1024).tobytes().hex()):
        sys.exit("The double hashing of the tests is not that of clkhash.")


def _worst(found: Findings, against: str) -> Outcome:
    return max((one for one in found.outcomes if one.against == against), key=lambda one: one.share)


def _share(one: Outcome) -> str:
    low, high = one.interval
    return f"**{one.share:.3f}** ({low:.3f}-{high:.3f})"


def _by_attack(found: Findings) -> str:
    shares = {one.attack: one.share for one in found.outcomes if one.against == EXPORT}
    return ", ".join(f"{name.split()[0]} {shares[name]:.3f}" for name in ATTACKS)


if __name__ == "__main__":
    main()
