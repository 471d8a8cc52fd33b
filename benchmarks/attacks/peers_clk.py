"""Runs in the peers' environment: CLKs of clkhash, plain double hashing. JSON on stdin, hex on stdout.

In: {"secret": text, "fields": [...], "rows": [[text, ...], ...]}. Out: a line of hex a row. Or, for the check of the
double hashing that the tests write out: {"tokens": [text, ...], "keys": [hex, hex], "each": k, "length": bits}.
"""

import json
import sys

from clkhash.bloomfilter import double_hash_encode_ngrams
from clkhash.clk import generate_clks
from clkhash.comparators import NgramComparison
from clkhash.field_formats import BitsPerTokenStrategy, FieldHashingProperties, StringSpec
from clkhash.schema import Schema

#: With 1,024 bits and six fields somewhat more than half of the bits are set.
BITS_PER_TOKEN = 15


def main() -> None:
    asked = json.load(sys.stdin)
    if "tokens" in asked:
        keys = [bytes.fromhex(key) for key in asked["keys"]]
        ks = [asked["each"]] * len(asked["tokens"])
        print(double_hash_encode_ngrams(asked["tokens"], keys, ks, asked["length"], "utf-8").tobytes().hex())
        return
    made = [
        StringSpec(
            identifier=name,
            hashing_properties=FieldHashingProperties(
                comparator=NgramComparison(2), strategy=BitsPerTokenStrategy(BITS_PER_TOKEN), hash_type="doubleHash"
            ),
        )
        for name in asked["fields"]
    ]
    clks = generate_clks(asked["rows"], Schema(made, 1024), asked["secret"], validate=False, max_workers=1)
    for one in clks:
        print(one.tobytes().hex())


if __name__ == "__main__":
    main()
