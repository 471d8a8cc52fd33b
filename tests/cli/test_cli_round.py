"""A whole round of five parties in five folders, by the command line alone.

The test is a courier who reads no manual: it asks `juncture status` of each party, runs the command that it names, and
carries files. So it tests the workflow table, too.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from juncture.base.folder import PartyFolder
from juncture.exchange.ledger import verify
from juncture.exchange.package import read_header
from juncture.rehearsal.city import City

from .running import Cli

PARTIES = ("police", "clinic", "linker", "analyst", "checker")
PHRASE, APPROVER = "a phrase of several words", "another phrase of another person"


@pytest.fixture
def world(tmp_path: Path, city: City, real_agreement: Path, cli: Cli) -> Path:
    """Five folders; the police wrote the agreement; all signed and carried their signatures."""
    for party in PARTIES:
        assert cli("-C", tmp_path / party, "init", party).code == 0
        assert cli("-C", tmp_path / party, "keys", "new", phrases=(PHRASE,)).code == 0
    for party in PARTIES:
        others = [tmp_path / other / "keys" / f"{other}.public.json" for other in PARTIES if other != party]
        taken = cli("-C", tmp_path / party, "inbox", *others)
        assert (taken.code, taken.out.count("public.json")) == (0, 4)
    assert cli("-C", tmp_path / "police", "agree", "new", real_agreement).code == 0
    for party in PARTIES[1:]:
        assert cli("-C", tmp_path / party, "inbox", tmp_path / "police" / "agreement.toml").code == 0
    for party in PARTIES:
        assert cli("-C", tmp_path / party, "agree", "sign", phrases=(PHRASE,)).code == 0
    for party in PARTIES:
        signatures = [tmp_path / other / f"agreement.{other}.sig" for other in PARTIES if other != party]
        assert cli("-C", tmp_path / party, "inbox", *signatures).code == 0
        assert cli("-C", tmp_path / party, "agree", "check").code == 0
    for agency in ("police", "clinic"):
        assert cli("-C", tmp_path / agency, "keys", "new", "--approver", phrases=(APPROVER,)).code == 0
    return tmp_path


def carry(world: Path, cli: Cli, delivered: set[str]) -> None:
    for path in sorted(world.glob("*/outbox/*.juncture")):
        if path.name not in delivered:
            delivered.add(path.name)
            taken = cli("-C", world / read_header(path).recipient, "inbox", path)
            assert taken.code == 0, taken.err


def next_command(world: Path, party: str, cli: Cli) -> list[str]:
    said = cli("-C", world / party, "status")
    assert said.code == 0, said.err
    last = said.out.splitlines()[-1]
    return last.removeprefix(f"Next: juncture -C {world / party} ").split() if last.startswith("Next: ") else []


def test_five_parties_who_follow_status_reach_a_released_report(world: Path, city: City, cli: Cli) -> None:
    public = world / "public"
    stand_for = {
        "police": {"SOURCE.toml": str(city.police_source)},
        "clinic": {"SOURCE.toml": str(city.clinic_source)},
        "checker": {"PUBLIC_FOLDER": str(public)},
    }
    ran: list[str] = []
    delivered: set[str] = set()
    for _ in range(40):
        commands = {party: next_command(world, party, cli) for party in PARTIES}
        if not any(commands.values()):
            break
        for party, words in commands.items():
            if not words:
                continue
            typed = [stand_for.get(party, {}).get(word, word) for word in words]
            if words[:2] == ["agency", "share"] and party == "clinic":
                before = (world / party / "ledger.jsonl").read_bytes()
                dry = cli("-C", world / party, *typed, "--dry-run", phrases=(PHRASE,))
                assert (dry.code, dry.out) == (0, "")
                assert "nothing was kept" in dry.err
                assert (world / party / "ledger.jsonl").read_bytes() == before
                assert not list((world / party / "private").glob("round-1/*"))
            # The approver's phrase is the second line of the same descriptor.
            phrases = (PHRASE, APPROVER) if words == ["agency", "approve"] else (PHRASE,)
            ended = cli("-C", world / party, *typed, phrases=phrases)
            assert ended.code == 0, (party, words, ended.err)
            ran.append(f"{party}: {' '.join(words)}")
        carry(world, cli, delivered)

    assert (public / "report.html").stat().st_size > 10_000
    for package in (world / "police" / "outbox").glob("*-release-*.juncture"):
        package.rename(world / package.name)
        assert not next_command(world, "police", cli)  # what was sealed counts, also where somebody moved it away
    assert ran == [
        "police: keys exchange",
        "clinic: keys exchange",
        "police: keys exchange",
        "clinic: keys exchange",
        "police: keys exchange",
        "clinic: keys exchange",
        "police: keys exchange",
        "clinic: keys exchange",
        "police: agency share SOURCE.toml",
        "clinic: agency share SOURCE.toml",
        "police: agency approve",
        "clinic: agency approve",
        "linker: linker link",
        "analyst: analyst request",
        "linker: linker ticket",
        "analyst: analyst request",
        "police: agency grant",
        "clinic: agency grant",
        "analyst: analyst unlock",
        "analyst: analyst findings",
        "analyst: analyst propose",
        "checker: checker review",
        "checker: checker approve",
        "checker: checker release PUBLIC_FOLDER",
    ]
    for party in PARTIES:
        folder = PartyFolder.open(world / party)
        assert verify(folder.ledger).entries
        shown = cli("-C", world / party, "ledger", "verify")
        assert (shown.code, shown.out.strip()) == (0, verify(folder.ledger).head)
        assert "Nothing is left to do in round 1." in cli("-C", world / party, "status").out
    foreign = next((world / "police" / "outbox").glob("*-link-police-linker-*"))
    refused = cli("-C", world / "analyst", "inbox", foreign)
    assert (refused.code, refused.out) == (5, "")
    assert "is for linker; this is the folder of analyst" in refused.err
    arrived = next((world / "analyst" / "inbox").glob("*.juncture"))
    changed = bytearray(arrived.read_bytes())
    changed[-1] ^= 1
    (world / "changed.juncture").write_bytes(changed)
    refused = cli("-C", world / "analyst", "inbox", world / "changed.juncture")
    assert (refused.code, refused.out) == (5, "")
    assert "it is not replaced" in refused.err
    names = identifiers(city)
    for log in world.glob("*/log.txt"):
        words = set(log.read_text(encoding="utf-8").lower().replace("=", " ").split())
        assert not words & names, "the log holds counts only"


def identifiers(city: City) -> set[str]:
    with city.police_export.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {row[column].lower() for row in rows for column in ("LAST_NAME", "FIRST_NAME", "ADDR", "DOB")} - {""}
