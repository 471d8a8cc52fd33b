"""The checker's steps: look at what is proposed, decide, release.

Only :func:`release` writes into a public folder, and only tables that :func:`juncture.checker.disclosure.control`
made. The register there says what was released, when, under which agreement, signed by the checker.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

from juncture import __version__
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, PackageRefused, UsageError
from juncture.base.files import read_limited, write_bytes, write_text
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
    """What disclosure control would leave of the proposal: rows shown and hidden, a table each."""
    _different_keys(desk)
    proposal = _proposal(desk, round_number)
    tables = _controlled(desk, proposal)
    desk.note(Act.REVIEWED, tables=len(tables))
    counts = {
        f"{table.title}: rows shown, hidden": f"{table.hidden.count('')}, {len(table.hidden) - table.hidden.count('')}"
        for table in tables
    }
    return StepReport(
        title=f"Reviewed the proposal of round {round_number}",
        counts=counts,
        notes=("Rows are hidden by the agreement's threshold, and where a hidden row could be worked out.",),
        next_command="juncture checker approve",
    )


def approve(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Decide that the controlled tables may be released, and tell the analyst."""
    _different_keys(desk)
    proposal = _proposal(desk, round_number)
    tables = _controlled(desk, proposal)
    place = desk.folder.round(round_number)
    for table in tables:
        write_bytes(place / f"approved-{table.name}.json", table.to_bytes())
    write_bytes(
        place / "approved.json", canonical_bytes({"tables": [t.name for t in tables], "facts": dict(proposal.facts)})
    )
    desk.note(Act.DECIDED, tables=len(tables))
    decision = {
        "decision": "approved",
        "round": round_number,
        "tables": {t.name: hashlib.sha384(t.to_bytes()).hexdigest() for t in tables},
    }
    analyst = desk.agreement.sole(PartyRole.ANALYST)
    package = desk.send(PackageKind.DECISION, analyst, round_number, canonical_bytes(decision))
    return StepReport(
        title=f"Approved {len(tables)} tables of round {round_number}",
        files=written(package),
        next_command="juncture checker release PUBLIC_FOLDER",
    )


def release(desk: Desk, public: Path, *, round_number: int = 1) -> StepReport:
    """Write the approved tables, the report and the register into the folder ``public``."""
    place = desk.folder.round(round_number)
    if not (place / "approved.json").is_file():
        raise UsageError("Nothing is approved for this round.", remedy="`juncture checker approve` decides.")
    try:
        approved = read_canonical(read_limited(place / "approved.json", MAX_TABLE))
        names, facts = approved["tables"], approved["facts"]
        assert isinstance(names, list) and isinstance(facts, dict)
        tables = [ReleasedTable.from_bytes(read_limited(place / f"approved-{n}.json", MAX_TABLE)) for n in names]
    except (ValueError, KeyError, AssertionError) as error:
        raise PackageRefused("What was approved is damaged.", remedy="Approve the proposal again.") from error
    public.mkdir(parents=True, exist_ok=True)
    files = [WrittenFile(write_text(public / f"{t.name}.csv", _csv(t), private=False)) for t in tables]
    report = report_html(
        desk.agreement,
        desk.signed.id,
        {table.name: table for table in tables},
        {str(key): str(value) for key, value in facts.items()},
        released_on=desk.today,
        version=__version__,
    )
    path = write_text(public / "report.html", report, private=False)
    files.append(WrittenFile(path, hashlib.sha384(path.read_bytes()).hexdigest()))
    files.append(WrittenFile(_register(desk, public, round_number, [f.path for f in files])))
    desk.note(Act.RELEASED, tables=len(tables))
    return StepReport(
        title=f"Released round {round_number}",
        counts={"tables": len(tables)},
        files=tuple(files),
        notes=("report.html is one file that opens in any browser and needs no network.",),
    )


def _register(desk: Desk, public: Path, round_number: int, files: list[Path]) -> Path:
    """Add a signed line to ``register.jsonl``: what was released, when, under which agreement and purpose."""
    entry: dict[str, object] = {
        "version": 1,
        "project": desk.agreement.project,
        "purpose": desk.agreement.purpose.value,
        "agreement_id": desk.signed.id,
        "round": round_number,
        "released": desk.today.isoformat(),
        "files": {path.name: hashlib.sha384(path.read_bytes()).hexdigest() for path in files},
    }
    signature = sign(desk.keys, REGISTER_LABEL, canonical_bytes(entry)).hex()
    path = public / "register.jsonl"
    before = path.read_bytes() if path.is_file() else b""
    return write_bytes(path, before + canonical_bytes({**entry, "signature": signature}) + b"\n", private=False)


def _different_keys(desk: Desk) -> None:
    analyst = desk.agreement.party[desk.agreement.sole(PartyRole.ANALYST)]
    if analyst.keys == desk.agreement.party[desk.party].keys:
        raise AgreementForbids(
            "The author of results cannot check them: analyst and checker hold the same keys.",
            remedy="Give the checker keys of their own in the agreement.",
        )


def _proposal(desk: Desk, round_number: int) -> Proposal:
    analyst = desk.agreement.sole(PartyRole.ANALYST)
    proposal = Proposal.from_bytes(desk.take(PackageKind.PROPOSAL, analyst, round_number).payload)
    if (proposal.project, proposal.round) != (desk.agreement.project, round_number):
        raise PackageRefused("The proposal says that it is of another project or round.")
    return proposal


def _controlled(desk: Desk, proposal: Proposal) -> list[ReleasedTable]:
    rule = desk.agreement.disclosure
    earlier = [
        ReleasedTable.from_bytes(read_limited(path, MAX_TABLE))
        for path in sorted(desk.folder.private.glob("round-*/approved-*.json"))
    ]
    return [
        control(table, threshold=rule.threshold, round_to=rule.round_to, earlier=earlier) for table in proposal.tables
    ]


def _csv(table: ReleasedTable) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(column.name for column in table.columns), "hidden"])
    for row, why in zip(table.rows, table.hidden, strict=True):
        writer.writerow(["" if cell is None else _cell(cell) for cell in row] + [why])
    return text.getvalue()


def _cell(cell: str | int | float) -> str:
    if isinstance(cell, float):
        return f"{cell:.6g}"
    # A leading sign of a formula would be run by a spreadsheet.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else str(cell)
