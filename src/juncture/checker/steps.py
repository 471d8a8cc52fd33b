"""The checker's steps: look at what is proposed, decide, release.

Only :func:`release` writes into a public folder, and only tables that :func:`juncture.checker.disclosure.control`
made. The register there says what was released, when, under which agreement, signed by the checker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from juncture import __version__
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, PackageRefused, UsageError
from juncture.base.files import csv_text, private_dir, read_limited, write_bytes, write_text
from juncture.base.report import StepReport, WrittenFile
from juncture.checker.disclosure import control
from juncture.exchange.canonical import canonical_bytes, read_canonical
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.signing import sign
from juncture.formats.tables import Proposal, ReleasedTable
from juncture.pages.report import report_html

REGISTER_LABEL = "register 1"
MAX_TABLE = 64 << 20


def review(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Write what would be released into ``review/`` of the checker's own folder, to be read before deciding."""
    _different_keys(desk)
    proposal, digest = _proposal(desk, round_number)
    tables = _controlled(desk, proposal)
    write_text(_reviewed(desk, round_number), digest)
    desk.note(Act.REVIEWED, file_sha384=digest, tables=len(tables))
    counts = {
        f"{table.title}: rows shown, hidden": f"{table.hidden.count('')}, {len(table.hidden) - table.hidden.count('')}"
        for table in tables
    }
    files = _write_tables(desk, private_dir(_review_folder(desk, round_number)), tables, proposal.facts, private=True)
    return StepReport(
        title=f"Reviewed the proposal of round {round_number}",
        counts=counts,
        notes=(
            "Rows are hidden by the agreement's threshold, and where a hidden row could be worked out.",
            "Read the report in review/ before you decide; it is what the public would see.",
            "`juncture checker refuse` sends the proposal back.",
        ),
        files=tuple(files),
        next_command="juncture checker approve",
    )


def approve(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Decide that the controlled tables may be released, and tell the analyst.

    Raises ``UsageError`` where the newest proposal is not the one that was reviewed.
    """
    _different_keys(desk)
    proposal, digest = _proposal(desk, round_number)
    reviewed = _reviewed(desk, round_number)
    if not reviewed.is_file() or reviewed.read_text(encoding="utf-8") != digest:
        raise UsageError(
            f"The newest proposal of round {round_number} has not been reviewed.",
            remedy="`juncture checker review` shows what would be released.",
        )
    tables = _controlled(desk, proposal)
    place = desk.folder.round(round_number)
    for table in tables:
        content = table.to_bytes()
        write_bytes(place / f"approved-{table.name}.json", content)
        # Kept for good, whatever is approved later: what was hidden once stays hidden.
        write_bytes(private_dir(_history(desk)) / f"{hashlib.sha384(content).hexdigest()[:32]}.json", content)
    write_bytes(
        place / "approved.json", canonical_bytes({"tables": [t.name for t in tables], "facts": dict(proposal.facts)})
    )
    desk.note(Act.DECIDED, tables=len(tables))
    hashes = {table.name: hashlib.sha384(table.to_bytes()).hexdigest() for table in tables}
    return StepReport(
        title=f"Approved {len(tables)} tables of round {round_number}",
        files=_decide(desk, round_number, {"decision": "approved", "proposal": digest, "tables": hashes}),
        next_command="juncture checker release PUBLIC_FOLDER",
    )


def refuse(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Send the proposal back to the analyst: nothing of it may be released. What to change is said by telephone."""
    _different_keys(desk)
    _, digest = _proposal(desk, round_number)
    _reviewed(desk, round_number).unlink(missing_ok=True)
    (desk.folder.round(round_number) / "approved.json").unlink(missing_ok=True)
    desk.note(Act.DECIDED, file_sha384=digest, tables=0)
    return StepReport(
        title=f"Refused the proposal of round {round_number}",
        files=_decide(desk, round_number, {"decision": "refused", "proposal": digest, "tables": {}}),
        notes=("The analyst may propose again.",),
        next_command="juncture status",
    )


def _decide(desk: Desk, round_number: int, decision: dict[str, object]) -> tuple[WrittenFile, ...]:
    """Send the decision to the analyst, once: run again with the same one, nothing new is sent."""
    content = canonical_bytes({**decision, "round": round_number})
    path = desk.folder.round(round_number) / "decision.json"
    if path.is_file() and path.read_bytes() == content:
        return ()
    package = desk.send(PackageKind.DECISION, desk.agreement.sole(PartyRole.ANALYST), round_number, content)
    write_bytes(path, content)
    return written(package)


def release(desk: Desk, public: Path, *, round_number: int = 1) -> StepReport:
    """Write the approved tables, the report and the register into the folder ``public``."""
    place = desk.folder.round(round_number)
    if not (place / "approved.json").is_file():
        raise UsageError("Nothing is approved for this round.", remedy="`juncture checker approve` decides.")
    try:
        approved = read_canonical(read_limited(place / "approved.json", MAX_TABLE))
        names, facts = approved["tables"], approved["facts"]
        if not isinstance(names, list) or not isinstance(facts, dict):
            raise ValueError("its parts are of other types")
        tables = [ReleasedTable.from_bytes(read_limited(place / f"approved-{n}.json", MAX_TABLE)) for n in names]
    except (ValueError, KeyError) as error:
        raise PackageRefused("What was approved is damaged.", remedy="Approve the proposal again.") from error
    public.mkdir(parents=True, exist_ok=True)
    told = {str(key): str(value) for key, value in facts.items()}
    files = _write_tables(desk, public, tables, told, private=False)
    files.append(WrittenFile(_register(desk, public, round_number, [f.path for f in files])))
    desk.note(Act.RELEASED, tables=len(tables))
    return StepReport(
        title=f"Released round {round_number}",
        counts={"tables": len(tables)},
        files=tuple(files),
        notes=("report.html is one file that opens in any browser and needs no network.",),
    )


def _write_tables(
    desk: Desk, folder: Path, tables: Sequence[ReleasedTable], facts: Mapping[str, str], *, private: bool
) -> list[WrittenFile]:
    """Write each table as csv, and the report that draws them, into ``folder``."""
    files = [WrittenFile(write_text(folder / f"{table.name}.csv", _csv(table), private=private)) for table in tables]
    report = report_html(
        desk.agreement,
        desk.signed.id,
        {table.name: table for table in tables},
        facts,
        released_on=desk.today,
        version=__version__,
        one_linker_analyst=desk.signed.one_holder(PartyRole.LINKER, PartyRole.ANALYST),
    )
    path = write_text(folder / "report.html", report, private=private)
    return [*files, WrittenFile(path, hashlib.sha384(path.read_bytes()).hexdigest())]


def _review_folder(desk: Desk, round_number: int) -> Path:
    return desk.folder.root / "review" / f"round-{round_number}"


def _register(desk: Desk, public: Path, round_number: int, files: list[Path]) -> Path:
    """Add a signed line to ``register.jsonl``: what was released, when, under which agreement and purpose, and the
    SHA-384 of all that stood ``before``, so that no line can be dropped or moved.

    The very same release a second time adds nothing.
    """
    entry: dict[str, object] = {
        "version": 1,
        "project": desk.agreement.project,
        "purpose": desk.agreement.purpose.value,
        "agreement_id": desk.signed.id,
        "round": round_number,
        "released": desk.today.isoformat(),
        "files": {path.name: hashlib.sha384(path.read_bytes()).hexdigest() for path in files},
    }
    path = public / "register.jsonl"
    before = path.read_bytes() if path.is_file() else b""
    if before:
        try:
            last = read_canonical(before.splitlines()[-1])
        except ValueError as error:
            raise PackageRefused(
                f"{path.name} in {public} was changed by another hand.",
                remedy="Put the register back as it was released.",
            ) from error
        if {key: value for key, value in last.items() if key not in ("before", "signature")} == entry:
            return path
    entry["before"] = hashlib.sha384(before).hexdigest()
    signature = sign(desk.keys, REGISTER_LABEL, canonical_bytes(entry)).hex()
    return write_bytes(path, before + canonical_bytes({**entry, "signature": signature}) + b"\n", private=False)


def _different_keys(desk: Desk) -> None:
    if desk.signed.one_holder(PartyRole.ANALYST, PartyRole.CHECKER):
        raise AgreementForbids(
            "The author of results cannot check them: analyst and checker hold the same keys.",
            remedy="Give the checker keys of their own in the agreement.",
        )


def _history(desk: Desk) -> Path:
    return desk.folder.private / "approved-tables"


def _reviewed(desk: Desk, round_number: int) -> Path:
    return desk.folder.round(round_number) / "reviewed.sha384"


def _proposal(desk: Desk, round_number: int) -> tuple[Proposal, str]:
    """The newest proposal, and the SHA-384 of its content in hex."""
    analyst = desk.agreement.sole(PartyRole.ANALYST)
    payload = desk.take(PackageKind.PROPOSAL, analyst, round_number).payload
    proposal = Proposal.from_bytes(payload)
    if (proposal.project, proposal.round) != (desk.agreement.project, round_number):
        raise PackageRefused("The proposal says that it is of another project or round.")
    return proposal, hashlib.sha384(payload).hexdigest()


def _controlled(desk: Desk, proposal: Proposal) -> list[ReleasedTable]:
    rule = desk.agreement.disclosure
    earlier = [
        ReleasedTable.from_bytes(read_limited(path, MAX_TABLE)) for path in sorted(_history(desk).glob("*.json"))
    ]
    return [
        control(table, threshold=rule.threshold, round_to=rule.round_to, earlier=earlier) for table in proposal.tables
    ]


def _csv(table: ReleasedTable) -> str:
    rows = (
        ["" if cell is None else _cell(cell) for cell in row] + [why]
        for row, why in zip(table.rows, table.hidden, strict=True)
    )
    return csv_text([*(column.name for column in table.columns), "hidden"], rows)


def _cell(cell: str | int | float) -> str:
    if isinstance(cell, float):
        return f"{cell:.6g}"
    # A leading sign of a formula would be run by a spreadsheet.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else str(cell)
