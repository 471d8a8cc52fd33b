"""The product: encode both files under one secret, link the encodings, no truth and no threshold."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from benchmarks.linkage.datasets import SECRET, Dataset
from numpy.typing import NDArray

from juncture.agency.encoding.encode import encode
from juncture.agency.people.spellings import SPELLING_FIELDS
from juncture.formats.link import JOINT_TOKENS, KEY_BYTES
from juncture.linker.compare import LinkInput
from juncture.linker.match import link

Profile = Literal["field", "record"]


@dataclass(frozen=True)
class Linked:
    """Pairs of people ``i``, ``j`` with their probability; ``best``: the best matching; what the linker expects."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    probability: NDArray[np.float64]
    best: NDArray[np.bool_]
    expected_precision: float
    expected_recall: float
    encode_seconds: float
    link_seconds: float


def link_dataset(data: Dataset, profile: Profile, *, joint: bool = False) -> Linked:
    """Link ``data`` as two agencies and a linker would; ``joint``: with the tokens of joint contacts, if there are."""
    begun = time.perf_counter()
    tokens = data.tokens if joint and data.tokens is not None else (None, None)
    files = {
        name: _input(table, profile, data.fields, some, seed)
        for name, table, some, seed in (("a", data.a, tokens[0], 1), ("b", data.b, tokens[1], 2))
    }
    encoded = time.perf_counter()
    pair = link(files, draws=20, rng=np.random.default_rng(7)).pairs[0]
    done = time.perf_counter()
    expected = {q.measure: q.estimate for q in pair.quality if not q.sex_class}
    return Linked(
        i=pair.i,
        j=pair.j,
        probability=pair.probability,
        best=pair.best,
        expected_precision=expected["expected_precision"],
        expected_recall=expected["expected_recall"],
        encode_seconds=encoded - begun,
        link_seconds=done - encoded,
    )


def _input(
    table: pa.Table, profile: Profile, fields: tuple[str, ...], tokens: NDArray[np.uint8] | None, seed: int
) -> LinkInput:
    made = encode(
        table.select(["person", *SPELLING_FIELDS]),
        secret=SECRET,
        project="benchmark",
        agreement_id="benchmark",
        profile=profile,
        fields=fields,
    )
    if tokens is None:
        # As everybody's are who has no joint contact: random, equal to nobody's.
        random = np.random.default_rng(seed)
        tokens = random.integers(0, 256, (made.people, JOINT_TOKENS, KEY_BYTES), dtype=np.uint8)
    return LinkInput(made.spelling_start, made.fields or made.keys, made.keys, tokens)
