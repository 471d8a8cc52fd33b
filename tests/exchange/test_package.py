"""Packages: what is sealed comes back; everything else is refused, with a sentence and without a byte of plaintext."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.base.errors import ExitCode, MachineError, PackageRefused, UsageError
from juncture.exchange.canonical import canonical_bytes
from juncture.exchange.header import BANNER, PackageHeader, PackageKind, read_header_bytes
from juncture.exchange.keyfiles import open_keys
from juncture.exchange.keys import PrivateKeys, make_keys, read_public, renew_sealing_keys
from juncture.exchange.package import (
    Expected,
    OpenedPackage,
    SealedPackage,
    open_package,
    read_header,
    seal_package,
)
from juncture.exchange.sealing import CHUNK_BYTES, SEALED_KEY_BYTES, TAG_BYTES
from juncture.exchange.seen import SeenSet
from juncture.exchange.signing import ECDSA_BYTES, SIGNATURE_BYTES, sign

POLICE, CLINIC, LINKER = make_keys("police"), make_keys("clinic"), make_keys("linker")
AGREEMENT = hashlib.sha384(b"agreement").hexdigest()
TODAY = date(2026, 11, 24)
CANARY = b"Wilhelmina Featherstonehaugh"
CONTENT = CANARY + hashlib.shake_128(b"content").digest(2 * CHUNK_BYTES + 100)
FRONT = 14


def seal(out_dir: Path, payload: bytes | Path = CONTENT, **changes: Any) -> SealedPackage:
    settings: dict[str, Any] = {
        "kind": PackageKind.LINK,
        "project": "borrowed-city",
        "agreement_id": AGREEMENT,
        "sender_keys": POLICE,
        "recipient_public": LINKER.public,
        "round": 1,
        "sequence": 1,
        "created": TODAY,
        "expires": date(2027, 12, 31),
        "ledger_head": "0" * 96,
        "out_dir": out_dir,
        "facts": {"unlock_key": "00ff"},
    }
    return seal_package(payload, **(settings | changes))


def expect(folder: Path, **changes: Any) -> Expected:
    expected = Expected(
        sender=POLICE.public,
        recipient=LINKER,
        agreement_id=AGREEMENT,
        kind=PackageKind.LINK,
        today=TODAY,
        seen=SeenSet(folder / "private" / "seen.jsonl"),
        max_bytes=10 * 2**20,
    )
    return replace(expected, **changes)


def refused(path: Path, folder: Path, match: str | None = None, **changes: Any) -> None:
    """It is refused with exit code 5, and leaves no plaintext and no entry in the seen-set."""
    expected = expect(folder, **changes)
    before = expected.seen.path.read_bytes() if expected.seen.path.exists() else b""
    with pytest.raises(PackageRefused, match=match) as caught:
        open_package(path, expected)
    assert caught.value.exit_code == ExitCode.REFUSED == 5
    assert CANARY.decode() not in str(caught.value)
    assert no_plaintext(folder)
    assert (expected.seen.path.read_bytes() if expected.seen.path.exists() else b"") == before


def no_plaintext(folder: Path) -> bool:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return not any(file.suffix == ".part" or CANARY in file.read_bytes() for file in files)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return seal(tmp_path_factory.mktemp("out")).path.read_bytes()


@pytest.fixture
def at(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes as a package that came in."""

    def write(data: bytes) -> Path:
        path = tmp_path / "in.juncture"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    "length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]
)
def test_round_trip(tmp_path: Path, length: int) -> None:
    content = os.urandom(length)
    done = seal(tmp_path / "outbox", content)
    assert done.path.name == "borrowed-city-link-police-linker-0001.juncture"
    assert done.sha384 == hashlib.sha384(done.path.read_bytes()).hexdigest()
    opened = open_package(done.path, expect(tmp_path))
    assert (opened.payload, opened.header, opened.opened_before) == (content, done.header, False)
    assert read_header(done.path) == done.header
    assert done.header.banner == BANNER
    assert "28 CFR Part 22" in BANNER
    assert dict(done.header.facts) == {"unlock_key": "00ff"}
    assert open_package(done.path, expect(tmp_path)).opened_before
    assert repr(content) not in repr(opened)


def test_a_file_is_sealed_as_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "content.bin").write_bytes(CONTENT)
    done = seal(tmp_path / "outbox", tmp_path / "content.bin")
    assert open_package(done.path, expect(tmp_path)).payload == CONTENT


def test_layout_by_hand(sealed: bytes) -> None:
    """Oracle: the table in the module's docstring, read with struct-less slicing."""
    assert sealed[:10] == b"JUNCTURE\x00\x01"
    length = int.from_bytes(sealed[10:14], "big")
    header = json.loads(sealed[FRONT : FRONT + length])
    assert sorted(header) == [
        "agreement_id", "banner", "ciphertext_sha384", "content_bytes", "created", "expires", "facts", "format",
        "kind", "ledger_head", "package_id", "project", "recipient", "round", "sealed_with", "sender", "sequence",
    ]  # fmt: skip
    ciphertext = sealed[FRONT + length : -SIGNATURE_BYTES]
    assert header["ciphertext_sha384"] == hashlib.sha384(ciphertext).hexdigest()
    assert len(ciphertext) == SEALED_KEY_BYTES + len(CONTENT) + 3 * TAG_BYTES
    assert CANARY not in sealed


def test_golden_vector_of_version_1_still_opens(tmp_path: Path) -> None:
    """Oracle: files written once by the first version."""
    vector = json.loads((Path(__file__).parent / "vectors" / "package_1.json").read_text("ascii"))
    for name in ("sender_public_file", "recipient_private_file"):
        (tmp_path / name).write_bytes(vector[name].encode())
    (tmp_path / "in.juncture").write_bytes(bytes.fromhex(vector["package"]))
    linker = open_keys(tmp_path / "recipient_private_file", vector["recipient_passphrase"].encode())
    assert linker.public.fingerprint == vector["recipient_fingerprint"]
    expected = expect(
        tmp_path, recipient=linker, sender=read_public(tmp_path / "sender_public_file"), agreement_id="ab" * 48
    )
    opened = open_package(tmp_path / "in.juncture", expected)
    assert opened.payload.decode() == vector["content"]
    assert opened.header.file_name == "golden-city-link-police-linker-0001.juncture"


def test_equal_headers_and_lengths_give_files_of_equal_length(tmp_path: Path) -> None:
    """The size a courier sees depends on nothing but header and content length (ECDSA in DER would vary)."""
    sizes = {seal(tmp_path / str(n), os.urandom(1000)).path.stat().st_size for n in range(20)}
    assert len(sizes) == 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_in_every_region_is_refused(
    sealed: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    header_end = FRONT + int.from_bytes(sealed[10:14], "big")
    block = len(sealed) - SIGNATURE_BYTES
    sealed_key = [header_end, header_end + 1568, header_end + SEALED_KEY_BYTES]
    edges = [0, 8, 10, FRONT, *sealed_key, block, block + ECDSA_BYTES, len(sealed)]
    region = data.draw(st.integers(0, len(edges) - 2))
    position = data.draw(st.integers(edges[region], edges[region + 1] - 1))
    damaged = bytearray(sealed)
    damaged[position] ^= data.draw(st.integers(1, 255))
    path = folder / "in.juncture"
    path.write_bytes(damaged)
    refused(path, folder)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, 10**6))
def test_every_truncation_is_refused(sealed: bytes, tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "in.juncture"
    path.write_bytes(sealed[: length % len(sealed)])
    refused(path, folder)


def test_added_bytes_are_refused(sealed: bytes, at: Callable[[bytes], Path], tmp_path: Path) -> None:
    refused(at(sealed + b"\x00"), tmp_path, "cut off or added to")


def test_reordered_chunks_are_refused_by_hash_and_by_number(
    sealed: bytes, at: Callable[[bytes], Path], tmp_path: Path
) -> None:
    start = FRONT + int.from_bytes(sealed[10:14], "big") + SEALED_KEY_BYTES
    size = CHUNK_BYTES + TAG_BYTES
    first, second = sealed[start : start + size], sealed[start + size : start + 2 * size]
    swapped = sealed[:start] + second + first + sealed[start + 2 * size :]
    refused(at(swapped), tmp_path, "altered: its content has not the hash")
    # Even a sender that signs the swapped chunks is refused, by the numbers of the chunks.
    refused(at(forge(swapped)), tmp_path, "altered, cut or reordered")


def test_both_signatures_must_hold(sealed: bytes, at: Callable[[bytes], Path], tmp_path: Path) -> None:
    ecdsa_at = len(sealed) - SIGNATURE_BYTES
    mldsa_at = ecdsa_at + ECDSA_BYTES
    for damaged in (
        sealed[:ecdsa_at] + os.urandom(ECDSA_BYTES) + sealed[mldsa_at:],
        sealed[:mldsa_at] + os.urandom(len(sealed) - mldsa_at),
    ):
        refused(at(damaged), tmp_path, "signature of police does not hold")
    refused(at(forge(sealed, signer=CLINIC)), tmp_path, "signature of police does not hold")
    refused(at(forge(sealed, label="package release")), tmp_path, "signature of police does not hold")


def test_a_malleated_signature_is_the_same_package(sealed: bytes, at: Callable[[bytes], Path], tmp_path: Path) -> None:
    """Other file hash, same package: replay must not rest on the hash of a file."""
    assert open_package(at(sealed), expect(tmp_path)).opened_before is False
    signed_again = forge(sealed)
    assert signed_again != sealed
    assert open_package(at(signed_again), expect(tmp_path)).opened_before is True


def test_wrong_recipient_sender_agreement_kind_size_and_date(tmp_path: Path) -> None:
    path = seal(tmp_path / "outbox").path
    refused(path, tmp_path, "is for linker, not for clinic", recipient=CLINIC)
    refused(path, tmp_path, "is from police, not from clinic", sender=CLINIC.public)
    refused(path, tmp_path, "another agreement", agreement_id=hashlib.sha384(b"other").hexdigest())
    refused(path, tmp_path, "is a link package; a release package is needed", kind=PackageKind.RELEASE)
    refused(path, tmp_path, "expired on 2027-12-31", today=date(2028, 1, 1))
    refused(path, tmp_path, "at most 1000 are allowed", max_bytes=1000)
    refused(path, tmp_path, "not sealed to the keys of linker", recipient=renew_sealing_keys(LINKER))
    refused(path, tmp_path, "signature of police does not hold", sender=make_keys("police").public)
    assert open_package(path, expect(tmp_path, today=date(2027, 12, 31))).payload == CONTENT


def test_a_courier_cannot_readdress_a_package(sealed: bytes, at: Callable[[bytes], Path], tmp_path: Path) -> None:
    """``info`` binds the sealed key to the header: even signed again by its sender, a changed header opens nothing."""
    refused(at(edit(sealed, recipient="clinic")), tmp_path, "signature of police does not hold", recipient=CLINIC)
    refused(at(forge(edit(sealed, package_id="0" * 32))), tmp_path, "not sealed to the keys of linker")
    refused(at(forge(edit(sealed, facts={"unlock_key": "00fe"}))), tmp_path, "not sealed to the keys of linker")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "not a package"),
        (b"JUNCTUR", "not a package"),
        (b"PK\x03\x04" + bytes(100), "not a package"),
        (b"JUNCTURE\x00\x02" + bytes(100), "version 2 of the format"),
        (b"JUNCTURE\x00\x01" + b"\xff" * 4, "header longer than 32 KiB"),
        (b"JUNCTURE\x00\x01\x00\x00\x00\x02{}", "the field"),
        (b"JUNCTURE\x00\x01\x00\x00\x40\x00" + b"[" * 0x4000, "nested too deep"),
    ],
)
def test_other_files_and_versions(at: Callable[[bytes], Path], tmp_path: Path, data: bytes, match: str) -> None:
    refused(at(data), tmp_path, match)
    with pytest.raises(PackageRefused, match=match):
        read_header(at(data))


def header_values(sealed: bytes) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(sealed[FRONT : FRONT + int.from_bytes(sealed[10:14], "big")])
    return values


@pytest.mark.parametrize(
    "change",
    [
        {"format": "juncture-package2"},
        {"kind": "love_letter"},
        {"kind": 1},
        {"project": "Borrowed City"},
        {"project": "../city"},
        {"agreement_id": "0"},
        {"agreement_id": AGREEMENT.upper()},
        {"sender": "linker"},
        {"sender": ""},
        {"recipient": "a" * 41},
        {"round": 0},
        {"round": True},
        {"round": "1"},
        {"sequence": 10_000},
        {"package_id": "0" * 31},
        {"created": "24.11.2026"},
        {"created": "2026-11-24T10:00:00"},
        {"created": "2026-02-30"},
        {"expires": "2026-11-23"},
        {"ledger_head": None},
        {"sealed_with": "rot13"},
        {"content_bytes": -1},
        {"content_bytes": 2**41},
        {"banner": "\x1b[2J"},
        {"banner": "a\nb"},
        {"facts": []},
        {"facts": {"unlock_key": 1}},
        {"facts": {"unlock_key": {"a": {"a": {"a": {"a": {"a": {"a": {"a": "b"}}}}}}}}},
        {"facts": {"Unlock Key": "a"}},
        {"facts": {f"fact_{'x' * n}": "a" for n in range(17)}},
        {"ciphertext_sha384": "g" * 96},
        {"comment": "unknown field"},
    ],
)
def test_headers_are_read_strictly(sealed: bytes, change: dict[str, Any]) -> None:
    values = header_values(sealed)
    assert read_header_bytes(canonical_bytes(values)).kind is PackageKind.LINK
    with pytest.raises(PackageRefused):
        read_header_bytes(json.dumps(values | change, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'":', b'": ', 1),
        lambda data: data.replace(b'"round":1', b'"round":1.0'),
        lambda data: data.replace(b'"round":1', b'"round":NaN'),
        lambda data: data.replace(b'"round":1', b'"round":' + b"9" * 5000),
        lambda data: data.replace(b'"round":1', b'"round":1,"round":1'),
        lambda data: data.replace(b"police", b"\\u0070olice"),
        lambda data: data.replace(b"police", "pölice".encode()),
        lambda data: b"[" + data + b"]",
        lambda data: canonical_bytes({key: value for key, value in json.loads(data).items() if key != "banner"}),
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode(),
    ],
)
def test_only_canonical_headers_are_read(sealed: bytes, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(PackageRefused):
        read_header_bytes(change(canonical_bytes(header_values(sealed))))


def test_the_same_package_opens_again_and_another_in_its_place_is_a_replay(tmp_path: Path) -> None:
    first = seal(tmp_path / "a").path
    other = seal(tmp_path / "b").path
    assert open_package(first, expect(tmp_path)).opened_before is False
    again = open_package(first, expect(tmp_path))
    assert (again.opened_before, again.payload) == (True, CONTENT)
    refused(other, tmp_path, "Another link package with number 1 of round 1 from police was opened before")
    assert len(expect(tmp_path).seen.path.read_bytes().splitlines()) == 1


def test_a_package_older_than_one_opened_is_a_roll_back(tmp_path: Path) -> None:
    paths = {
        (number, sequence): seal(tmp_path / "out", round=number, sequence=sequence).path
        for number, sequence in ((1, 1), (1, 2), (1, 3), (2, 1))
    }
    assert paths[2, 1].name == "borrowed-city-link-police-linker-0001-r2.juncture"
    assert open_package(paths[1, 1], expect(tmp_path)).opened_before is False
    assert open_package(paths[1, 3], expect(tmp_path)).opened_before is False
    refused(paths[1, 2], tmp_path, r"round 1, number 2\) is older than one opened before \(round 1, number 3")
    assert open_package(paths[1, 1], expect(tmp_path)).opened_before is True
    assert open_package(paths[2, 1], expect(tmp_path)).opened_before is False
    refused(paths[1, 2], tmp_path, "older than one opened before")
    # Other kinds, senders and agreements count for themselves.
    clinic = seal(tmp_path / "clinic", sender_keys=CLINIC).path
    assert open_package(clinic, expect(tmp_path, sender=CLINIC.public)).opened_before is False
    release = seal(tmp_path / "release", kind=PackageKind.RELEASE).path
    assert open_package(release, expect(tmp_path, kind=PackageKind.RELEASE)).opened_before is False


def test_a_package_that_was_written_is_never_written_again(tmp_path: Path) -> None:
    done = seal(tmp_path)
    before = done.path.read_bytes()
    with pytest.raises(UsageError, match="written already"):
        seal(tmp_path)
    assert done.path.read_bytes() == before


def test_sealing_refuses_a_header_out_of_form_and_leaves_nothing(tmp_path: Path) -> None:
    for change in ({"round": 0}, {"project": "a/b"}, {"recipient_public": POLICE.public}, {"facts": {"name": "é"}}):
        with pytest.raises(PackageRefused, match="header's field"):
            seal(tmp_path / "out", **change)
    assert not (tmp_path / "out").exists()


def test_content_that_changes_while_it_is_sealed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tmp_path / "content.bin"
    content.write_bytes(CONTENT)
    real = os.urandom

    def cut_short(length: int) -> bytes:
        os.truncate(content, 10)
        return real(length)

    monkeypatch.setattr(os, "urandom", cut_short)
    with pytest.raises(MachineError, match="changed while it was sealed"):
        seal(tmp_path / "out", content)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_exchanged_between_verifying_and_opening_is_refused(sealed: bytes, tmp_path: Path) -> None:
    """A stranger can seal to the linker; putting such bytes in place after the signature was checked must not help."""
    path = tmp_path / "in.juncture"
    path.write_bytes(sealed)
    strangers = seal(
        tmp_path / "s", b"x" * len(CONTENT), package_id=header_values(sealed)["package_id"]
    ).path.read_bytes()
    assert len(strangers) == len(sealed)

    class Exchanging(SeenSet):
        def check(self, header: PackageHeader) -> bool:
            start = FRONT + int.from_bytes(sealed[10:14], "big")
            with path.open("r+b") as file:
                file.seek(start)
                file.write(strangers[start:])
            return super().check(header)

    seen = Exchanging(tmp_path / "private" / "seen.jsonl")
    path.write_bytes(sealed)
    with pytest.raises(PackageRefused, match="exchanged while it was being read"):
        open_package(path, expect(tmp_path, seen=seen))
    assert not seen.path.exists()


def test_missing_file_is_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        read_header(tmp_path / "absent.juncture")


def test_every_kind_has_a_description_and_a_label_of_its_own() -> None:
    assert len({kind.label for kind in PackageKind}) == len({kind.description for kind in PackageKind}) == 13


def test_a_torn_line_of_the_seen_set_is_dropped_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = seal(tmp_path / "out").path
    expected = expect(tmp_path)
    open_package(path, expected)
    whole = expected.seen.path.read_bytes()
    expected.seen.path.write_bytes(whole[:-9])  # killed while writing: this package was never handed out
    assert open_package(path, expected).opened_before is False
    assert expected.seen.path.read_bytes() == whole
    expected.seen.path.write_bytes(b"{}\n" + whole)
    refused(path, tmp_path, r"Line 1 of seen\.jsonl is damaged")


def test_two_processes_open_two_packages_in_one_place_and_one_wins(tmp_path: Path) -> None:
    paths = [seal(tmp_path / side).path for side in ("a", "b")]
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        jobs = [(paths[n % 2], tmp_path, _keys(LINKER), _keys(POLICE)) for n in range(12)]
        outcomes = pool.starmap(_try_open, jobs)
    won = {outcome[0] for outcome in outcomes if outcome[0] != "refused"}
    assert len(won) == 1
    assert sum(outcome == (next(iter(won)), False) for outcome in outcomes) == 1
    assert sum(outcome[0] == "refused" for outcome in outcomes) == 6
    assert len((tmp_path / "private" / "seen.jsonl").read_bytes().splitlines()) == 1


def _try_open(path: Path, folder: Path, linker: dict[str, Any], police: dict[str, Any]) -> tuple[str, bool]:
    try:
        opened: OpenedPackage = open_package(
            path, expect(folder, recipient=PrivateKeys(**linker), sender=PrivateKeys(**police).public)
        )
    except PackageRefused:
        return "refused", False
    return path.parent.name, opened.opened_before


def _keys(private: PrivateKeys) -> dict[str, Any]:
    return {
        name: getattr(private, name) for name in ("party", "sign_p384", "sign_mldsa87", "seal_p384", "seal_mlkem1024")
    }


def edit(sealed: bytes, **changes: Any) -> bytes:
    """``sealed`` with a changed header of any length, everything else as it was."""
    length = int.from_bytes(sealed[10:14], "big")
    header = canonical_bytes(header_values(sealed) | changes)
    return sealed[:10] + len(header).to_bytes(4, "big") + header + sealed[FRONT + length :]


def forge(sealed: bytes, *, signer: PrivateKeys = POLICE, label: str = "package link") -> bytes:
    """``sealed`` with the hash of its ciphertext put right and signed anew by ``signer``."""
    length = int.from_bytes(sealed[10:14], "big")
    ciphertext = sealed[FRONT + length : -SIGNATURE_BYTES]
    whole = edit(sealed, ciphertext_sha384=hashlib.sha384(ciphertext).hexdigest())
    signed = whole[: FRONT + int.from_bytes(whole[10:14], "big")]
    return signed + ciphertext + sign(signer, label, signed)
