"""The register of people: which person each record ever read is of, over years and exports, and how it was spelled.

It is encrypted in the agency's own folder and never leaves. A person has a random id of 64 bits that says nothing. What
an earlier export held and a new one does not is seen along by the next run, so that a yearly extract meets the people
of before; the new person keeps the id of the earlier one with whom it shares most records.
"""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.normalise import BIRTH_FIELDS, column
from juncture.base.errors import UsageError
from juncture.exchange import vault
from juncture.exchange.keys import PrivateKeys

FILE = "register"
_PURPOSE = "register of people"
_FORMAT, _VERSION = "juncture register of people", 1
#: What is remembered of a record: all that tells who is who.
REMEMBERED = (
    "person_number", "last_name", "first_name", "middle_name", "suffix", "alias", *BIRTH_FIELDS, "sex", "address",
    "zip", "phone", "ssn4",
)  # fmt: skip
_NAMED_BY = ("last_name", "first_name", *BIRTH_FIELDS)
_PART, _BLANK = "\x1f", "\x00"

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Register:
    """A row a record: ``key``, ``person`` (its person's id, never 0), ``first`` (the id that the record had first) and
    ``spelling`` (a row of ``spellings``, which has the columns ``REMEMBERED``).

    ``former`` maps ids of people who were merged into others to the id that they have now. ``renamed`` maps the key of
    a record that was corrected in the export to its key now.
    """

    key: pa.Array
    person: Ids
    first: Ids
    spelling: Ints
    spellings: pa.Table
    former: Mapping[int, int] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.person)

    def people(self) -> int:
        """How many people are known."""
        return len(np.unique(self.person))


@dataclass(frozen=True)
class Meeting:
    """An export beside the register: ``row`` int64[records of the register] is the row of the export that is the same
    record, -1 where the export lacks it. ``renamed``: keys of records that were corrected since."""

    row: Ints
    renamed: Mapping[str, str]

    def renamed_since(self, register: Register) -> dict[str, str]:
        """The key that each record corrected in this export or before has now."""
        return {old: self.renamed.get(now, now) for old, now in register.renamed.items()} | dict(self.renamed)


@dataclass(frozen=True)
class Change:
    """What a run changed: ``kept`` people have the id of before, ``new`` have no record known before, ``merged`` ids
    went into other people, ``split`` ids had records that are of several people now."""

    kept: int
    new: int
    merged: int
    split: int


def record_keys(mentions: pa.Table) -> pa.Array:
    """A key for each mention (string) that no order of rows and no other person of the contact has an influence on.

    The contact's number, a digest of name and birth date as typed (without capitals), and a number that tells apart
    mentions of one contact with equal names. Unlike ``record_id`` it survives that an export is sorted anew.
    """
    named = [pc.utf8_lower(pc.utf8_trim_whitespace(_text(mentions, name))) for name in _NAMED_BY]
    contact = pc.fill_null(_text(mentions, "contact_id" if "contact_id" in mentions.column_names else "record_id"), "")
    plain = pc.binary_join_element_wise(contact, _digests(named), _PART)
    code = np.asarray(pc.dictionary_encode(plain).indices, np.int64)
    rank = np.ones(len(code), np.int64)
    often = np.flatnonzero(np.bincount(code)[code] > 1) if len(code) else code
    if len(often):
        others = [_text(mentions, n) for n in mentions.column_names if n not in ("alias", "record_id")]
        digest = np.asarray(_digests([one.take(pa.array(often)) for one in others]).to_pylist(), object)
        order = often[np.lexsort((digest.astype(str), code[often]))]
        first = np.searchsorted(code[order], code[order])
        rank[order] = np.arange(len(order)) - first + 1
    return pc.binary_join_element_wise(plain, pc.cast(pa.array(rank), pa.string()), _PART)


def contact_of(key: str) -> str:
    """The contact's number in a record key."""
    return key.rsplit(_PART, 2)[0]


def read_register(private: PrivateKeys, folder: Path) -> Register:
    """The register kept in ``folder``, an empty one where there is none; ``KeyTrouble`` where it does not open."""
    path = folder / FILE
    if not path.is_file():
        return no_register()
    with zipfile.ZipFile(io.BytesIO(vault.recall(private, path, _PURPOSE))) as parts:
        head = json.loads(parts.read("register.json"))
        if (head["format"], head["version"]) != (_FORMAT, _VERSION):
            raise UsageError(
                f"{FILE} was written by a newer version of Juncture.", remedy="Use that version for this folder."
            )
        records, spellings = (_table(parts.read(f"{name}.arrow")) for name in ("records", "spellings"))
    return Register(
        key=records["key"].combine_chunks(),
        person=records["person"].to_numpy(),
        first=records["first"].to_numpy(),
        spelling=records["spelling"].to_numpy(),
        spellings=spellings,
        former={int(old, 16): int(now, 16) for old, now in head["former"].items()},
        renamed=head["renamed"],
    )


def keep_register(private: PrivateKeys, folder: Path, register: Register) -> Path:
    """Write ``register``, encrypted, whole or not at all; returns its path."""
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "former": {f"{old:x}": f"{now:x}" for old, now in register.former.items()},
        "renamed": dict(register.renamed),
    }
    records = pa.table(
        {"key": register.key, "person": register.person, "first": register.first, "spelling": register.spelling}
    )
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parts:
        parts.writestr("register.json", json.dumps(head))
        parts.writestr("records.arrow", _bytes(records))
        parts.writestr("spellings.arrow", _bytes(register.spellings))
    return vault.keep(private, folder / FILE, _PURPOSE, whole.getvalue())


def no_register() -> Register:
    """A register of nobody."""
    nobody = np.zeros(0, np.uint64)
    kinds = {name: pa.int8() for name in BIRTH_FIELDS} | {"birth_year": pa.int16(), "alias": pa.list_(pa.string())}
    empty = pa.table({name: pa.array([], kinds.get(name, pa.string())) for name in REMEMBERED})
    return Register(pa.array([], pa.string()), nobody, nobody, np.zeros(0, np.int64), empty)


def meet(register: Register, mentions: pa.Table, keys: pa.Array) -> Meeting:
    """Find the records of ``register`` in an export.

    They are the same where the keys are; or where the contact named one person only, then and now, and name and birth
    date agree in at least half of what both tell: a record that was corrected. A number used twice for two contacts
    does not pass that.
    """
    row = np.full(len(register), -1, np.int64)
    both = pc.dictionary_encode(pa.concat_arrays([register.key, keys])).indices.to_numpy().astype(np.int64)
    old, new = both[: len(register)], both[len(register) :]
    at = np.full(int(both.max(initial=-1)) + 1, -1, np.int64)
    at[new] = np.arange(len(new))
    row = at[old]
    renamed: dict[str, str] = {}
    taken = np.zeros(len(new), bool)
    taken[row[row >= 0]] = True
    lone_old, lone_new = _alone(register.key), _alone(keys)
    left = {contact_of(key): i for i in np.flatnonzero(lone_new & ~taken).tolist() if (key := keys[i].as_py())}
    if left:
        for i in np.flatnonzero(lone_old & (row < 0)).tolist():
            key = register.key[i].as_py()
            j = left.get(contact_of(key))
            if j is not None and _alike(_named(register.spellings, int(register.spelling[i])), _named(mentions, j)):
                row[i] = j
                renamed[key] = keys[j].as_py()
    return Meeting(row, renamed)


def earlier_mentions(register: Register, rows: Ints, like: pa.Table) -> tuple[pa.Table, pa.Array]:
    """``(mentions, keys)`` of records of ``register``, with the columns of the table ``like``; what is not remembered
    is null."""
    keys = register.key.take(pa.array(rows))
    spelled = register.spellings.take(pa.array(register.spelling[rows]))
    contact = pa.array([contact_of(key) for key in keys.to_pylist()], pa.string())
    known = {"record_id": keys, "contact_id": contact, "nameless": pa.array(np.zeros(len(rows), bool))}
    columns: dict[str, Any] = {}
    for name in like.column_names:
        kind = like.schema.field(name).type
        found = known.get(name, spelled[name] if name in REMEMBERED else pa.nulls(len(rows), kind))
        columns[name] = pc.cast(found, kind)
    return pa.table(columns, schema=like.schema), keys


def updated(
    register: Register,
    old_row: Ints,
    mentions: pa.Table,
    keys: pa.Array,
    person: npt.NDArray[np.int32],
    meeting: Meeting,
) -> tuple[Register, Ids, Change]:
    """``(register, ids, change)`` after a run over ``mentions`` with ``keys``; ``person`` int32[mentions], -1 nobody;
    ``old_row`` int64[mentions] is the row of a record in ``register``, -1 where it is new. ``ids`` uint64[people].

    A person takes the id of the earlier one with whom it shares most records, each id going to one person; where a
    person falls into parts, a part without an id takes the one that most of its records had first, if nobody has it.
    """
    named = np.flatnonzero(person >= 0)
    before = np.zeros(len(person), np.uint64)
    before[old_row >= 0] = register.person[old_row[old_row >= 0]]
    first = np.zeros(len(person), np.uint64)
    first[old_row >= 0] = register.first[old_row[old_row >= 0]]
    order = np.empty(len(person), np.int64)
    order[np.asarray(pc.sort_indices(keys), np.int64)] = np.arange(len(person))
    people = int(person.max(initial=-1)) + 1
    least = np.full(people, len(person), np.int64)
    np.minimum.at(least, person[named], order[named])
    shared = _overlap(person[named], before[named], least)
    ids = np.zeros(people, np.uint64)
    given: set[int] = set()
    for who, old, _ in shared:
        if not ids[who] and old not in given:
            ids[who] = old
            given.add(old)
    kept = int(np.count_nonzero(ids))
    for who, old, _ in _overlap(person[named], first[named], least):
        if not ids[who] and old not in given:
            ids[who] = old
            given.add(old)
    for who in np.flatnonzero(ids == 0).tolist():
        while not ids[who] or int(ids[who]) in given or int(ids[who]) in register.former:
            ids[who] = np.uint64(secrets.randbits(64))
        given.add(int(ids[who]))
    parts: dict[int, int] = {}
    into: dict[int, int] = {}
    for who, old, _ in shared:
        parts[old] = parts.get(old, 0) + 1
        into.setdefault(old, int(ids[who]))
    gone = {old: now for old, now in into.items() if old not in given}
    former = {old: gone.get(now, now) for old, now in register.former.items() if old not in given} | gone
    spelling, spellings = _distinct_spellings(mentions.take(pa.array(named)))
    now = ids[person[named]]
    known = {who for who, _, _ in shared}
    after = replace(
        register,
        key=keys.take(pa.array(named)),
        person=now,
        first=np.where(first[named] > 0, first[named], now),
        spelling=spelling,
        spellings=spellings,
        former={old: new for old, new in former.items() if new in given},
        renamed=meeting.renamed_since(register),
    )
    change = Change(kept, people - len(known), len(gone), sum(many > 1 for many in parts.values()))
    return after, ids, change


def _overlap(person: npt.NDArray[np.int32], old: Ids, least: Ints) -> list[tuple[int, int, int]]:
    """``(person, old id, records shared)``, most shared first; equals by the person's least record key."""
    known = np.flatnonzero(old > 0)
    values, code = np.unique(old[known], return_inverse=True)
    key, count = np.unique(person[known].astype(np.int64) * max(len(values), 1) + code, return_counts=True)
    who, which = key // max(len(values), 1), key % max(len(values), 1)
    order = np.lexsort((which, least[who], -count))
    return list(zip(who[order].tolist(), values[which[order]].tolist(), count[order].tolist(), strict=True))


def _distinct_spellings(mentions: pa.Table) -> tuple[Ints, pa.Table]:
    columns = {name: column(mentions, name) for name in REMEMBERED if name != "alias"}
    alias = _alias(mentions)
    joined = pc.binary_join(alias, "\x1e")
    texts = [pc.cast(values, pa.string()) for values in columns.values()]
    whole = pc.binary_join_element_wise(*texts, joined, _PART, null_handling="replace", null_replacement=_BLANK)
    code = np.asarray(pc.dictionary_encode(whole).indices, np.int64)
    _, first, spelling = np.unique(code, return_index=True, return_inverse=True)
    table = pa.table({**columns, "alias": alias}).select(REMEMBERED)
    return spelling.astype(np.int64), table.take(pa.array(first)).combine_chunks()


def _alias(mentions: pa.Table) -> pa.Array:
    if "alias" not in mentions.column_names:
        return pa.nulls(mentions.num_rows, pa.list_(pa.string()))
    return mentions["alias"].combine_chunks()


def _text(mentions: pa.Table, name: str) -> pa.Array:
    values = column(mentions, name)
    return pc.cast(values, pa.string())


def _digests(texts: list[pa.Array]) -> pa.Array:
    """16 hex digits of each row of ``texts``; 64 bits, so that two people of one contact never meet by chance."""
    whole = pc.binary_join_element_wise(*texts, _PART, null_handling="replace", null_replacement=_BLANK)
    coded = pc.dictionary_encode(whole)
    hashed = [blake2b(text.encode(), digest_size=8).hexdigest() for text in coded.dictionary.to_pylist()]
    return pa.array(hashed, pa.string()).take(coded.indices)


def _alone(keys: pa.Array) -> npt.NDArray[np.bool_]:
    """Whether a record is the only one of its contact."""
    contact = pc.replace_substring_regex(keys, f"{_PART}[^{_PART}]*{_PART}[^{_PART}]*$", "")
    code = np.asarray(pc.dictionary_encode(contact).indices, np.int64)
    return np.asarray(np.bincount(code, minlength=1)[code] == 1) if len(code) else np.zeros(0, bool)


def _named(table: pa.Table, row: int) -> tuple[str | None, str | None, tuple[Any, ...] | None]:
    last, first = (table[name][row].as_py() for name in ("last_name", "first_name"))
    born = tuple(table[name][row].as_py() for name in BIRTH_FIELDS)
    return (
        last.strip().lower() if last else None,
        first.strip().lower() if first else None,
        born if any(born) else None,
    )


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    told = [a == b for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return bool(told) and 2 * sum(told) >= len(told)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _table(data: bytes) -> pa.Table:
    return pa.ipc.open_file(pa.BufferReader(data)).read_all().combine_chunks()
