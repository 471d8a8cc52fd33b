"""The quota holds against more requests, processes at once, lost and restored files, other keys and tickets, kills."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.base.errors import AgreementForbids, ExitCode, JunctureError, LimitReached, PackageRefused, UsageError
from juncture.exchange.quota import GrantStore, Ticket
from juncture.exchange.unlock import (
    BlindState,
    Grant,
    UnlockKey,
    answer,
    blind_tokens,
    envelope_secret,
    finalize,
    new_unlock_key,
    request_hash,
)
from tests.exchange import quota_kill

AGREEMENT, QUOTA, SIZE = "sha384:ab", 6, 3
KEY, OTHER_KEY = new_unlock_key(), new_unlock_key()
TOKENS = [bytes([number]) * 32 for number in range(SIZE)]


def make_request(size: int = SIZE) -> tuple[bytes, BlindState]:
    request, state = blind_tokens(TOKENS[:size], size)
    return request.to_bytes(), state


REQUESTS = [make_request() for _ in range(3)]
SIGNATURE = b"signed by the linker"


def verify(message: bytes, signature: bytes) -> None:
    if signature != SIGNATURE:
        raise PackageRefused("The signature of the linker does not hold.")


def refuse_to_evaluate(total: int) -> None:
    raise AssertionError("the ledger was asked to record a spend")


@dataclass
class Agency:
    """An agency's store with a ledger that is a number; ``keep`` is what the ledger would do with a total."""

    folder: Path
    size: int = SIZE
    witnessed: int = 0
    record: Callable[[int], None] | None = None
    recorded: list[int] = field(default_factory=list)

    @property
    def store(self) -> GrantStore:
        return GrantStore(self.folder, agreement_id=AGREEMENT, agency="police", quota=QUOTA, request_size=self.size)

    def keep(self, total: int) -> None:
        self.recorded.append(total)
        self.witnessed = max(self.witnessed, total)

    def grant(
        self, request: bytes, key: UnlockKey = KEY, package: str = "pkg-1", ticket: Ticket | None = None
    ) -> bytes:
        ticket = ticket or Ticket(AGREEMENT, 1, "police", package, request_hash(request))
        return self.store.grant(
            request,
            ticket.to_bytes(),
            SIGNATURE,
            key,
            round=1,
            package_id=package,
            verify=verify,
            witnessed_spent=self.witnessed,
            record=self.record or self.keep,
        )


@pytest.fixture
def agency(tmp_path: Path) -> Agency:
    return Agency(tmp_path / "store")


def is_right(granted: bytes, state: BlindState, key: UnlockKey = KEY) -> bool:
    outputs = finalize(state, Grant.parse(granted), key.public)
    return outputs == {
        token: envelope_secret(key, token) for token, wanted in zip(state.tokens, state.wanted, strict=True) if wanted
    }


# How much --------------------------------------------------------------------------------------------------------


def test_requests_up_to_the_quota_are_granted_and_recorded_before_they_leave(agency: Agency) -> None:
    for number, (request, state) in enumerate(REQUESTS[:2], 1):
        assert is_right(agency.grant(request), state)
        assert agency.store.spent() == SIZE * number
    assert agency.recorded == [SIZE, 2 * SIZE]


def test_the_same_request_gets_the_stored_grant_again_and_spends_nothing(agency: Agency) -> None:
    first = agency.grant(REQUESTS[0][0])
    agency.grant(REQUESTS[1][0])
    agency.record = refuse_to_evaluate
    assert agency.grant(REQUESTS[0][0]) == first
    assert agency.store.spent() == QUOTA


def test_more_than_the_quota_in_one_request(tmp_path: Path) -> None:
    request = blind_tokens([], QUOTA + 1)[0].to_bytes()
    agency = Agency(tmp_path / "store", size=QUOTA)
    with pytest.raises(PackageRefused, match="exactly 6 elements"):
        agency.grant(request)
    with pytest.raises(UsageError):
        Agency(tmp_path / "store", size=QUOTA + 1).grant(request)
    assert agency.store.spent() == 0


def test_a_request_smaller_than_agreed_would_tell_how_many_were_chosen(agency: Agency) -> None:
    with pytest.raises(PackageRefused, match="exactly 3 elements"):
        agency.grant(make_request(SIZE - 1)[0])


def test_more_than_the_quota_in_two_requests(tmp_path: Path) -> None:
    agency = Agency(tmp_path / "store", size=4)
    agency.grant(blind_tokens([], 4)[0].to_bytes())
    with pytest.raises(LimitReached, match="4 of the agreement's 6") as caught:
        agency.grant(blind_tokens([], 4)[0].to_bytes())
    assert caught.value.exit_code is ExitCode.LIMIT
    assert agency.store.spent() == 4
    assert agency.recorded == [4]


def test_another_package_with_another_key_draws_on_the_same_quota(agency: Agency) -> None:
    agency.grant(REQUESTS[0][0])
    assert is_right(agency.grant(REQUESTS[1][0], OTHER_KEY, "pkg-2"), REQUESTS[1][1], OTHER_KEY)
    with pytest.raises(LimitReached):
        agency.grant(REQUESTS[2][0], OTHER_KEY, "pkg-2")


def test_a_granted_request_is_not_evaluated_under_a_second_key(agency: Agency) -> None:
    agency.grant(REQUESTS[0][0])
    for key, package in ((OTHER_KEY, "pkg-2"), (OTHER_KEY, "pkg-1"), (KEY, "pkg-2")):
        with pytest.raises(PackageRefused, match="another release package"):
            agency.grant(REQUESTS[0][0], key, package)


# Tickets ---------------------------------------------------------------------------------------------------------


def test_only_the_request_that_the_linker_ticketed_is_granted(agency: Agency) -> None:
    right = Ticket(AGREEMENT, 1, "police", "pkg-1", request_hash(REQUESTS[0][0]))
    wrong = [
        replace(right, request_hash=request_hash(REQUESTS[1][0])),
        replace(right, agency="clinic"),
        replace(right, round=2),
        replace(right, package_id="pkg-2"),
    ]
    for ticket in wrong:
        with pytest.raises(PackageRefused):
            agency.grant(REQUESTS[0][0], ticket=ticket)
    with pytest.raises(AgreementForbids, match="another agreement"):
        agency.grant(REQUESTS[0][0], ticket=replace(right, agreement_id="sha384:cd"))
    assert agency.store.spent() == 0
    assert is_right(agency.grant(REQUESTS[0][0], ticket=right), REQUESTS[0][1])


def test_a_ticket_that_the_linker_did_not_sign(agency: Agency) -> None:
    request = REQUESTS[0][0]
    with pytest.raises(PackageRefused, match="signature"):
        agency.store.grant(
            request,
            Ticket(AGREEMENT, 1, "police", "pkg-1", request_hash(request)).to_bytes(),
            b"forged",
            KEY,
            round=1,
            package_id="pkg-1",
            verify=verify,
            witnessed_spent=0,
            record=refuse_to_evaluate,
        )
    assert agency.store.spent() == 0


@given(
    agreement=st.text(max_size=20),
    round=st.integers(0, 99),
    agency=st.text(max_size=20),
    package=st.text(max_size=20),
    digest=st.binary(min_size=48, max_size=48),
)
def test_a_ticket_is_read_as_it_was_written(
    agreement: str, round: int, agency: str, package: str, digest: bytes
) -> None:
    message = Ticket(agreement, round, agency, package, digest).to_bytes()
    assert Ticket.parse(message) == Ticket(agreement, round, agency, package, digest)


def test_a_ticket_in_any_other_spelling_is_refused() -> None:
    message = Ticket(AGREEMENT, 1, "police", "pkg-1", bytes(48)).to_bytes()
    form = json.loads(message)
    spoiled = [b"", message[:-1], message + b" ", b" " + message, message.replace(b'"round":1', b'"round":01')]
    changes = [
        {"version": 2},
        {"format": "x"},
        {"round": "1"},
        {"round": True},
        {"request": "AB"},
        {"extra": 1},
        {"agency": 1},
    ]
    spoiled += [json.dumps(form | change, sort_keys=True, separators=(",", ":")).encode() for change in changes]
    spoiled.append(Ticket(AGREEMENT, 1, "police", "p" * 5000, bytes(48)).to_bytes())
    for other in spoiled:
        with pytest.raises(PackageRefused, match="ticket cannot be read"):
            Ticket.parse(other)


# What happens to the files -----------------------------------------------------------------------------------------


def test_deleting_the_store_does_not_refill_the_quota(agency: Agency) -> None:
    agency.grant(REQUESTS[0][0])
    for damage in (lambda: (agency.folder / "spends.jsonl").unlink(), lambda: shutil.rmtree(agency.folder)):
        damage()
        for request, _ in REQUESTS:
            with pytest.raises(PackageRefused, match="knows of 0 evaluations, the ledger of 3") as caught:
                agency.grant(request)
            assert caught.value.exit_code is ExitCode.REFUSED
            assert caught.value.remedy


def test_restoring_a_backup_of_the_store_does_not_refill_the_quota(agency: Agency, tmp_path: Path) -> None:
    agency.grant(REQUESTS[0][0])
    shutil.copytree(agency.folder, tmp_path / "backup")
    newest = agency.grant(REQUESTS[1][0])
    shutil.move(agency.folder, tmp_path / "newest")
    shutil.copytree(tmp_path / "backup", agency.folder)
    for request, _ in REQUESTS:
        with pytest.raises(PackageRefused, match="older copy was put back"):
            agency.grant(request)
    shutil.rmtree(agency.folder)
    shutil.move(tmp_path / "newest", agency.folder)
    assert agency.grant(REQUESTS[1][0]) == newest


def test_a_lost_or_damaged_grant_is_made_again_at_no_cost(agency: Agency) -> None:
    request, state = REQUESTS[0]
    agency.grant(request)
    (stored,) = (agency.folder / "grants").glob("*.grant")
    for damage in (stored.unlink, lambda: stored.write_bytes(b"half a gra")):
        damage()
        assert is_right(agency.grant(request), state)
    assert agency.store.spent() == SIZE
    assert agency.recorded == [SIZE]


@pytest.mark.parametrize(
    "change", ["count", "sum", "nothing", "order", "first", "last", "twice", "blank", "other agency"]
)
def test_a_changed_record_of_spends_is_refused(agency: Agency, change: str) -> None:
    agency.grant(REQUESTS[0][0])
    agency.grant(REQUESTS[1][0])
    path = agency.folder / "spends.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    changed = {
        "count": first.replace(b'"count":3', b'"count":1') + second,
        "sum": first + second.replace(b'"total":6', b'"total":5'),
        "nothing": first + second.replace(b'"count":3', b'"count":0').replace(b'"total":6', b'"total":3'),
        "order": second + first,
        "first": second,
        "last": first,
        "twice": first + first + second,
        "blank": first + b"\n" + second,
        "other agency": first + second,
    }[change]
    path.write_bytes(changed)
    store = replace(agency.store, agency="clinic") if change == "other agency" else agency.store
    if change != "last":  # the end alone can be cut off without a break in the chain: the ledger notices
        with pytest.raises(PackageRefused, match="was changed"):
            store.spends()
    if change != "other agency":
        with pytest.raises(PackageRefused):
            agency.grant(REQUESTS[1][0])


def test_a_torn_line_was_never_answered_and_counts_nothing(agency: Agency) -> None:
    agency.grant(REQUESTS[0][0])
    path = agency.folder / "spends.jsonl"
    with path.open("ab") as handle:
        handle.write(path.read_bytes()[:40])
    assert agency.store.spent() == SIZE
    assert is_right(agency.grant(REQUESTS[1][0]), REQUESTS[1][1])
    assert agency.store.spent() == QUOTA


def test_nothing_leaves_where_the_ledger_cannot_be_written(agency: Agency) -> None:
    request, state = REQUESTS[0]

    def full_disk(total: int) -> None:
        raise OSError("no space")

    agency.record = full_disk
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            agency.grant(request)
        assert not list((agency.folder / "grants").iterdir())
    agency.record = None
    assert is_right(agency.grant(request), state)
    assert agency.recorded == [SIZE]
    assert agency.store.spent() == SIZE


@pytest.mark.skipif(os.name == "nt", reason="mode bits are POSIX")
def test_the_store_is_readable_by_its_owner_only(agency: Agency) -> None:
    agency.grant(REQUESTS[0][0])
    for path in [agency.folder, *agency.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path.name


# Two processes at once, and kills ------------------------------------------------------------------------------------


def grant_at_once(barrier: Barrier, folder: Path, request: bytes, private: bytes, out: Path) -> None:
    agency = Agency(folder)
    barrier.wait(60)
    try:
        out.write_bytes(agency.grant(request, UnlockKey(private)))
    except JunctureError as error:
        out.write_text(type(error).__name__)


def at_once(tmp_path: Path, requests: list[bytes]) -> list[bytes]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(requests))
    outs = [tmp_path / f"out{number}" for number in range(len(requests))]
    processes = [
        context.Process(target=grant_at_once, args=(barrier, tmp_path / "store", request, KEY.private, out))
        for request, out in zip(requests, outs, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return [out.read_bytes() for out in outs]


def test_processes_at_once_never_pass_the_quota(tmp_path: Path) -> None:
    results = at_once(tmp_path, [request for request, _ in REQUESTS])
    assert results.count(b"LimitReached") == 1
    right = [
        is_right(data, state) for data, (_, state) in zip(results, REQUESTS, strict=True) if data != b"LimitReached"
    ]
    assert right == [True, True]
    assert Agency(tmp_path / "store").store.spent() == QUOTA


def test_processes_at_once_with_one_request_get_one_grant(tmp_path: Path) -> None:
    results = at_once(tmp_path, [REQUESTS[0][0]] * 3)
    assert len(set(results)) == 1
    assert is_right(results[0], REQUESTS[0][1])
    assert Agency(tmp_path / "store").store.spent() == SIZE


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX; Windows has no such moment to test")
def test_a_kill_at_any_moment_loses_nothing_and_refills_nothing(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY.private)
    for name, (request, _) in zip(("first", "second"), REQUESTS, strict=False):
        (tmp_path / f"{name}.request").write_bytes(request)

    def run(moments: list[int]) -> str:
        command = [sys.executable, quota_kill.__file__, str(tmp_path), *map(str, moments)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    lines = int(run([0]))
    moments = sorted(random.sample(range(1, lines + 1), 25))
    assert run(moments) == ""  # none came to its end
    for moment in moments:
        folder = tmp_path / str(moment)
        sent = {path.name: path.read_bytes() for path in folder.glob("*.sent")}
        before = quota_kill.store_in(folder).spent()
        made = list((folder / "store" / "grants").glob("*.grant"))
        assert len(sent) <= len(made)
        assert len(made) * SIZE <= quota_kill.witnessed(folder) <= before <= QUOTA
        for name, (request, state) in zip(("first", "second"), REQUESTS, strict=False):
            granted = quota_kill.grant(folder, request, KEY)
            assert is_right(granted, state)
            assert sent.get(f"{name}.sent", granted) == granted
            assert quota_kill.grant(folder, request, KEY) == granted
        with pytest.raises(LimitReached):
            quota_kill.grant(folder, REQUESTS[2][0], KEY)
        assert quota_kill.store_in(folder).spent() == quota_kill.witnessed(folder) == QUOTA
        assert not list((folder / "store" / "grants").glob(".*"))


def test_an_evaluation_repeats_but_its_proof_is_drawn_anew() -> None:
    # The reason why a spend without a stored grant can be answered again, and why the nonce never repeats.
    request, _ = blind_tokens([], SIZE)
    first, second = answer(request, KEY), answer(request, KEY)
    assert first.evaluated == second.evaluated
    assert first.proof != second.proof
