"""Attacks on what is staged: measured by ``share`` and ``juncture attack``, held against the agreement's ceiling.

The report (``attack-report.json`` in the round's private folder) holds counts and shares, no name. It is bound to one
staged pair by its SHA-384, and to the ledger by its own; approval asks for both.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from hashlib import sha384
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from juncture.agency.attack.dictionary import guessable_secrets
from juncture.agency.attack.outcome import Findings, Membership, Outcome
from juncture.agency.attack.run import attack, listings
from juncture.agency.attack.seen import Encoder, Index
from juncture.agency.encoding.encode import Encoding, encode
from juncture.base.errors import LimitReached, UsageError
from juncture.base.files import write_bytes
from juncture.base.report import Progress, silent
from juncture.exchange import ledger, vault
from juncture.exchange.desk import Desk
from juncture.exchange.ledger import Act

REPORT = "attack-report.json"
STAGED_PEOPLE = "staged-people"
_PURPOSE = "people whose encodings are staged"
_AGAIN = "Measure them again: `juncture attack`."


def encoder_of(desk: Desk) -> Encoder:
    """What encodes as the agreement of ``desk`` says, under any secret."""
    linkage = desk.agreement.linkage

    def make(table: pa.Table, secret: bytes) -> Encoding:
        return encode(
            table,
            secret=secret,
            project=desk.agreement.project,
            agreement_id=desk.signed.id,
            profile=linkage.profile.value,
            fields=tuple(field.value for field in linkage.fields),
        )

    return make


def measure(
    desk: Desk,
    package: Encoding,
    spellings: pa.Table,
    shared: Index,
    *,
    supplied: pa.Table | None = None,
    worst_case: bool = False,
    progress: Progress = silent,
) -> Findings:
    """Attack ``package``, the encodings of the people ``shared`` (in its order) of all those in ``spellings``.

    ``worst_case``: also by somebody who knows exactly who is in.
    """
    lists = listings(spellings, shared, supplied)
    return attack(
        package,
        [one for one in lists if one.counts or worst_case],
        encoder_of(desk),
        guesses=guessable_secrets(desk.agreement.project, desk.signed.id),
        rng=np.random.default_rng(),
        progress=progress,
    )


def keep_people(desk: Desk, place: Path, digest: bytes, spellings: pa.Table, shared: Index) -> None:
    """Keep, encrypted, what `juncture attack` needs until the round is sealed."""
    sink = io.BytesIO()
    facts = {"staged_sha384": digest.hex(), "shared": json.dumps(shared.tolist())}
    with pa.ipc.new_stream(sink, spellings.schema.with_metadata(facts)) as writer:
        writer.write_table(spellings.replace_schema_metadata(facts))
    vault.keep(desk.keys, place / STAGED_PEOPLE, _PURPOSE, sink.getvalue())


def recall_people(desk: Desk, place: Path, digest: bytes) -> tuple[pa.Table, Index]:
    """What :func:`keep_people` kept; ``UsageError`` where it is of another staged pair, or of one sealed since."""
    if not (place / STAGED_PEOPLE).is_file():
        raise UsageError(
            "There is nothing to attack: nothing is staged in this round, or it is sealed already.",
            remedy="Attacks are measured between `juncture agency share` and `juncture agency approve`.",
        )
    table = pa.ipc.open_stream(vault.recall(desk.keys, place / STAGED_PEOPLE, _PURPOSE)).read_all()
    facts = {key.decode(): text.decode() for key, text in (table.schema.metadata or {}).items()}
    if facts.get("staged_sha384") != digest.hex():
        raise UsageError(
            "What is staged is not whole: the run that staged it was stopped half-way.",
            remedy="Stage it again: `juncture agency share SOURCE.toml`.",
        )
    return table, np.array(json.loads(facts["shared"]), dtype=np.int64)


def keep_report(desk: Desk, place: Path, digest: bytes, found: Findings) -> float:
    """Write the report, note it in the ledger, and return the share beyond a guesser's that the ceiling is held to.

    That is the worst ever measured for this staged pair: to measure again does not make it better.
    """
    earlier = _read(place)
    before = float(earlier["beyond"]) if earlier and earlier["staged_sha384"] == digest.hex() else 0.0
    beyond = max(found.worst.beyond, before)
    report = {
        "format": 1,
        "staged_sha384": digest.hex(),
        "ceiling": desk.agreement.linkage.attack_ceiling,
        "beyond": beyond,
        "attack": found.worst.attack,
        "against": found.worst.against,
        **found.summary(),
    }
    content = (json.dumps(report, indent=1) + "\n").encode()
    write_bytes(place / REPORT, content)
    worst = found.worst
    desk.note(
        Act.ATTACK_MEASURED,
        file_sha384=sha384(content).hexdigest(),
        people_attacked=worst.people,
        people_identified=worst.identified,
        listed=worst.listed,
        beyond_guesser_per_million=round(1e6 * beyond),
    )
    return beyond


def within_ceiling(desk: Desk, place: Path, digest: bytes) -> tuple[str, ...]:
    """Raise ``LimitReached`` unless the attacks on this staged pair were measured and stay within the ceiling.

    Under an agreement marked ``rehearsal``, whose people are made up, a package above the ceiling is a warning, which
    is returned: what another profile does to the linkage can be tried there.
    """
    report = _read(place)
    if report is None or report["staged_sha384"] != digest.hex() or not _noted(desk, place):
        raise LimitReached("The attacks on what is staged have not been measured, so nothing may leave.", remedy=_AGAIN)
    ceiling = desk.agreement.linkage.attack_ceiling
    if report["beyond"] <= ceiling:
        return ()
    if desk.agreement.rehearsal:
        return (f"{too_weak(report['beyond'], ceiling)} This is a rehearsal, so it goes on.",)
    raise LimitReached(too_weak(report["beyond"], ceiling), remedy=REMEDY)


REMEDY = (
    "An agreement with the profile `tags` gives away least (docs/explanation/attacks-on-encodings.md); profile and "
    "ceiling are the agreement's, so all parties sign anew."
)


def too_weak(beyond: float, ceiling: float) -> str:
    """The sentence that says why nothing leaves."""
    return (
        f"{beyond:.2%} of the people in the link package can be identified beyond what a guesser could; the "
        f"agreement's ceiling (linkage.attack_ceiling) is {ceiling:.2%}. Nothing may leave."
    )


def rows(found: Findings) -> list[tuple[str, ...]]:
    """The table of a report, its head first."""
    head = ("attack", "list in the attacker's hand", "identified", "95 % interval", "a guesser", "ceiling")
    body = [
        (
            one.attack,
            one.against,
            f"{one.identified:,} of {one.people:,} ({one.share:.2%})",
            f"{one.interval[0]:.2%} to {one.interval[1]:.2%}",
            f"{one.guesser:.2%}",
            "held" if one.counts else "shown only",
        )
        for one in found.outcomes
    ]
    return [head, *body]


def sentences(found: Findings) -> tuple[str, ...]:
    """What the attacks mean, for who answers for privacy."""
    return (
        *(_in_words(one) for one in _worst_by_list(found).values()),
        *(_told(one) for one in found.memberships),
        *(("Only a random part of the package and of a long list was attacked.",) if found.sampled else ()),
    )


def _worst_by_list(found: Findings) -> Mapping[str, Outcome]:
    worst: dict[str, Outcome] = {}
    for one in found.outcomes:
        if one.against not in worst or one.share > worst[one.against].share:
            worst[one.against] = one
    return worst


def _in_words(one: Outcome) -> str:
    return (
        f"Somebody who holds this package and {one.against} ({one.listed:,} people) rightly names {one.identified:,} "
        f"of {one.people:,}; somebody who guesses from the list alone, {one.guesser * one.people:.1f} on "
        f"average and {one.luck} with luck."
    )


def _told(one: Membership) -> str:
    return (
        f"With {one.against}, one who is in the package looks likelier to be in it than one who is not "
        f"in {one.auc:.0%} of cases (guessing: 50 %); {one.hit_rate:.0%} are found while 1 % of the others are accused "
        "wrongly."
    )


def _read(place: Path) -> dict[str, Any] | None:
    try:
        report = json.loads((place / REPORT).read_bytes())
        return {"beyond": float(report["beyond"]), "staged_sha384": str(report["staged_sha384"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _noted(desk: Desk, place: Path) -> bool:
    """Whether the report is the last that the ledger knows of."""
    noted = [entry for entry in ledger.verify(desk.folder.ledger).entries if entry.act is Act.ATTACK_MEASURED]
    return bool(noted) and noted[-1].file_sha384 == sha384((place / REPORT).read_bytes()).hexdigest()
