"""The committed reference pages are what the code says, and the form of an agreement is one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from juncture.agreement.library import form_text
from juncture.agreement.read import parse_agreement

ROOT = Path(__file__).resolve().parents[2]


def generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "tools" / "docs_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.pages())


@pytest.mark.parametrize(
    "name", ["agreement.md", "command-line.md", "exit-codes.md", "package-format.md", "results.md"]
)
def test_the_committed_page_is_what_the_code_says(name: str) -> None:
    committed = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert committed == generated()[name], "run: python tools/docs_reference.py"


def test_the_form_of_an_agreement_is_a_draft_of_one() -> None:
    form = parse_agreement(form_text())
    assert form.is_draft
    assert not form.rehearsal
