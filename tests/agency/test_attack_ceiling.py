"""The agreement's ceiling: above it a real package stays, and a rehearsal, whose people are made up, says so."""

from __future__ import annotations

from datetime import date
from hashlib import sha384
from pathlib import Path

import pytest

from juncture.agency.attack.outcome import Findings, Outcome
from juncture.agency.attack.staged import keep_report, within_ceiling
from juncture.agreement.read import read_agreement
from juncture.base.errors import LimitReached
from juncture.exchange.desk import Desk
from juncture.rehearsal.city import build_city
from juncture.rehearsal.parties import set_the_stage

PAIR = sha384(b"the staged pair").digest()


def found(identified: int) -> Findings:
    """So many of 100 people named from a list of 300."""
    return Findings(
        (Outcome("graph matching", "everybody in the export", 100, 300, identified, 1 / 300, True),), (), False
    )


@pytest.fixture(params=[True, False], ids=["rehearsal", "real"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    city = build_city(tmp_path / "city", seed=1, people=200)
    text = city.agreement.read_text(encoding="utf-8")
    assert "rehearsal = true" in text
    if not request.param:
        city.agreement.write_text(text.replace("rehearsal = true", "rehearsal = false"), encoding="utf-8")
    stage = set_the_stage(tmp_path / "run", read_agreement(city.agreement), today=date(2026, 11, 24))
    return stage.agencies[0]


def test_above_the_ceiling_nothing_real_leaves(desk: Desk) -> None:
    place = desk.folder.round(1)
    place.mkdir(parents=True, exist_ok=True)
    keep_report(desk, place, PAIR, found(40))
    if desk.agreement.rehearsal:
        assert "This is a rehearsal" in "".join(within_ceiling(desk, place, PAIR))
    else:
        with pytest.raises(LimitReached, match="Nothing may leave"):
            within_ceiling(desk, place, PAIR)
    # A lucky measurement of the same staged pair does not take a bad one back.
    keep_report(desk, place, PAIR, found(0))
    if not desk.agreement.rehearsal:
        with pytest.raises(LimitReached):
            within_ceiling(desk, place, PAIR)


def test_a_report_of_another_pair_counts_as_none(desk: Desk) -> None:
    place = desk.folder.round(1)
    place.mkdir(parents=True, exist_ok=True)
    keep_report(desk, place, PAIR, found(0))
    assert within_ceiling(desk, place, PAIR) == ()
    with pytest.raises(LimitReached, match="not been measured"):
        within_ceiling(desk, place, sha384(b"another").digest())
