"""The product's encoding of the rows of a Parquet file of spellings.

python ours_encode.py FILE.parquet FIELDS PROFILE RESULT.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
from ours_agency import SECRET
from scoring import Clock, tell

from juncture.agency.encoding import Profile, encode


def main(source: Path, fields: tuple[str, ...], profile: Profile, result: Path) -> None:
    """Encode and tell how long it took, imports and reading not counted."""
    table = pq.read_table(source)
    clock = Clock()
    made = encode(table, secret=SECRET, project="p", agreement_id="a", profile=profile, fields=fields)
    clock.lap("encode")
    tell(result, seconds=clock.seconds, records=table.num_rows, keys=len(made.keys))


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2].split(",")), cast(Profile, sys.argv[3]), Path(sys.argv[4]))
