"""Whether expected falls are right: ``simulate.py OUT.csv [REPLICATES]``; see the README."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from negative_binomial import fall_at
from people import TERMS, World, draw, sized

from juncture.analyst.findings.expected_fall import expected_falls
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import Estimate, Stratum

SEED = 9
FITS = 4
WORLDS = (
    World("gamma, constant"),
    World("gamma, drifting", shape=0.4, stays=0.6),
    World("gamma, drifting, level falls to 0.8", shape=0.3, mean=1.0, stays=0.8, step=0.8),
    World("lognormal, drifting", frailty="lognormal", mean=1.0, stays=0.7),
    World("a few unlike the others", frailty="unlike", mean=1.0),
    World("both agencies, frailties apart", stays=0.8, both=True),
    World("both agencies, half have one frailty", stays=0.8, both=True, same=0.5),
    World("both agencies, all have one frailty", stays=0.8, both=True, same=1.0),
    World("the same, the most active first", stays=0.8, both=True, same=1.0, active_first=True),
)


def measure(world: World, known: int, replicates: int) -> dict[str, object]:
    """One row: the truth is the fall over all replicates of those who could be chosen, by all their contacts."""
    rng = np.random.default_rng([SEED, known, WORLDS.index(world)])
    people = sized(world, known, rng)
    sums, chosen_each, found, fits = np.zeros(2), [], [], []
    for number in range(replicates):
        one = draw(people, world, rng)
        sums += one.police.before[one.alike].sum(), one.police.after[one.alike].sum()
        chosen_each.append(one.chosen.size)
        rows = expected_falls(one.study, Matchings.of(one.study))
        found.append(next(r for r in rows if r.agency == "police" and r.stratum is Stratum.ALL))
        if number < FITS:
            terms = TERMS.disclosure
            mean = float(one.police.before[one.chosen].mean())
            fits.append(fall_at(one.told.histogram, mean, threshold=terms.threshold, round_to=terms.round_to))
    truth = float(1 - sums[1] / sums[0])
    noted = [r for r in found if any("most people with as many contacts" in note for note in r.notes)]
    return {
        "world": world.name,
        "known": known,
        "replicates": replicates,
        "people": round(float(np.mean(chosen_each))),
        "true_fall": truth,
        **_way("expected", [r.expected for r in found], truth),
        "themselves": len(noted) / len(found),
        **_way("lagged", [r.lagged for r in found], truth),
        "observed": float(np.nanmean([r.observed.value for r in found])),
        "negative_binomial": float(np.mean(fits)),
    }


def _way(name: str, falls: list[Estimate], truth: float) -> dict[str, float]:
    there = [f for f in falls if np.isfinite(f.low)]
    if not there:
        return dict.fromkeys((f"{name}_told", name, f"{name}_covers", f"{name}_width"), float("nan"))
    return {
        f"{name}_told": len(there) / len(falls),
        name: float(np.mean([f.value for f in there])),
        f"{name}_covers": float(np.mean([f.low <= truth <= f.high for f in there])),
        f"{name}_width": float(np.mean([f.high - f.low for f in there])),
    }


def main(out: Path, replicates: int) -> None:
    """Write a row a world and size."""
    rows = [measure(world, known, replicates) for known in (2_500, 20_000) for world in WORLDS]
    with out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({k: format(v, ".3f") if isinstance(v, float) else v for k, v in row.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
