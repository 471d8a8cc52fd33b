"""The one spelling of JSON over which agreements and payloads are hashed.

Unlike the canonical JSON of :mod:`juncture.exchange.canonical`, whose headers and lines hold ASCII and integers only,
it carries UTF-8 and fractions. The two are different formats; neither reads the other.
"""

from __future__ import annotations

import json


def canonical_json(value: object) -> bytes:
    """``value`` as JSON with sorted keys, no spaces, UTF-8; raises ``ValueError`` for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
