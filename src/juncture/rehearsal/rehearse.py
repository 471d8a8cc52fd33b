"""A rehearsal: the whole protocol on one machine, real packages between real folders.

The order of this file is the order of the protocol; every line calls the public function of one room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from juncture.agency import secret as agency_secret
from juncture.agency import share as agency_share
from juncture.agency.grant import grant
from juncture.agency.intake.source import read_source
from juncture.agreement.model import Agreement
from juncture.agreement.read import read_agreement
from juncture.agreement.vocabulary import PartyRole
from juncture.analyst import request as analyst_request
from juncture.analyst import steps as analyst_steps
from juncture.base.errors import AgreementForbids, UsageError
from juncture.base.report import Progress, StepReport, silent
from juncture.checker import steps as checker_steps
from juncture.exchange.new_folder import must_be_free, new_folder
from juncture.linker import link as linker_link
from juncture.linker.ticket import ticket
from juncture.rehearsal.audit import write_audit
from juncture.rehearsal.parties import Stage, set_the_stage

ROUND = 1
#: ``told(party, report)`` is called after every step.
Told = Callable[[str, StepReport], None]


def _nobody_told(party: str, report: StepReport) -> None:
    """A listener that shows nothing."""


@dataclass(frozen=True)
class Rehearsal:
    """Where a rehearsal ended: its folder, the public report, the audit where one was asked for."""

    folder: Path
    report: Path
    audit: Path | None


def rehearse(
    sources: Sequence[Path],
    agreement_file: Path,
    out: Path,
    *,
    audit: bool = False,
    today: date | None = None,
    told: Told = _nobody_told,
    progress: Progress = silent,
) -> Rehearsal:
    """Run the protocol over ``sources`` (a source file an agency) into the new folder ``out``.

    ``agreement_file`` is an unsigned draft; keys are made and filled in. The work is done beside ``out`` and renamed at
    the end; where a step fails, nothing is left. Raises ``UsageError`` for a folder that is not empty, else as the
    steps do.
    """
    must_be_free(out)
    draft = _draft(agreement_file, audit=audit)
    by_agency = _one_a_party(sources, draft)
    with new_folder(out) as work:
        stage = set_the_stage(work, draft, today=today or datetime.now(UTC).date())
        groups = run_protocol(stage, by_agency, work / "public", audit=audit, told=told, progress=progress)
        if groups is not None:
            analyst = stage.desk(PartyRole.ANALYST)
            write_audit(work / "audit" / "records.csv", stage.agencies, analyst, groups, round_number=ROUND)
    return Rehearsal(
        folder=out,
        report=out / "public" / "report.html",
        audit=out / "audit" / "records.csv" if audit else None,
    )


def run_protocol(
    stage: Stage,
    sources: Mapping[str, Path],
    public: Path,
    *,
    audit: bool = False,
    told: Told = _nobody_told,
    progress: Progress = silent,
) -> linker_link.Groups | None:
    """Play every party in the order of the protocol; ``sources`` maps each agency to its source file.

    Returns the linker's best matching where an audit was asked for, else None.
    """
    linker, analyst, checker = (stage.desk(r) for r in (PartyRole.LINKER, PartyRole.ANALYST, PartyRole.CHECKER))

    # 1. The agencies make one linkage secret that linker and analyst never hold.
    for step in (agency_secret.commit, agency_secret.reveal, agency_secret.confirm, agency_secret.compare):
        for desk in stage.agencies:
            told(desk.party, step(desk))
        stage.carry()

    # 2. Each agency finds its people, de-identifies, and a second person approves.
    for desk in stage.agencies:
        prefixed = _prefixed(progress, desk.party)
        told(
            desk.party,
            agency_share.share(desk, sources[desk.party], round_number=ROUND, everyone=audit, progress=prefixed),
        )
        told(desk.party, agency_share.approve(desk, stage.approvers[desk.party], round_number=ROUND))
    stage.carry()

    # 3. The linker links encodings and chooses the cohort by the signed rule.
    linked = linker_link.link(linker, round_number=ROUND, audit=audit, progress=_prefixed(progress, linker.party))
    told(linker.party, linked.report)
    stage.carry()

    # 4. The analyst asks blindly, the linker tickets, each agency answers within the quota.
    told(analyst.party, analyst_request.request(analyst, round_number=ROUND))
    stage.carry()
    told(linker.party, ticket(linker, round_number=ROUND))
    stage.carry()
    told(analyst.party, analyst_request.send_requests(analyst, round_number=ROUND))
    stage.carry()
    for desk in stage.agencies:
        told(desk.party, grant(desk, round_number=ROUND))
    stage.carry()

    # 5. The study.
    prefixed = _prefixed(progress, analyst.party)
    told(analyst.party, analyst_steps.unlock(analyst, round_number=ROUND, progress=prefixed))
    told(analyst.party, analyst_steps.findings(analyst, round_number=ROUND, progress=prefixed))
    told(analyst.party, analyst_steps.propose(analyst, round_number=ROUND))
    stage.carry()

    # 6. The checker decides what the public sees.
    told(checker.party, checker_steps.review(checker, round_number=ROUND))
    told(checker.party, checker_steps.approve(checker, round_number=ROUND))
    told(checker.party, checker_steps.release(checker, public, round_number=ROUND))
    stage.carry()
    return linked.groups


def _draft(agreement_file: Path, *, audit: bool) -> Agreement:
    draft = read_agreement(agreement_file)
    if audit and not draft.rehearsal:
        raise AgreementForbids(
            "Only an agreement marked `rehearsal = true` may be audited: an audit joins what no party may join.",
            remedy="Rehearse without --audit, or mark the draft.",
        )
    # Whatever the draft says, what is signed here is signed with keys that nobody keeps.
    return Agreement.model_validate(draft.model_dump() | {"rehearsal": True})


def _one_a_party(sources: Sequence[Path], draft: Agreement) -> dict[str, Path]:
    by_agency: dict[str, Path] = {}
    for path in sources:
        agency = read_source(path).agency
        if agency not in draft.agencies:
            raise UsageError(
                f"{path.name} is of {agency}; the agencies of the agreement are {', '.join(draft.agencies)}."
            )
        if agency in by_agency:
            raise UsageError(f"{path.name} and {by_agency[agency].name} are both of {agency}.")
        by_agency[agency] = path
    missing = [agency for agency in draft.agencies if agency not in by_agency]
    if missing:
        raise UsageError(f"There is no source file of {', '.join(missing)}.", remedy="Name one for every agency.")
    return by_agency


def _prefixed(progress: Progress, party: str) -> Progress:
    return lambda label, done, total: progress(f"{party}: {label}", done, total)
