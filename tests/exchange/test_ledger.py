"""The ledger: every change inside it shows by itself, every change of its end by the heads that others hold."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.base.errors import MachineError, PackageRefused, UsageError
from juncture.exchange.ledger import NO_HEAD, Act, append, head, verify
from juncture.exchange.locks import locked

AGREEMENT = hashlib.sha384(b"agreement").hexdigest()
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def write(path: Path, count: int = 5) -> list[str]:
    """A ledger of ``count`` lines; returns its heads in order."""
    return [
        append(path, Act.PACKAGE_SEALED, who="police", agreement_id=AGREEMENT, counts={"people_shared": n}, now=NOON)
        for n in range(count)
    ]


def test_chain_by_hand(tmp_path: Path) -> None:
    """Oracle: hashlib over the lines as they stand in the file."""
    path = tmp_path / "ledger.jsonl"
    assert head(path) == NO_HEAD
    heads = write(path)
    lines = path.read_bytes().splitlines()
    before = NO_HEAD
    for number, line in enumerate(lines, start=1):
        value = json.loads(line)
        assert (value["number"], value["before"], value["version"]) == (number, before, 1)
        before = hashlib.sha384(line).hexdigest()
        assert heads[number - 1] == before
        assert value["time"] == "2026-11-24T12:00:00Z"
    assert head(path) == before
    assert len({json.loads(line)["random"] for line in lines}) == 5
    check = verify(path, heads_elsewhere=[NO_HEAD, *heads])
    assert (len(check.entries), check.head, check.torn_bytes) == (5, before, 0)
    assert dict(check.entries[3].counts) == {"people_shared": 3}
    with pytest.raises(PackageRefused, match="lacks 1 of the heads"):
        verify(path, heads_elsewhere=[secrets.token_hex(48)])
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == 0


def test_times_are_utc(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append(path, Act.LINKED, who="linker", now=NOON.astimezone(timezone(timedelta(hours=-5))))
    assert verify(path).entries[0].time == "2026-11-24T12:00:00Z"


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_changed_byte_shows(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Inside the ledger by itself; in its last line, by its head."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    last = write(path, 3)[-1]
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with pytest.raises(PackageRefused):
        verify(path, heads_elsewhere=[last])


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[1:],
        lambda lines: lines[:2] + lines[3:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: [lines[0].replace(b'"people_shared":0', b'"people_shared":7'), *lines[1:]],
        lambda lines: [*lines[:2], b"", *lines[2:]],
        lambda lines: [*lines, b"{}"],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
        lambda lines: [lines[0].replace(b"package_sealed", b"package_eaten"), *lines[1:]],
    ],
)
def test_a_changed_ledger_is_refused(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path)
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))
    with pytest.raises(PackageRefused, match=r"Line \d of ledger\.jsonl is damaged"):
        verify(path)


def test_a_removed_tail_and_a_fork_show_by_the_heads_of_others(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    heads = write(path)
    backup = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(backup[:3]))
    assert verify(path, heads_elsewhere=heads[:3]).head == heads[2]
    with pytest.raises(PackageRefused, match="lacks 2 of the heads"):
        verify(path, heads_elsewhere=heads)
    write(path, 2)  # goes on from the backup: a fork
    assert len(verify(path).entries) == 5
    with pytest.raises(PackageRefused, match="lacks 1 of the heads"):
        verify(path, heads_elsewhere=[heads[2], heads[4]])


@pytest.mark.parametrize("torn", [b"{", b'{"act":"linked"', b"x" * 10_000])
def test_a_torn_tail_is_cut_off_and_recorded(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    heads = write(path, 2)
    with path.open("ab") as file:
        file.write(torn)
    assert (verify(path).torn_bytes, head(path)) == (len(torn), heads[-1])
    last = append(path, Act.LINKED, who="linker", now=NOON)
    check = verify(path, heads_elsewhere=[*heads, last])
    assert [entry.act for entry in check.entries[2:]] == [Act.LEDGER_MENDED, Act.LINKED]
    assert dict(check.entries[2].counts) == {"bytes_cut_off": len(torn)}
    assert check.torn_bytes == 0


def test_a_torn_first_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"act"')
    append(path, Act.LINKED, who="linker")
    assert [entry.number for entry in verify(path).entries] == [1, 2]


def test_a_damaged_last_line_is_not_built_upon(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path, 2)
    path.write_bytes(path.read_bytes() + b"{}\n")
    before = path.read_bytes()
    with pytest.raises(PackageRefused, match="Line 3"):
        append(path, Act.LINKED, who="linker")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"who": "Wilhelmina Featherstonehaugh"},
        {"who": ""},
        {"counts": {"Wilhelmina": 1}},
        {"counts": {"born_1987": 1}},
        {"counts": {"people": "Wilhelmina"}},
        {"counts": {"people": 1.5}},
        {"counts": {"people": True}},
        {"counts": {"a" * (n + 1): 1 for n in range(41)}},
        {"agreement_id": "Wilhelmina"},
        {"file_sha384": "Wilhelmina"},
        {"act": "wilhelmina"},
    ],
)
def test_nothing_but_closed_words_and_integers_can_enter(tmp_path: Path, fields: dict[str, object]) -> None:
    path = tmp_path / "ledger.jsonl"
    arguments: dict[str, object] = {"act": Act.LINKED, "who": "linker"} | fields
    with pytest.raises(UsageError, match="closed form") as caught:
        append(path, **arguments)
    assert "ilhelmina" not in str(caught.value)
    assert not path.exists()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        heads = pool.starmap(_append_many, [(path, 20), (path, 20)])
    check = verify(path, heads_elsewhere=[known for batch in heads for known in batch])
    assert len(check.entries) == 40


def test_a_lock_that_is_held_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with locked(path), pytest.raises(MachineError, match="in use by another process"), locked(path, patience=0.02):
        pass
    with locked(path, patience=0.02):
        pass


def _append_many(path: Path, count: int) -> list[str]:
    return [append(path, Act.LINKED, who="linker", counts={"people": n}) for n in range(count)]
