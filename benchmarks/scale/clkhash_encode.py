"""clkhash on the rows of a CSV file. Runs in the peers' own environment, and knows nothing of the product.

PEERS_PYTHON -P clkhash_encode.py FILE.csv COLUMNS WORKERS RESULT.json
"""

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.append(str(Path(__file__).resolve().parents[1] / "linkage"))

from clkhash.clk import generate_clks
from peers_clk import schema_of
from scoring import Clock, tell


def main(source, columns, workers, result):
    """Encode and tell how long it took, imports and reading not counted."""
    with Path(source).open(encoding="utf-8", newline="") as handle:
        reader = csv.reader(handle)
        head = next(reader)
        place = [head.index(name) for name in columns]
        rows = [[row[k] for k in place] for row in reader]
    schema = schema_of(columns)
    clock = Clock()
    made = generate_clks(rows, schema, "benchmark", validate=False, max_workers=workers)
    clock.lap("encode")
    tell(result, seconds=clock.seconds, records=len(made))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4])
