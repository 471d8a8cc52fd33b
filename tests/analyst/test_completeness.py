"""``completeness.toml``: an audit of how whole the agencies' files are."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from juncture.analyst.completeness import read_completeness
from juncture.analyst.findings.model import Stratum
from juncture.base.errors import InputError

AGENCIES = ("clinic", "police")


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "completeness.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_completeness(tmp_path / "completeness.toml", AGENCIES) == {}


def test_counts_become_the_posterior_of_jeffreys(tmp_path: Path) -> None:
    path = written(tmp_path, "[clinic.all]\nfound = 36\nchecked = 40\n[clinic.women]\nfound = 20\nchecked = 24\n")
    known = read_completeness(path, AGENCIES)
    assert set(known) == {"clinic"}
    # Oracle: the mean of a beta distribution, (found + 1/2) / (checked + 1).
    assert known["clinic"][Stratum.ALL].value == pytest.approx(36.5 / 41, abs=1e-12)
    assert known["clinic"][Stratum.WOMEN].value == pytest.approx(20.5 / 25, abs=1e-12)
    low, high = stats.beta(36.5, 4.5).ppf([0.025, 0.975])
    assert known["clinic"][Stratum.ALL].high / known["clinic"][Stratum.ALL].low == pytest.approx(high / low, abs=0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[clinic.all]\nfound = 41\nchecked = 40\n", "clinic.all: more were found than checked"),
        ("[clinic.all]\nfound = 3\nchecked = 0\n", "clinic.all.checked: must be at least 1"),
        ("[clinic.all]\nfound = -3\nchecked = 4\n", "clinic.all.found: must be at least 0"),
        ("[clinic.all]\nfound = 3\n", "clinic.all.checked: is missing"),
        ("[clinic.all]\nfound = 3.5\nchecked = 4\n", "clinic.all.found: must be a whole number"),
        ("[clinic.all]\nfound = 3\nchecked = 4\nname = 'x'\n", "clinic.all.name: is not a key"),
        ("[clinic.girls]\nfound = 3\nchecked = 4\n", "clinic.girls: must be one of"),
        ("[hospital.all]\nfound = 3\nchecked = 4\n", "hospital: is no agency of the agreement (clinic, police)"),
        ("clinic = 3\n", "clinic: must have keys of its own"),
        ("[clinic.all]\nfound = 3\nchecked 4\n", "not TOML: Expected '=' after a key in a key/value pair (at line 3"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_completeness(written(tmp_path, text), AGENCIES)
    assert said in str(caught.value)
    assert "audit-the-links" in str(caught.value.remedy) or "UTF-8" in str(caught.value.remedy)
