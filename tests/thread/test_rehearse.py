"""A rehearsal from outside: offline, killed half-way, twice in a row, and refused where it must be."""

from __future__ import annotations

import csv
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from juncture.base.errors import AgreementForbids, InputError, UsageError
from juncture.rehearsal.city import City, build_city
from juncture.rehearsal.rehearse import rehearse

RUN = """
import sys
from pathlib import Path
from juncture.rehearsal.rehearse import rehearse
city, out = Path(sys.argv[1]), Path(sys.argv[2])
sources = [city / "police" / "police.toml", city / "clinic" / "clinic.toml"]
print(rehearse(sources, city / "agreement.toml", out, audit=True).report)
"""
#: Columns of the files that others rely on (ARCHITECTURE, "rehearse, and files others rely on").
CONTRACT = {
    "cohort.csv": "study_id,sex,age_band,contacts,contacts_clinic,contacts_police,link_probability",
    "junctures.csv": "juncture,stratum,openings,not_evaluable,people,people_informative,missed,missed_share,missed_low,"
    "missed_high,response_within_days,outcome,horizon_days,hazard_ratio,hazard_low,hazard_high,placebo_ratio,"
    "placebo_low,placebo_high,p_value,q_value,avoidable,avoidable_low,avoidable_high,rank,prob_top3,verdict",
    "gender.csv": "measure,women,men,ratio,low,high,p_value,q_value,link_low,link_high",
    "linkage.csv": "measure,estimate,low,high",
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_city(tmp_path_factory.mktemp("city"), seed=3, people=500)


def run(city: City, out: Path, *prefix: str) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-c", RUN, str(city.folder), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def without_network() -> list[str]:
    """A command prefix that takes the network away, native code included."""
    tool = shutil.which("unshare")
    if tool is None or subprocess.run([tool, "-rn", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system cannot start a process without a network (unshare -rn)")
    return [tool, "-rn"]


def test_it_runs_without_a_network_and_leaves_the_files_that_others_rely_on(city: City, tmp_path: Path) -> None:
    out = tmp_path / "rehearsal"
    before = {path: hashlib.sha384(path.read_bytes()).hexdigest() for path in city.folder.rglob("*.csv")}
    done = run(city, out, *without_network())
    printed, errors = done.communicate(timeout=300)
    assert done.returncode == 0, errors
    assert printed.strip() == str(out / "public" / "report.html")
    assert sorted(path.name for path in out.iterdir()) == [
        "analyst", "audit", "checker", "clinic", "linker", "police", "public"]  # fmt: skip
    assert (out / "analyst" / "study.duckdb").is_file()
    for name, columns in CONTRACT.items():
        first = (out / "analyst" / "results" / name).read_text(encoding="utf-8").splitlines()[0]
        assert first == columns, name
    with (out / "audit" / "records.csv").open(encoding="utf-8", newline="") as handle:
        audit = list(csv.DictReader(handle))
    with city.truth_file.open(encoding="utf-8", newline="") as handle:
        truth = list(csv.DictReader(handle))
    assert list(audit[0]) == ["agency", "record_id", "person_ref", "study_id", "link_group"]
    assert sorted((r["agency"], r["record_id"]) for r in audit) == sorted((r["agency"], r["record_id"]) for r in truth)
    assert {path: hashlib.sha384(path.read_bytes()).hexdigest() for path in before} == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_half_way_it_leaves_nothing_in_the_way_and_runs_again(city: City, tmp_path: Path) -> None:
    out = tmp_path / "rehearsal"
    victim = run(city, out)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".rehearsal-*.part/linker/inbox/*.juncture")) and time.monotonic() < deadline:
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=30)
    assert not out.exists()
    assert list(tmp_path.glob(".rehearsal-*.part"))
    sources = [city.police_source, city.clinic_source]
    rehearse(sources, city.agreement, out)
    assert (out / "public" / "report.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["rehearsal"]
    with pytest.raises(UsageError, match="is not empty"):
        rehearse(sources, city.agreement, out)


def test_without_an_audit_only_people_on_their_agencys_side_of_the_rule_are_shared(city: City, tmp_path: Path) -> None:
    told = []
    rehearse(
        [city.police_source, city.clinic_source],
        city.agreement,
        tmp_path / "rehearsal",
        told=lambda party, report: told.append((party, report)),
    )
    shared = {party: report.counts for party, report in told if any("shared" in str(name) for name in report.counts)}
    assert set(shared) == {"police", "clinic"}
    for counts in shared.values():
        assert counts["people on this agency's side of the rule, shared"] < counts["people found"]
    assert not (tmp_path / "rehearsal" / "audit").exists()


def test_what_is_refused_leaves_nothing(city: City, tmp_path: Path) -> None:
    out = tmp_path / "rehearsal"
    real = tmp_path / "agreement.toml"
    real.write_text(city.agreement.read_text(encoding="utf-8").replace("rehearsal = true", "rehearsal = false"))
    with pytest.raises(AgreementForbids, match="may be audited"):
        rehearse([city.police_source, city.clinic_source], real, out, audit=True)
    with pytest.raises(UsageError, match="no source file of clinic"):
        rehearse([city.police_source], city.agreement, out)
    with pytest.raises(UsageError, match="are both of police"):
        rehearse([city.police_source, city.police_source], city.agreement, out)
    broken = tmp_path / "broken"
    shutil.copytree(city.folder, broken)
    (broken / "clinic" / "clinic_encounters.csv").write_bytes(b"")
    with pytest.raises(InputError):
        rehearse([broken / "police" / "police.toml", broken / "clinic" / "clinic.toml"], city.agreement, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agreement.toml", "broken"]
