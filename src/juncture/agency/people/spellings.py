"""All the spellings of a person, in the form that is encoded and compared between agencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.nodes import spelling_nodes
from juncture.agency.people.normalise import NoHome, load_no_home
from juncture.base.errors import UsageError
from juncture.formats.link import MAX_SPELLINGS

CAP = MAX_SPELLINGS
#: The columns that are compared between agencies, in order, after ``person``.
SPELLING_FIELDS = (
    "last_name",
    "first_name",
    "middle_name",
    "birth_year",
    "birth_month",
    "birth_day",
    "sex",
    "address",
    "zip",
    "phone",
    "ssn4",
)


def spellings(
    mentions: pa.Table, person: npt.NDArray[np.int32], *, cap: int = CAP, no_home: NoHome | None = None
) -> pa.Table:
    """The distinct spellings of each person, at most ``cap``, the most frequent and then the most complete first.

    ``person`` int32[mentions], -1 = nobody, as :func:`juncture.agency.people.resolve.resolve` gives it. Returns a table
    with ``person`` (int32, ascending) and ``SPELLING_FIELDS``, normalised: names without accents, punctuation and
    suffix; month and day of a 1 January birthday, and an address that is no home, are null. Aliases are further rows,
    after what was typed as a name. Every person has a row, were it empty. The order of ``mentions`` does not matter.

    Raises ``UsageError`` where ``person`` is not as long as ``mentions`` or ``cap`` is below one.
    """
    if len(person) != mentions.num_rows:
        raise UsageError("person and mentions have different lengths.")
    if cap < 1:
        raise UsageError("a person must be allowed one spelling at least.")
    nodes = spelling_nodes(mentions, no_home or load_no_home(), "fact")
    named = np.flatnonzero((person >= 0) & (nodes.of_mention >= 0))
    base = len(nodes)
    key, count = np.unique(person[named].astype(np.int64) * base + nodes.of_mention[named], return_counts=True)
    by_alias = _aliases_of(nodes.aliases, key, base)
    owner = np.r_[key, by_alias] // max(base, 1)
    node = np.r_[key, by_alias] % max(base, 1)
    table = pa.table({"person": pa.array(owner.astype(np.int32))} | {
        name: nodes.table[name].combine_chunks().take(pa.array(node)) for name in SPELLING_FIELDS
    })  # fmt: skip
    table = table.append_column("times", pa.array(np.r_[count, np.zeros(len(by_alias), np.int64)]))
    table = table.group_by(["person", *SPELLING_FIELDS], use_threads=False).aggregate([("times", "sum")])
    filled = sum(np.asarray(pc.is_valid(table[name])).astype(np.int64) for name in SPELLING_FIELDS)
    table = table.append_column("filled", pa.array(np.asarray(filled, np.int64)))
    order = [("person", "ascending"), ("times_sum", "descending"), ("filled", "descending")]
    table = table.sort_by(order + [(name, "ascending") for name in SPELLING_FIELDS])
    who = np.asarray(table["person"].combine_chunks(), np.int64)
    rank = np.arange(len(who)) - np.searchsorted(who, who)
    return table.filter(pa.array(rank < cap)).select(["person", *SPELLING_FIELDS]).combine_chunks()


def _aliases_of(aliases: npt.NDArray[np.int64], key: npt.NDArray[np.int64], base: int) -> npt.NDArray[np.int64]:
    """For keys ``person * base + spelling``, the same keys of the aliases of those spellings."""
    if not len(aliases) or not len(key):
        return np.zeros(0, np.int64)
    spelled: npt.NDArray[Any] = key % base
    first = np.searchsorted(aliases[:, 0], spelled, "left")
    many = np.searchsorted(aliases[:, 0], spelled, "right") - first
    row = np.repeat(first - np.r_[0, np.cumsum(many)[:-1]], many) + np.arange(many.sum())
    return np.unique(np.repeat(key // base, many) * base + aliases[row, 1])
