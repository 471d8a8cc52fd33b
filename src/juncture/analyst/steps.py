"""The analyst's steps after the grants: unlock into a study, compute findings, propose tables to the checker."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from juncture.agreement.vocabulary import PartyRole
from juncture.analyst.completeness import FILE, read_completeness
from juncture.analyst.findings.compute import compute_findings
from juncture.analyst.findings.files import write_results
from juncture.analyst.open import open_round
from juncture.analyst.proposal import proposal
from juncture.analyst.study.build import build_study
from juncture.analyst.study.duckdb_file import open_study, write_study
from juncture.analyst.study.model import Everyone
from juncture.base.errors import UsageError
from juncture.base.files import read_limited, write_bytes
from juncture.base.folder import PartyFolder
from juncture.base.report import Progress, StepReport, WrittenFile, silent
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act

#: The study's name in the analyst's folder.
STUDY = "study.duckdb"
MAX_PROPOSAL = 64 << 20


def study_file(desk: Desk) -> Path:
    """Where the study lies."""
    return desk.folder.root / STUDY


def unlock(desk: Desk, *, round_number: int = 1, progress: Progress = silent) -> StepReport:
    """Open the cohort's envelopes and join each person's contacts on one shifted clock: ``study.duckdb``."""
    unlocked = open_round(desk, round_number=round_number, progress=progress)
    everyone = {agency: Everyone(rows, unlocked.totals[agency]) for agency, rows in unlocked.histograms.items()}
    study = build_study(desk.agreement, unlocked.cohort, unlocked.timelines, everyone)
    path = write_study(study, study_file(desk))
    desk.note(Act.STUDIED, people=unlocked.cohort.people)
    return StepReport(
        title=f"Unlocked round {round_number}",
        counts={
            "people in the cohort": unlocked.cohort.people,
            "envelopes opened": len(unlocked.timelines),
            "envelopes that did not open": unlocked.failed,
        },
        notes=("Which envelopes fail is never told to an agency.",),
        files=(WrittenFile(path),),
        next_command="juncture analyst findings",
    )


def findings(desk: Desk, *, round_number: int = 1, progress: Progress = silent) -> StepReport:
    """Compute every finding of the study: internal tables in ``results/`` and a proposal for the checker."""
    study = open_study(study_file(desk))
    completeness = read_completeness(desk.folder.root / FILE, desk.agreement.agencies)
    found = compute_findings(
        study, seed=round_seed(desk.folder, round_number), completeness=completeness, progress=progress
    )
    proposed = proposal(found, study, round_number).to_bytes()
    # A run that ends between the two leaves no proposal, rather than an earlier one beside newer results.
    _proposal_file(desk, round_number).unlink(missing_ok=True)
    files = write_results(found, desk.folder.root / "results")
    write_bytes(_proposal_file(desk, round_number), proposed)
    return StepReport(
        title="Computed the findings",
        notes=(f"Used what {FILE} says of {', '.join(completeness)}.",) if completeness else (),
        files=tuple(WrittenFile(path) for path in files),
        warnings=("results/ is internal and unsuppressed: nothing of it leaves but through the checker.",),
        next_command="juncture analyst propose",
    )


def propose(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Send the proposed tables, with the number of people behind each row, to the checker."""
    path = _proposal_file(desk, round_number)
    if not path.is_file():
        raise UsageError("There are no findings to propose yet.", remedy="`juncture analyst findings` computes them.")
    checker = desk.agreement.sole(PartyRole.CHECKER)
    payload = read_limited(path, MAX_PROPOSAL)
    package = desk.send(PackageKind.PROPOSAL, checker, round_number, payload)
    desk.note(Act.PROPOSED, file_sha384=hashlib.sha384(payload).hexdigest())
    return StepReport(
        title=f"Proposed the findings of round {round_number}",
        files=written(package),
        notes=(f"Send it to {checker}.",),
        next_command="juncture status",
    )


def _proposal_file(desk: Desk, round_number: int) -> Path:
    return desk.folder.round(round_number) / "proposal.json"


def round_seed(folder: PartyFolder, round_number: int) -> int:
    """The seed of resampling, drawn once a round, so that findings computed again are the same."""
    path = folder.round(round_number) / "seed"
    if not path.is_file():
        write_bytes(path, str(secrets.randbits(63)).encode())
    return int(path.read_text(encoding="ascii"))
