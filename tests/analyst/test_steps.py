"""The analyst's step ``findings`` where something stands in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from juncture.analyst.steps import findings, propose, study_file
from juncture.analyst.study import write_study
from juncture.base.errors import MachineError, UsageError
from tests.analyst.unsure_world import unsure
from tests.exchange.parties import make_desks


def test_results_that_could_not_be_written_leave_no_earlier_proposal(tmp_path: Path) -> None:
    """What would be proposed is what lies in ``results/``, or nothing is."""
    analyst = make_desks(tmp_path)["analyst"]
    write_study(unsure(24, 3, draws=2), study_file(analyst))
    findings(analyst)
    proposal = analyst.folder.round(1) / "proposal.json"
    first = proposal.read_bytes()
    results = analyst.folder.root / "results"
    results.rename(tmp_path / "elsewhere")
    results.write_text("A note of somebody's.", encoding="utf-8")
    with pytest.raises(MachineError, match="a file is in the way") as caught:
        findings(analyst)
    assert str(results) in str(caught.value) and "Move the file" in caught.value.remedy
    assert not proposal.exists()
    with pytest.raises(UsageError, match="no findings to propose"):
        propose(analyst)
    results.unlink()
    findings(analyst)
    assert proposal.read_bytes() == first
