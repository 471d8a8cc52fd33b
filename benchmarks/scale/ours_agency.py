"""The product at an agency: encode the people of a file and write the payload of its link package.

python ours_agency.py FOLDER a|b PROFILE RESULT.json
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow.parquet as pq
from files import FIELDS
from scoring import Clock, tell

from juncture.agency.encoding import Profile, encode
from juncture.formats.clock import CIRCLE
from juncture.formats.link import JOINT_TOKENS, KEY_BYTES, LinkPayload

SECRET = b"benchmark secret, no real data.."


def main(folder: Path, side: str, profile: Profile, result: Path) -> None:
    """Encode, pack, and tell what it took."""
    table = pq.read_table(folder / f"{side}.parquet")
    clock = Clock()
    made = encode(table, secret=SECRET, project="p", agreement_id="a", profile=profile, fields=FIELDS)
    clock.lap("encode")
    n = made.people

    def random(*shape: int) -> np.ndarray:
        return np.frombuffer(secrets.token_bytes(int(np.prod(shape))), dtype=np.uint8).reshape(shape)

    payload = LinkPayload(
        agency=side,
        round=1,
        families=("contacts",),
        profile=profile,
        confirmation="",
        envelope_id=random(n, 16),
        unlock_token=random(n, 32),
        clock_offset=(np.random.default_rng(1).integers(0, CIRCLE // 7, n) * 7).astype(np.int32),
        bands=np.ones((n, 1), dtype=np.uint8),
        spelling_start=made.spelling_start,
        joint_tokens=random(n, JOINT_TOKENS, KEY_BYTES),
        fields=made.fields,
        keys=made.keys,
    )
    clock.lap("rest of the payload")
    data = payload.to_bytes()
    clock.lap("pack")
    (folder / f"{side}.payload").write_bytes(data)
    tell(result, seconds=clock.seconds, people=n, rows=table.num_rows, payload_mib=round(len(data) / 2**20, 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], cast(Profile, sys.argv[3]), Path(sys.argv[4]))
