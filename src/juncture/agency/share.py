"""Sharing: prepare what would leave, have a second person approve it, then seal it.

:func:`share` reads the export, finds who is who, keeps the people of this agency's own side of the rule, encodes and
de-identifies them, and stages two payloads in the vault. Nothing has left then, and it may be repeated. Only
:func:`approve`, with the key of another person of the agency, seals the two packages.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha384
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.agency.attack import staged as attacks
from juncture.agency.attack.outcome import Findings
from juncture.agency.deidentify.attributes import person_attributes
from juncture.agency.deidentify.histogram import suppressed_histogram
from juncture.agency.deidentify.selection import activity_bands, shared_people
from juncture.agency.deidentify.timelines import release_timelines
from juncture.agency.encoding.encode import encode
from juncture.agency.intake.read import read_mentions
from juncture.agency.joint import joint_tokens
from juncture.agency.people.normalise import load_no_home
from juncture.agency.people.spellings import spellings
from juncture.agency.secret import linkage_secret
from juncture.agency.who import find_people, own_source
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, LimitReached, UsageError
from juncture.base.report import Progress, StepReport, silent
from juncture.exchange import unlock, vault
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.joint_secret import linker_confirmation
from juncture.exchange.keys import PrivateKeys
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked
from juncture.exchange.signing import sign
from juncture.formats.clock import random_offset
from juncture.formats.link import LinkPayload
from juncture.formats.release import ReleasePayload

APPROVAL_LABEL = "release approval 1"
_LINK, _RELEASE = "staged link payload", "staged release payload"
_UNLOCK, _RECORDS = "unlock key", "records of people"


@dataclass(frozen=True)
class UnlockRecord:
    """The unlock key of a round's release package and the package id that its envelopes are bound to."""

    key: unlock.UnlockKey
    package_id: str


def share(
    desk: Desk,
    source_file: Path,
    *,
    round_number: int = 1,
    everyone: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> StepReport:
    """Stage what would leave. ``everyone`` (rehearsals with an audit only) shares people below the rule, too.

    ``dry_run`` does all the work and keeps nothing: what was staged before stays as it was.
    Raises ``LimitReached`` (exit 6) for fewer people than the agreement's floor; as the parts for everything else.
    """
    agreement = desk.agreement
    if everyone and not agreement.rehearsal:
        raise AgreementForbids("Only an agreement marked `rehearsal` lets everyone be shared.")
    _nothing_sealed(desk, round_number)
    secret = linkage_secret(desk)
    source = own_source(desk, source_file)
    intake = read_mentions(source, agreement, desk.party, progress=progress)
    mentions = intake.mentions
    found = find_people(desk, source, mentions, keep=not dry_run, progress=progress)
    person = found.person
    progress("Choosing who is shared", 0, 0)
    bands = activity_bands(mentions, person, agreement)
    people = np.flatnonzero(shared_people(bands, agreement, desk.party, everyone=everyone))
    if len(people) < agreement.linkage.floor:
        raise LimitReached(
            f"{len(people)} people meet this agency's side of the rule; the agreement shares no fewer than "
            f"{agreement.linkage.floor}, since fewer could be told apart.",
            remedy="Check the codes and dates of the export; a smaller floor needs a new agreement.",
        )
    people = np.array(secrets.SystemRandom().sample(people.tolist(), len(people)), dtype=np.int64)
    offsets = np.array([random_offset() for _ in people], dtype=np.int32)
    envelope_id = _random_rows(len(people), unlock.ENVELOPE_ID_BYTES)
    token = _random_rows(len(people), unlock.TOKEN_BYTES)

    progress("Encoding people", 0, len(people))
    everybody = spellings(mentions, person, no_home=load_no_home(source.no_home))
    encoding = encode(
        _regrouped(everybody, people),
        secret=secret,
        project=agreement.project,
        agreement_id=desk.signed.id,
        profile=agreement.linkage.profile.value,
        fields=tuple(field.value for field in agreement.linkage.fields),
    )
    link = LinkPayload(
        agency=desk.party,
        round=round_number,
        families=tuple(sorted(agreement.cohort.families)),
        profile=agreement.linkage.profile.value,
        confirmation=linker_confirmation(secret).hex(),
        envelope_id=envelope_id,
        unlock_token=token,
        clock_offset=offsets,
        bands=bands[people],
        spelling_start=encoding.spelling_start,
        joint_tokens=joint_tokens(mentions, person, people, secret=secret, agreement_id=desk.signed.id),
        fields=encoding.fields,
        keys=encoding.keys,
    )
    found_by = attacks.measure(desk, encoding, everybody, people, progress=progress)
    beyond, ceiling = found_by.worst.beyond, agreement.linkage.attack_ceiling
    release, record = _release(desk, round_number, mentions, person, people, offsets, link, progress)
    if not dry_run:
        records = _records(mentions, person, people, envelope_id)
        _stage(desk, round_number, link, release, record, records, (everybody, people, found_by))
        desk.note(Act.SHARE_STAGED, people_shared=len(people))
    return StepReport(
        title=f"Dry run of round {round_number} of {desk.party}: nothing was kept"
        if dry_run
        else f"Staged the people of {desk.party} for round {round_number}; nothing has left",
        counts={
            "rows read": intake.rows_read,
            "rows kept": intake.rows_kept,
            **{f"rows dropped: {reason}": rows for reason, rows in intake.dropped.items()},
            "people found": found.people,
            "contacts that name nobody (kept and counted)": int((person < 0).sum()),
            "people on this agency's side of the rule, shared": len(people),
            f"of {found_by.worst.people:,} attacked, identified ({found_by.worst.attack})": found_by.worst.identified,
            "identified beyond a guesser's": f"{beyond:.2%} (ceiling {ceiling:.2%})",
        },
        notes=found.notes,
        warnings=(
            *intake.warnings,
            *found.resolution.quality.warnings,
            # In a rehearsal approval says it.
            *(
                (attacks.too_weak(beyond, ceiling), attacks.REMEDY)
                if beyond > ceiling and not agreement.rehearsal
                else ()
            ),
        ),
        next_command=f"juncture agency share {source_file}" if dry_run else "juncture agency approve",
    )


def approve(desk: Desk, approver: PrivateKeys, *, round_number: int = 1) -> StepReport:
    """Approve what is staged, with the key of a second person, and seal it to linker and analyst.

    Raises ``AgreementForbids`` where the approver's key is the party's own, ``UsageError`` where nothing is staged, or
    not all of it, and ``LimitReached`` (exit 6) where the attacks on it were not measured or pass the ceiling (in a
    rehearsal that is a warning).
    """
    if approver.public.fingerprint == desk.keys.public.fingerprint or (
        approver.sign_p384 == desk.keys.sign_p384 or approver.sign_mldsa87 == desk.keys.sign_mldsa87
    ):
        raise AgreementForbids(
            "Who prepares a release cannot approve it: this is the key that staged it.",
            remedy="A second person makes a key of their own: `juncture keys new --approver`.",
        )
    linker, analyst = (desk.agreement.sole(role) for role in (PartyRole.LINKER, PartyRole.ANALYST))
    place = desk.folder.round(round_number)
    with locked(place / "staged"):
        link, release, digest = staged_pair(desk, place)
        warnings = attacks.within_ceiling(desk, place, digest)
        vault.keep(desk.keys, place / "approval", "approval", sign(approver, APPROVAL_LABEL, digest))
        desk.note(Act.SHARE_APPROVED, file_sha384=digest.hex())
        facts = {"approved_by": approver.public.fingerprint, "approved_sha384": digest.hex()}
        sealed = []
        for kind, recipient, payload in ((PackageKind.LINK, linker, link), (PackageKind.RELEASE, analyst, release)):
            if not desk.sent(kind, recipient, round_number):
                sealed.append(desk.send(kind, recipient, round_number, payload, facts=facts))
        # Names of everybody, kept for `juncture attack` alone.
        (place / attacks.STAGED_PEOPLE).unlink(missing_ok=True)
    return StepReport(
        title=f"Approved and sealed round {round_number} of {desk.party}",
        files=written(*sealed),
        notes=(f"Send the first to {linker}, the second to {analyst}.",),
        warnings=warnings,
        next_command="juncture status",
    )


def staged_pair(desk: Desk, place: Path) -> tuple[bytes, bytes, bytes]:
    """The staged link and release payloads and the digest of the pair; ``UsageError`` where two runs left them."""
    link = vault.recall(desk.keys, place / "staged-link", _LINK)
    release = vault.recall(desk.keys, place / "staged-release", _RELEASE)
    digest = _pair_digest(link, release)
    kept = json.loads(vault.recall(desk.keys, place / "unlock-key", _UNLOCK))
    if kept["staged_sha384"] != digest.hex():
        raise UsageError(
            "What is staged is not whole: the run that staged it was stopped half-way.",
            remedy="Stage it again: `juncture agency share SOURCE.toml`.",
        )
    return link, release, digest


def unlock_record(desk: Desk, round_number: int) -> UnlockRecord:
    """The unlock key of what was shared in a round; ``UsageError`` where nothing was."""
    kept = json.loads(vault.recall(desk.keys, desk.folder.round(round_number) / "unlock-key", _UNLOCK))
    return UnlockRecord(unlock.UnlockKey(bytes.fromhex(kept["private"])), kept["package_id"])


def record_people(desk: Desk, round_number: int) -> tuple[Mapping[str, int], Mapping[int, bytes]]:
    """Which person each record of the export is of, and the envelope id of each shared person (-1: names nobody)."""
    kept = json.loads(vault.recall(desk.keys, desk.folder.round(round_number) / "records", _RECORDS))
    return kept["records"], {int(person): bytes.fromhex(one) for person, one in kept["envelopes"].items()}


def _release(
    desk: Desk,
    round_number: int,
    mentions: pa.Table,
    person: NDArray[np.int32],
    people: NDArray[np.int64],
    offsets: NDArray[np.int32],
    link: LinkPayload,
    progress: Progress,
) -> tuple[ReleasePayload, UnlockRecord]:
    attributes = person_attributes(mentions, person, desk.agreement.windows.follow_up[0])
    timelines = release_timelines(mentions, person, people, offsets, desk.agreement, desk.party, attributes)
    plain = [timeline.to_bytes() for timeline in timelines]
    sizes = unlock.choose_sizes([len(text) for text in plain])
    record = UnlockRecord(unlock.new_unlock_key(), secrets.token_hex(16))
    sealed: dict[bytes, bytes] = {}
    for i, text in enumerate(plain):
        if i % 200 == 0:
            progress("Sealing envelopes", i, len(plain))
        envelope, token = link.envelope_id[i].tobytes(), link.unlock_token[i].tobytes()
        key = unlock.envelope_key(
            unlock.envelope_secret(record.key, token),
            token,
            agreement_id=desk.signed.id,
            round=round_number,
            agency=desk.party,
            package_id=record.package_id,
            envelope_id=envelope,
        )
        sealed[envelope] = unlock.seal_envelope(unlock.pad(text, unlock.size_for(len(text), sizes)), key, envelope)
    histogram, totals = suppressed_histogram(mentions, person, desk.agreement, attributes)
    payload = ReleasePayload(
        agency=desk.party,
        round=round_number,
        unlock_key=record.key.public.hex(),
        package_id=record.package_id,
        sealed=sealed,
        histogram=histogram,
        totals=totals,
    )
    return payload, record


def _nothing_sealed(desk: Desk, round_number: int) -> None:
    for kind, role in ((PackageKind.LINK, PartyRole.LINKER), (PackageKind.RELEASE, PartyRole.ANALYST)):
        if desk.sent(kind, desk.agreement.sole(role), round_number):
            raise UsageError(
                f"What was approved in round {round_number} is sealed already and never changes.",
                remedy="Send the packages in outbox/. New data go into the next round.",
            )


def _stage(
    desk: Desk,
    round_number: int,
    link: LinkPayload,
    release: ReleasePayload,
    record: UnlockRecord,
    records: bytes,
    attacked: tuple[pa.Table, NDArray[np.int64], Findings],
) -> None:
    place = desk.folder.round(round_number)
    staged, locked_up = link.to_bytes(), release.to_bytes()
    digest = _pair_digest(staged, locked_up)
    everybody, people, found = attacked
    kept = {
        "private": record.key.private.hex(),
        "package_id": record.package_id,
        "staged_sha384": digest.hex(),
    }
    with locked(place / "staged"):
        # Somebody may have approved what was staged before while this run was at work.
        _nothing_sealed(desk, round_number)
        # The approval belongs to one staged pair: whatever is staged anew must be approved anew.
        (place / "approval").unlink(missing_ok=True)
        vault.keep(desk.keys, place / "records", _RECORDS, records)
        vault.keep(desk.keys, place / "staged-link", _LINK, staged)
        vault.keep(desk.keys, place / "staged-release", _RELEASE, locked_up)
        attacks.keep_people(desk, place, digest, everybody, people)
        attacks.keep_report(desk, place, digest, found)
        # Last, since its hash says that all before it is there: after a kill the parts would be of two runs.
        vault.keep(desk.keys, place / "unlock-key", _UNLOCK, json.dumps(kept).encode())


def _pair_digest(link: bytes, release: bytes) -> bytes:
    return sha384(sha384(link).digest() + sha384(release).digest()).digest()


def _records(
    mentions: pa.Table,
    person: NDArray[np.int32],
    people: NDArray[np.int64],
    envelope_id: NDArray[np.uint8],
) -> bytes:
    kept = {
        "records": dict(zip(mentions.column("record_id").to_pylist(), person.tolist(), strict=True)),
        "envelopes": {str(who): envelope_id[i].tobytes().hex() for i, who in enumerate(people.tolist())},
    }
    return json.dumps(kept).encode()


def _regrouped(table: pa.Table, people: NDArray[np.int64]) -> pa.Table:
    """The spelling rows of ``people`` only, in their order, with ``person`` numbered 0, 1, ... by it."""
    person = table.column("person").to_numpy()
    start = np.searchsorted(person, people, side="left")
    stop = np.searchsorted(person, people, side="right")
    rows = np.concatenate([np.arange(a, b) for a, b in zip(start, stop, strict=True)])
    renumbered = np.repeat(np.arange(len(people), dtype=np.int32), stop - start)
    taken = table.take(pa.array(rows))
    return taken.set_column(taken.column_names.index("person"), "person", pa.array(renumbered))


def _random_rows(rows: int, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(secrets.token_bytes(rows * width), dtype=np.uint8).reshape(rows, width).copy()
