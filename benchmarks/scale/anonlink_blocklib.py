"""clkhash, blocklib and anonlink on the same rows. Runs in the peers' own environment, knows nothing of the product.

Bloom filters by the schema of ``benchmarks/linkage``; blocks by blocklib's P-Sig with the combinations of fields that
the product's match keys use, as far as P-Sig can build them; pairs above a Dice coefficient by anonlink, then its
greedy one-to-one solver. F1 at the cut that the truth would choose: anonlink leaves the threshold to its user.

    PEERS_PYTHON -P anonlink_blocklib.py FOLDER RESULT.json
"""

import csv
import sys
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.append(str(Path(__file__).resolve().parents[1] / "linkage"))

import anonlink
import numpy as np
from blocklib import generate_blocks, generate_candidate_blocks
from clkhash.clk import generate_clks
from peers_clk import schema_of
from scoring import Clock, best_cut, scored, tell, truth_of

COLUMNS = ["last_name", "first_name", "birth_date", "sex", "address", "zip", "phone"]
LEAST = 0.75
#: Rows of a block of one file; larger ones P-Sig leaves out.
LARGEST = 2_000


def _value(name):
    return {"type": "feature-value", "feature": name}


def _letters(name, where):
    return {"type": "characters-at", "config": {"pos": [where]}, "feature": name}


def _sound(name):
    return {"type": "metaphone", "feature": name}


BLOCKS = {
    "type": "p-sig",
    "version": 1,
    "config": {
        "blocking-features": COLUMNS,
        "filter": {"type": "count", "max": LARGEST, "min": 1},
        "blocking-filter": {"type": "bloom filter", "number-hash-functions": 4, "bf-len": 2_048},
        "signatureSpecs": [
            [_value("last_name"), _value("birth_date")],
            [_value("first_name"), _value("birth_date")],
            [_value("last_name"), _value("first_name")],
            [_sound("last_name"), _sound("first_name"), _letters("birth_date", ":4")],
            [_letters("last_name", ":3"), _letters("first_name", ":3"), _letters("birth_date", "5:")],
            [_sound("last_name"), _value("zip"), _letters("birth_date", ":4")],
            [_value("phone")],
        ],
    },
}


def main(folder, result):
    """Encode, block, compare, solve, and tell what it took."""
    people, rows = [], []
    for side in "ab":
        with (Path(folder) / f"{side}.csv").open(encoding="utf-8", newline="") as handle:
            read = list(csv.reader(handle))[1:]
        people.append([int(row[0]) for row in read])
        rows.append([row[1:] for row in read])
    clock = Clock()
    schema = schema_of(COLUMNS)
    clks = [generate_clks(side, schema, "benchmark", validate=False, max_workers=None) for side in rows]
    clock.lap("encode")
    # A blank has no signature.
    sides = [[[value or None for value in row] for row in side] for side in rows]
    blocks = generate_blocks([generate_candidate_blocks(side, BLOCKS, header=COLUMNS) for side in sides], K=2)
    keys = []
    for side, found in zip(rows, blocks, strict=True):
        of_row = [[] for _ in side]
        for number, key in enumerate(found):
            for row in found[key]:
                of_row[row].append(number)
        keys.append(of_row)
    clock.lap("block")
    similar, _, (row_a, row_b) = anonlink.candidate_generation.find_candidate_pairs(
        clks, anonlink.similarities.dice_coefficient, LEAST, blocking_f=lambda side, row, _: keys[side][row]
    )
    clock.lap("compare")
    best = {}
    for value, a, b in zip(similar, row_a, row_b, strict=True):
        best.setdefault((people[0][a], people[1][b]), value)
    pairs = sorted(((value, i, j) for (i, j), value in best.items()), key=lambda one: (-one[0], one[1], one[2]))
    many = len(pairs)
    groups = anonlink.solving.greedy_solve((
        array("d", [one[0] for one in pairs]),
        (array("I", [0] * many), array("I", [1] * many)),
        (array("I", [one[1] for one in pairs]), array("I", [one[2] for one in pairs])),
    ))  # fmt: skip
    links = np.array([sorted(group) for group in groups], dtype=np.int64)[:, :, 1]
    clock.lap("solve")
    value = np.array([best[i, j] for i, j in links.tolist()])
    truth = truth_of(folder)
    chosen = best_cut(links[:, 0], links[:, 1], value, truth)
    score = scored(links[chosen, 0], links[chosen, 1], truth)
    cut = float(value[chosen].min()) if chosen.any() else None
    tell(result, seconds=clock.seconds, **score, threshold=cut, pairs=many, blocks=len(blocks[0]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
