"""The checker's steps on real desks: read before deciding, send back, release once."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from juncture.base.errors import AgreementForbids, PackageRefused, UsageError
from juncture.checker.steps import approve, refuse, release, review
from juncture.exchange.canonical import read_canonical
from juncture.exchange.desk import Desk
from juncture.exchange.header import PackageKind
from juncture.formats.tables import Column, ColumnKind, Proposal, ProposedRow, ProposedTable
from tests.exchange.parties import make_desks

COLUMNS = (Column("stage", "Stage", ColumnKind.LABEL), Column("people", "People", ColumnKind.PEOPLE))


def propose(desks: dict[str, Desk], *people: int) -> None:
    rows = tuple(ProposedRow((f"stage {i}", n), (n,)) for i, n in enumerate(people))
    sent = Proposal("small-town", 1, {"method": "Words."}, (ProposedTable("flow", "Flow", "", COLUMNS, rows),))
    package = desks["analyst"].send(PackageKind.PROPOSAL, "checker", 1, sent.to_bytes())
    shutil.copyfile(package.path, desks["checker"].folder.inbox / package.path.name)


def decisions(desk: Desk) -> list[Path]:
    return sorted(desk.folder.outbox.glob("*-decision-*"))


def test_what_would_be_released_is_read_before_deciding(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    checker = desks["checker"]
    propose(desks, 52, 4)
    review(checker)
    seen = checker.folder.root / "review" / "round-1"
    text = (seen / "flow.csv").read_text(encoding="utf-8")
    assert text == "stage,people,hidden\nstage 0,50,\nstage 1,,fewer than 11 people\n"
    assert "<html" in (seen / "report.html").read_text(encoding="utf-8")
    approve(checker)
    release(checker, tmp_path / "public")
    assert (tmp_path / "public" / "flow.csv").read_bytes() == (seen / "flow.csv").read_bytes()


def test_nothing_is_approved_unseen_and_a_newer_proposal_is_seen_anew(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    propose(desks, 52)
    with pytest.raises(UsageError, match="has not been reviewed"):
        approve(desks["checker"])
    review(desks["checker"])
    propose(desks, 53)
    with pytest.raises(UsageError, match="has not been reviewed"):
        approve(desks["checker"])


def test_what_is_refused_is_not_released_and_may_be_proposed_again(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    checker = desks["checker"]
    propose(desks, 52)
    review(checker)
    approve(checker)
    refuse(checker)
    with pytest.raises(UsageError, match="Nothing is approved"):
        release(checker, tmp_path / "public")
    assert not (tmp_path / "public").exists()
    propose(desks, 60)
    review(checker)
    approve(checker)
    release(checker, tmp_path / "public")
    assert len(decisions(checker)) == 3


def test_run_twice_it_sends_one_decision_and_registers_one_release(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    checker, public = desks["checker"], tmp_path / "public"
    propose(desks, 52)
    for _ in range(2):
        review(checker)
        approve(checker)
        release(checker, public)
    assert len(decisions(checker)) == 1
    (line,) = (public / "register.jsonl").read_bytes().splitlines()
    entry = read_canonical(line)
    assert entry["purpose"] == "service_improvement_research"
    assert entry["before"] == hashlib.sha384(b"").hexdigest()
    (public / "register.jsonl").write_bytes(line.replace(b"small-town", b"other-town") + b"x\n")
    with pytest.raises(PackageRefused, match="changed by another hand"):
        release(checker, public)


def test_what_was_hidden_once_stays_hidden_through_every_later_approval(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    for people in ((52, 4), (52,), (52, 40)):
        propose(desks, *people)
        review(desks["checker"])
        approve(desks["checker"])
    text = (desks["checker"].folder.root / "review" / "round-1" / "flow.csv").read_text(encoding="utf-8")
    assert "hidden in an earlier release" in text


def test_the_author_of_results_cannot_check_them(tmp_path: Path) -> None:
    desks = make_desks(tmp_path, one_holder=("analyst", "checker"))
    propose(desks, 52)
    with pytest.raises(AgreementForbids, match="cannot check"):
        review(desks["checker"])


def test_the_report_says_where_one_holder_plays_linker_and_analyst(tmp_path: Path) -> None:
    for name, same in (("apart", None), ("same", ("linker", "analyst"))):
        desks = make_desks(tmp_path / name, one_holder=same)
        propose(desks, 52)
        review(desks["checker"])
        text = (desks["checker"].folder.root / "review" / "round-1" / "report.html").read_text(encoding="utf-8")
        assert ("One protection is gone" in text) == (same is not None)
