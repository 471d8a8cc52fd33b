"""``juncture attack``, and that nothing leaves above the agreement's ceiling."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from juncture.base.folder import PartyFolder
from juncture.exchange.ledger import Act, verify
from juncture.rehearsal.city import City

from .running import Cli
from .test_cli_round import APPROVER, PHRASE, carry, next_command, world

__all__ = ["world"]


@pytest.fixture
def staged(world: Path, city: City, cli: Cli) -> Path:
    """The folder of the police, who have shared and not approved."""
    delivered: set[str] = set()
    for _ in range(5):
        for party in ("police", "clinic"):
            words = next_command(world, party, cli)
            if words[:2] == ["keys", "exchange"]:
                assert cli("-C", world / party, *words, phrases=(PHRASE,)).code == 0
        carry(world, cli, delivered)
    ended = cli("-C", world / "police", "agency", "share", city.police_source, phrases=(PHRASE,))
    assert ended.code == 0, ended.err
    assert "identified beyond a guesser's" in ended.err
    return world / "police"


def test_attack_and_approval(staged: Path, cli: Cli, tmp_path: Path) -> None:
    place = staged / "private" / "round-1"

    def approve() -> tuple[int, str]:
        ended = cli("-C", staged, "agency", "approve", phrases=(PHRASE, APPROVER))
        return ended.code, ended.err

    listed = tmp_path / "street.csv"
    with listed.open("w", encoding="utf-8", newline="") as handle:
        rows = [["last_name", "first_name", "birth_date"], ["Nobody", "Here", "1950-02-03"], ["Other", "One", ""]]
        csv.writer(handle).writerows(rows)
    ended = cli("-C", staged, "attack", "--list", listed, phrases=(PHRASE,))
    assert ended.code == 0, ended.err
    assert [line.split("  ")[0] for line in ended.out.splitlines()[1:5]] == [
        "guessed keys", "frequency alignment", "bit patterns", "graph matching",
    ]  # fmt: skip
    assert "the list supplied" in ended.out
    assert "exactly the people shared" in ended.out
    assert "Nobody" not in ended.out + ended.err
    report = json.loads((place / "attack-report.json").read_text(encoding="utf-8"))
    assert report["beyond"] <= report["ceiling"]
    assert verify(PartyFolder.open(staged).ledger).entries[-1].act is Act.ATTACK_MEASURED

    listed.write_text("name\nSecretname\n", encoding="utf-8")
    ended = cli("-C", staged, "attack", "--list", listed, phrases=(PHRASE,))
    assert (ended.code, ended.out) == (3, "")
    assert "Secretname" not in ended.err

    # A report above the ceiling, one that was written by hand, and none: nothing leaves.
    good = (place / "attack-report.json").read_bytes()
    for content in (json.dumps({**report, "beyond": 0.5}).encode(), json.dumps({**report, "beyond": 0.0}).encode()):
        (place / "attack-report.json").write_bytes(content)
        assert approve()[0] == 6
    (place / "attack-report.json").unlink()
    code, said = approve()
    assert code == 6
    assert "have not been measured" in said
    assert not list((staged / "outbox").glob("*-link-*"))
    (place / "attack-report.json").write_bytes(good)

    whole = (place / "staged-link").read_bytes()
    (place / "staged-link").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert cli("-C", staged, "attack", phrases=(PHRASE,)).code == 7
    (place / "staged-link").write_bytes(whole)

    code, said = approve()
    assert code == 0, said
    assert not (place / "staged-people").exists()
    ended = cli("-C", staged, "attack", phrases=(PHRASE,))
    assert ended.code == 2
    assert "sealed already" in ended.err


def test_a_rehearsal_above_the_ceiling_goes_on_and_says_so(city: City, cli: Cli, tmp_path: Path) -> None:
    """An encoding a field falls to graph matching; the people of a rehearsal are made up."""
    text = city.agreement.read_text(encoding="utf-8")
    assert 'profile = "tags"' in text
    (tmp_path / "agreement.toml").write_text(text.replace('profile = "tags"', 'profile = "field"'), encoding="utf-8")
    sources = (city.police_source, city.clinic_source)
    ended = cli("rehearse", *sources, "--agreement", tmp_path / "agreement.toml", "--out", tmp_path / "out")
    assert ended.code == 0
    for agency in ("police", "clinic"):
        said = [line for line in ended.err.splitlines() if line.startswith(f"{agency}: Warning:")]
        assert any("Nothing may leave. This is a rehearsal" in line for line in said)
