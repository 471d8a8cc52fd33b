"""The few spellings that every file of the exchange shares: names of parties and projects, hashes, dates."""

from __future__ import annotations

import re
from datetime import date

#: A party, a project or a person's role in it: it becomes part of a file name on every operating system.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SHA384 = re.compile(r"[0-9a-f]{96}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_name(text: object) -> bool:
    """Whether ``text`` may name a party or a project: 1-40 of a-z, 0-9, ``_`` and ``-``, not beginning with a mark."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def is_sha384(text: object) -> bool:
    """Whether ``text`` is a SHA-384 in 96 lower-case hex digits."""
    return isinstance(text, str) and _SHA384.fullmatch(text) is not None


def read_date(text: object) -> date:
    """The date that ``text`` spells as YYYY-MM-DD; raises ``ValueError`` for any other spelling."""
    if not isinstance(text, str) or _DATE.fullmatch(text) is None:
        raise ValueError("it is not a date as YYYY-MM-DD")
    return date.fromisoformat(text)
