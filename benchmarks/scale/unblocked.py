"""How much of what would be found without blocks the blocked run found, on a sample of the people of a.

The sample is compared with everybody of b, pair by pair, and weighed by itself; of the pairs at least as probable as
not, the share is told that the blocked run (``likely.npy``) holds at least as probable as not, too.

    python unblocked.py FOLDER PEOPLE SEED RESULT.json
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from ours_linker import DRAWS, read
from scoring import Clock, tell, truth_of

from juncture.formats.link import EncodedField
from juncture.kernels.marginals import edge_prior
from juncture.linker.candidates import find_candidates
from juncture.linker.compare import LinkInput, compare_fields, first_weights
from juncture.linker.match import CANDIDATE_FLOOR
from juncture.linker.weigh import weigh


def some(side: LinkInput, people: np.ndarray) -> LinkInput:
    """The file of these people alone."""
    rows = np.flatnonzero(np.isin(side.person, people))
    many = np.diff(side.spelling_start)[people]

    def cut(fields: dict[str, EncodedField]) -> dict[str, EncodedField]:
        return {name: EncodedField(field.bits[rows], field.present[rows]) for name, field in fields.items()}

    start = np.concatenate([[0], np.cumsum(many)]).astype(np.int32)
    return replace(side, spelling_start=start, fields=cut(dict(side.fields)), keys=cut(dict(side.keys)),
                   joint_tokens=side.joint_tokens[people])  # fmt: skip


def main(folder: Path, sample: int, seed: int, result: Path) -> None:
    """Compare the sample with everybody and tell the share."""
    clock = Clock()
    a, b = (read(folder / f"{side}.payload") for side in "ab")
    people = np.sort(np.random.default_rng(seed).choice(a.people, min(sample, a.people), replace=False))
    part = some(a, people)
    rng = np.random.default_rng(7)
    fields = compare_fields(part, b, rng)
    weights = first_weights(fields, part, b, rng)
    floor = float(np.log(CANDIDATE_FLOOR)) - edge_prior(0.3 * part.people, part.people, b.people)
    every = part.person.size * b.person.size
    candidates = find_candidates(fields, part, b, weights, floor, all_row_pairs=every)
    weighed = weigh(fields, part, b, candidates, weights, draws=DRAWS, rng=rng)
    clock.lap("unblocked")
    width = b.people
    likely = weighed.probability >= 0.5
    unblocked = people[weighed.i[likely]] * width + weighed.j[likely]
    pairs = np.load(folder / "likely.npy")
    blocked = pairs[:, 0] * width + pairs[:, 1]
    truth = truth_of(folder)
    true = truth[:, 0] * width + truth[:, 1]
    right = unblocked[np.isin(unblocked, true)]
    tell(
        result,
        seconds=clock.seconds,
        people=int(people.size),
        row_pairs=int(every),
        pairs_unblocked=int(unblocked.size),
        kept=round(float(np.isin(unblocked, blocked).mean()), 5) if unblocked.size else None,
        true_pairs_unblocked=int(right.size),
        kept_of_true=round(float(np.isin(right, blocked).mean()), 5) if right.size else None,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
