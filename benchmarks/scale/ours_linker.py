"""The product at the linker: read both payloads, link them, no truth and no threshold.

python ours_linker.py FOLDER RESULT.json
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scoring import Clock, scored, tell, truth_of

from juncture.formats.link import LinkPayload
from juncture.linker.compare import LinkInput
from juncture.linker.match import link

DRAWS = 20


def read(path: Path) -> LinkInput:
    """What the linker keeps of a payload to compare people."""
    payload = LinkPayload.from_bytes(path.read_bytes())
    return LinkInput(payload.spelling_start, payload.fields, payload.keys, payload.joint_tokens)


def main(folder: Path, result: Path) -> None:
    """Link, keep the pairs as probable as not for the comparison without blocks, and tell what it took."""
    clock = Clock()
    files = {side: read(folder / f"{side}.payload") for side in "ab"}
    clock.lap("unpack")
    pair = link(files, draws=DRAWS, rng=np.random.default_rng(7)).pairs[0]
    clock.lap("link")
    likely = pair.probability >= 0.5
    np.save(folder / "likely.npy", np.stack([pair.i[likely], pair.j[likely]], axis=1))
    expected = {q.measure: round(q.estimate, 4) for q in pair.quality if not q.sex_class}
    score = scored(pair.i[pair.best], pair.j[pair.best], truth_of(folder))
    tell(result, seconds=clock.seconds, **score, expected=expected, notes=dict(pair.notes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
