"""clkhash and anonlink on records given as JSON. Runs in the peers' own environment, and knows nothing of the product.

Reads a file of jobs: ``{"columns": [...], "jobs": [{"a": {"person": [...], "rows": [[...]]}, "b": ...}]}``; writes, for
each job, the links of the greedy one-to-one solver (pairs of people and their Dice similarity, best first) down to a
similarity below which no threshold that is best for F1 lies, and the seconds taken.

The schema is that of clkhash's own examples with FEBRL data: one Bloom filter of 1,024 bits a record, bigrams of names
and addresses, characters with their place for dates and numbers, a fixed number of bits a feature (twice as many for
names and birth date), double hashing. The packages are imported where they are used: the caller has neither, and uses
``peak_bytes``.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from pathlib import Path
from typing import Any

LEAST = 0.5
#: Candidates a record, the nearest.
NEAREST = 20
_WEIGHTY = {"last_name", "first_name", "birth_date"}
_PLACED = {"birth_date", "street_number", "zip", "phone", "ssn4"}


def schema_of(columns: list[str]) -> Any:
    """A linkage schema of version 3 for ``columns``."""
    from clkhash.schema import from_json_dict

    features: list[dict[str, Any]] = []
    for name in columns:
        if name == "sex":
            comparison: dict[str, Any] = {"type": "exact"}
        elif name in _PLACED:
            comparison = {"type": "ngram", "n": 1, "positional": True}
        else:
            comparison = {"type": "ngram", "n": 2}
        hashing = {
            "comparison": comparison,
            "strategy": {"bitsPerFeature": 200 if name in _WEIGHTY else 100},
            "hash": {"type": "doubleHash"},
        }
        features.append({"identifier": name, "format": {"type": "string", "encoding": "utf-8"}, "hashing": hashing})
    config = {"l": 1024, "kdf": {"type": "HKDF", "hash": "SHA256", "salt": "YmVuY2htYXJr", "info": "", "keySize": 64}}
    return from_json_dict({"version": 3, "clkConfig": config, "features": features})


def link(job: dict[str, Any], schema: Any) -> dict[str, Any]:
    """``{"i", "j", "similarity", "encode_seconds", "link_seconds"}`` of one job."""
    import anonlink
    from clkhash.clk import generate_clks

    begun = time.perf_counter()
    sides = [generate_clks(job[side]["rows"], schema, "benchmark", validate=False, max_workers=1) for side in "ab"]
    encoded = time.perf_counter()
    similar, (_, _), (rows_a, rows_b) = anonlink.candidate_generation.find_candidate_pairs(
        sides, anonlink.similarities.dice_coefficient, LEAST, k=NEAREST
    )
    # The solver sees people: of several rows of a person the most similar comes first and decides.
    person_a, person_b = job["a"]["person"], job["b"]["person"]
    seen: dict[tuple[int, int], float] = {}
    for value, row_a, row_b in zip(similar, rows_a, rows_b, strict=True):
        seen.setdefault((person_a[row_a], person_b[row_b]), value)
    ordered = sorted(seen.items(), key=lambda item: -item[1])
    many = len(ordered)
    candidates = (
        array("d", [value for _, value in ordered]),
        (array("I", [0] * many), array("I", [1] * many)),
        (array("I", [pair[0] for pair, _ in ordered]), array("I", [pair[1] for pair, _ in ordered])),
    )
    groups = [sorted(group) for group in anonlink.solving.greedy_solve(candidates)]
    links = sorted(((seen[i, j], i, j) for (_, i), (_, j) in groups), key=lambda one: (-one[0], one[1]))
    done = time.perf_counter()
    return {
        "i": [one[1] for one in links],
        "j": [one[2] for one in links],
        "similarity": [one[0] for one in links],
        "encode_seconds": encoded - begun,
        "link_seconds": done - encoded,
    }


def main(source: str, target: str) -> None:
    """Do the jobs of ``source`` one after another and write ``target``."""
    told = json.loads(Path(source).read_text(encoding="utf-8"))
    schema = schema_of(told["columns"])
    results: list[dict[str, Any]] = []
    for job in told["jobs"]:
        results.append(link(job, schema))
        results[-1]["peak_bytes"] = peak_bytes()
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def peak_bytes() -> int | None:
    """Most memory this process ever held, or None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that is never less than what the parent held when it started this process.
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
