"""Distinct spellings: what is scored instead of mentions, since most contacts repeat a spelling already seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.bags import digit_bags, letter_bags
from juncture.agency.people.normalise import (
    BIRTH_FIELDS,
    NoHome,
    column,
    nickname_roots,
    normalise,
    split_alias,
)  # fmt: skip

NumberTrust = Literal["fact", "hint", "none"]
Integers = npt.NDArray[np.int64]

_SOUNDS = {c: d for d, group in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for c in group}


@dataclass(frozen=True)
class Spellings:
    """``table``: a row a distinct spelling, sorted by content so that the order of mentions leaves no trace.

    ``of_mention`` int64[mentions]: the spelling of each mention, -1 where nameless. ``mentions`` int64[spellings]: how
    many mentions were typed so (0 for an alias). ``aliases`` int64[k, 2]: (spelling, alias spelling) of one mention.
    ``thin`` bool[spellings]: a name and nothing else. ``fact`` int64[spellings]: the group of an agency number that is
    a fact, -1 without one.
    """

    table: pa.Table
    of_mention: Integers
    mentions: Integers
    aliases: Integers
    thin: npt.NDArray[np.bool_]
    fact: Integers

    def __len__(self) -> int:
        return len(self.mentions)


def spelling_nodes(mentions: pa.Table, no_home: NoHome, trust: NumberTrust, alone: Integers | None = None) -> Spellings:
    """The distinct spellings of ``mentions`` and of their aliases, with what the comparisons ask for.

    Mentions at the positions ``alone`` share their spelling with no other, so that a decision about one record does
    not bind those that happen to be typed alike.
    """
    own = normalise(mentions, no_home)
    number = column(mentions, "person_number") if trust != "none" else pa.nulls(mentions.num_rows, pa.string())
    own = own.append_column("number", pc.cast(number, pa.string()))
    pin = np.full(mentions.num_rows, None, dtype=object)
    if alone is not None and len(alone):
        pin[alone] = np.asarray(mentions["record_id"].take(pa.array(alone)).to_pylist(), dtype=object)
    own = own.append_column("pin", pa.array(pin, pa.string()))
    named = np.flatnonzero(~_nameless(mentions, own, trust))
    own = own.take(pa.array(named))
    owner, extra = _alias_rows(mentions, own, named)
    rows = pa.concat_tables([own, extra]).combine_chunks()
    table, code = _distinct(rows)
    of_mention = np.full(mentions.num_rows, -1, np.int64)
    of_mention[named] = code[: len(named)]
    pairs = np.stack([code[owner], code[len(named) :]], axis=1) if len(owner) else np.zeros((0, 2), np.int64)
    known = [c for c in ("birth_year", "birth_month", "address", "phone", "ssn4", "number") if c in table.column_names]
    thin = np.logical_and.reduce([_is_null(table[c]) for c in known])
    fact = np.full(table.num_rows, -1, np.int64)
    if trust == "fact":
        coded = pc.dictionary_encode(table["number"]).combine_chunks()
        fact = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
        table = table.set_column(table.column_names.index("number"), "number", pa.nulls(table.num_rows, pa.string()))
    return Spellings(
        table=_with_derived(table),
        of_mention=of_mention,
        mentions=np.bincount(of_mention[named], minlength=table.num_rows).astype(np.int64),
        aliases=np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0),
        thin=thin,
        fact=fact,
    )


def sound_key(name: str | None) -> str | None:
    """American Soundex of a name, four characters (R. Russell's patent 1,261,167, as the National Archives code it)."""
    if not name:
        return None
    letters = [c for c in name if c.isascii() and c.isalpha()]
    if not letters:
        return name[:4]
    digits, previous = "", _SOUNDS.get(letters[0], 0)
    for letter in letters[1:]:
        code = _SOUNDS.get(letter, 0)
        if code and code != previous:
            digits += str(code)
        if letter not in "hw":
            previous = code
    return (letters[0] + digits + "000")[:4]


def _nameless(mentions: pa.Table, own: pa.Table, trust: NumberTrust) -> npt.NDArray[np.bool_]:
    """Mentions that nobody could attach: flagged so, or with neither a name nor a number that is a fact."""
    without = _is_null(own["last_name"]) & _is_null(own["first_name"])
    if trust == "fact":
        without &= _is_null(own["number"])
    if "nameless" in mentions.column_names:
        without |= np.asarray(
            pc.fill_null(pc.cast(mentions["nameless"], pa.bool_()), False)
            .combine_chunks()
            .to_numpy(zero_copy_only=False)
        )
    return without


def _alias_rows(mentions: pa.Table, own: pa.Table, named: npt.NDArray[Any]) -> tuple[Integers, pa.Table]:
    """``(owner, rows)``: for each alias of a named mention, its position in ``own`` and its spelling."""
    nothing = np.zeros(0, np.int64)
    if "alias" not in mentions.column_names:
        return nothing, own.slice(0, 0)
    lists = mentions["alias"].take(pa.array(named)).combine_chunks()
    owner = np.asarray(pc.list_parent_indices(lists).to_numpy(zero_copy_only=False), np.int64)
    parts = [split_alias(text) for text in pc.list_flatten(lists).to_pylist()]
    keep = [i for i, part in enumerate(parts) if part[0] or part[1]]
    if not keep:
        return nothing, own.slice(0, 0)
    owner = owner[keep]
    rows = own.take(pa.array(owner))
    lasts = rows["last_name"].to_pylist()
    # A one-word alias is a street name used in place of the first name.
    names = [(parts[i][0] or lasts[j], parts[i][1], parts[i][2]) for j, i in enumerate(keep)]
    for position, field in enumerate(("last_name", "first_name", "middle_name")):
        values = pa.array([name[position] for name in names], pa.string())
        rows = rows.set_column(rows.column_names.index(field), field, values)
    return owner, rows


def _distinct(rows: pa.Table) -> tuple[pa.Table, Integers]:
    """The distinct rows in the order of their content, and for each row the number of its distinct row."""
    group = np.zeros(rows.num_rows, np.int64)
    for name in rows.column_names:
        values = rows[name].combine_chunks()
        coded = pc.dictionary_encode(values)
        ranks = np.empty(len(coded.dictionary) + 1, np.int64)
        ranks[np.asarray(pc.sort_indices(coded.dictionary))] = np.arange(len(coded.dictionary))
        ranks[-1] = len(coded.dictionary)
        code = ranks[np.asarray(pc.fill_null(coded.indices, -1))]
        _, group = np.unique(group * (len(ranks) + 1) + code, return_inverse=True)
    _, first = np.unique(group, return_index=True)
    return rows.take(pa.array(first)).combine_chunks(), group.astype(np.int64)


def _with_derived(table: pa.Table) -> pa.Table:
    full = pc.and_(
        pc.is_valid(table["birth_year"]), pc.and_(pc.is_valid(table["birth_month"]), pc.is_valid(table["birth_day"]))
    )
    padded = [
        pc.utf8_lpad(pc.cast(table[name], pa.string()), width, "0")
        for name, width in zip(BIRTH_FIELDS, (4, 2, 2), strict=True)
    ]
    birth = pc.if_else(full, pc.binary_join_element_wise(*padded, ""), pa.scalar(None, pa.string()))
    house = pc.struct_field(pc.extract_regex(table["address"], r"^(?P<house>\d+)"), "house")
    street = pc.replace_substring_regex(table["address"], r"^\d+ ", "")
    added = {
        "id": pa.array(np.arange(table.num_rows, dtype=np.int32)),
        "birth": birth,
        "house": house,
        "street": street,
        "roots": _by_value(table["first_name"], nickname_roots, pa.list_(pa.string())),
        "last_parts": _by_value(table["last_name"], _long_parts, pa.list_(pa.string())),
        "last_sound": _by_value(table["last_name"], sound_key, pa.string()),
        "first_sound": _by_value(table["first_name"], sound_key, pa.string()),
        "birth_bag": digit_bags(birth.combine_chunks()),
        **{f"{name}_bag": letter_bags(table[name].combine_chunks()) for name in ("last_name", "first_name", "address")},
    }
    for name, values in added.items():
        table = table.append_column(name, values)
    return table


def _long_parts(name: str) -> list[str]:
    return [part for part in name.split(" ") if len(part) >= 3]


def _by_value(values: Any, function: Any, kind: pa.DataType) -> pa.Array:
    coded = pc.dictionary_encode(values.combine_chunks())
    return pa.array([function(text) for text in coded.dictionary.to_pylist()], kind).take(coded.indices)


def _is_null(values: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.is_null(values).to_numpy())
