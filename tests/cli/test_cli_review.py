"""``agency people`` and ``agency review`` as a person meets them: at a terminal, through a pipe, with any name."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agency.people.decisions import Say, read_decisions
from juncture.agency.people.session import Field, Mark, Pair
from juncture.agreement.read import agreement_toml, read_agreement
from juncture.base.files import write_text
from juncture.base.folder import PartyFolder
from juncture.cli.review import columns, lines, plain, wrapped
from juncture.exchange.keyfiles import REHEARSAL_WORK, save_keys
from juncture.exchange.keys import PrivateKeys, make_keys, save_public
from juncture.exchange.ledger import verify
from juncture.exchange.signed_agreement import sign_agreement
from juncture.rehearsal.city import City, build_city

from .running import Cli, passed_on

PHRASE = "a phrase of several words"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_city(tmp_path_factory.mktemp("review") / "city", seed=13, people=200)


@pytest.fixture
def police(small: City, tmp_path: Path) -> tuple[PartyFolder, PrivateKeys, Path]:
    """The folder of the police under an agreement that all signed, its keys, and its source file."""
    real = tmp_path / "agreement.toml"
    real.write_text(small.agreement.read_text(encoding="utf-8").replace("rehearsal = true", "rehearsal = false"))
    draft = read_agreement(real)
    keys = {name: make_keys(name) for name in draft.party}
    agreement = draft.with_keys({name: own.public.fingerprint for name, own in keys.items()})
    folder = PartyFolder.create(tmp_path / "police", "police")
    save_keys(keys["police"], folder.own_keys, PHRASE.encode(), work=REHEARSAL_WORK)
    write_text(folder.agreement, agreement_toml(agreement))
    for name, own in keys.items():
        save_public(own.public, folder.public_keys(name))
    for name, own in keys.items():
        place = folder if name == "police" else PartyFolder.create(tmp_path / name, name)
        if place is not folder:
            write_text(place.agreement, agreement_toml(agreement))
            for other, public in keys.items():
                save_public(public.public, place.public_keys(other))
        signature = sign_agreement(place, own)
        if place is not folder:
            folder.signature(name).write_bytes(signature.read_bytes())
    return folder, keys["police"], small.police_source


def names(city: City) -> set[str]:
    with city.police_export.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {row[column].lower() for row in rows for column in ("LAST_NAME", "ADDR")} - {""}


def test_people_then_review_through_a_pipe(
    small: City, police: tuple[PartyFolder, PrivateKeys, Path], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, keys, source = police
    dry = cli("-C", folder.root, "agency", "people", source, "--dry-run", phrases=(PHRASE,))
    assert (dry.code, dry.out) == (0, "") and "nothing was kept" in dry.err
    assert not (folder.private / "people" / "register").exists()
    found = cli("-C", folder.root, "agency", "people", source, phrases=(PHRASE,))
    assert (found.code, found.out) == (0, "")
    for phrase in ("new people", "expected precision", "joins refused", "pairs worth a look by a human"):
        assert phrase in found.err
    assert f"Next: juncture -C {folder.root} agency review {source}" in found.err

    monkeypatch.setattr("sys.stdin", io.StringIO("d\nwhat?\nS\nu\nsame\ncannot tell\ns\ns\n"))
    said = cli("-C", folder.root, "agency", "review", source, "--limit", "3", phrases=(PHRASE,))
    assert (said.code, said.out) == (0, ""), said.err
    assert "1 of about " in said.err and "Type one of s, d, c, u, q" in said.err and "Taken back" in said.err
    decisions = read_decisions(keys, folder.private / "people")
    assert [line.say for line in decisions.standing] == [Say.DIFFERENT, Say.SAME, Say.CANNOT_TELL]
    assert len(decisions.lines) == 5
    entry = verify(folder.ledger).entries[-1]
    assert (entry.act.value, dict(entry.counts)) == ("people_reviewed", {"answers": 3, "undone": 1})
    assert names(small) & set(said.err.lower().split()), "the screen does show them"
    report = said.err[said.err.rindex("Reviewed pairs") :].lower()
    assert "3 decisions" not in report and "cannot tell" in report
    for text in (report, (folder.root / "log.txt").read_text(encoding="utf-8"), folder.ledger.read_text()):
        assert not names(small) & set(re.findall(r"[^\s=:.,]+", text.lower())), "names are on the screen only"

    wrong = cli("-C", folder.root, "agency", "review", source, phrases=("another phrase",))
    assert (wrong.code, wrong.out) == (7, "") and "are these" not in wrong.err
    foreign = cli("-C", folder.root, "agency", "review", small.clinic_source, phrases=(PHRASE,))
    assert foreign.code == 2 and "is of clinic" in foreign.err


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_review_at_a_terminal_of_sixty_columns_and_an_interruption(
    police: tuple[PartyFolder, PrivateKeys, Path],
) -> None:
    import fcntl
    import pty
    import struct
    import termios

    folder, keys, source = police
    words = [sys.executable, "-m", "juncture", "-C", str(folder.root), "agency", "review", str(source)]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    with passed_on(PHRASE) as descriptor:
        process = subprocess.Popen(
            [*words, "--passphrase-fd", str(descriptor)],
            stdin=slave, stdout=slave, stderr=slave, pass_fds=(descriptor,), env=env, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
    os.close(slave)
    shown = read_until(master, "quit: ")
    with passed_on(PHRASE) as descriptor:
        second = subprocess.run(
            [*words, "--passphrase-fd", str(descriptor)], pass_fds=(descriptor,), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert second.returncode == 1 and "in use by another process" in second.stderr
    os.write(master, b"d\n")
    shown += read_until(master, "quit: ")
    os.write(master, b"\x03")
    shown += read_until(master, None)
    assert process.wait(30) == 130
    os.close(master)
    asked = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown[shown.index("1 of about") : shown.index("\x1b[2J")])
    assert max(columns(line.rstrip()) for line in asked.splitlines()) <= 60
    assert "\x1b[2J\x1b[3J" in shown and "clear its history" in shown
    assert "The 1 answers of this sitting are kept." in shown
    assert [line.say for line in read_decisions(keys, folder.private / "people").standing] == [Say.DIFFERENT]
    assert verify(folder.ledger).entries[-1].act.value == "people_reviewed"


def read_until(master: int, ending: str | None) -> str:
    """What the terminal shows until ``ending`` comes, or until it is closed."""
    import select

    found = b""
    began = time.monotonic()
    while time.monotonic() - began < 90:
        ready, _, _ = select.select([master], [], [], 0.5 if ending else 3)
        if not ready and ending is None:
            break
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            found += data
        if ending is not None and found.decode(errors="replace").endswith(ending):
            break
    return found.decode(errors="replace")


# --- how two records are laid out


def pair(left: str, right: str, mark: Mark = Mark.DIFFERS) -> Pair:
    fields = (Field("Last name", left, right, mark), Field("Contact", "7", "8", Mark.CONTEXT))
    return Pair(fields, (1, 2), 0.5, 3, False)


def test_two_records_stand_side_by_side_with_the_difference_in_words() -> None:
    shown = [line for line, _ in lines(pair("Reed", "Ried"), 60)]
    assert shown == [
        "                           1 record typed   2 records typed",
        "                           so               so",
        "differs     Last name      Reed             Ried",
        "            Contact        7                8",
    ]
    assert [strong for _, strong in lines(pair("Reed", "Reed", Mark.SAME), 80)] == [False] * 3


def test_names_from_right_to_left_and_narrow_screens_are_shown_below_each_other() -> None:
    assert [line for line, _ in lines(pair("يوسف", "Youssef"), 100)] == [
        "A: 1 record typed so. B: 2 records typed so.",
        "Last name (differs)",
        "  A: يوسف",
        "  B: Youssef",
        "Contact",
        "  A: 7",
        "  B: 8",
    ]
    assert [line for line, _ in lines(pair("Reed", ""), 40)][2:4] == ["  A: Reed", "  B: "]


def test_a_name_cannot_command_the_terminal() -> None:
    hostile = "Reed\x1b[2J\x07\u202eevil\r\nq\t\u200b\x9b1m"
    assert plain(hostile) == "Reed?[2J?evil  q ?1m"
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join(line for line, _ in lines(pair(hostile, "x"), 80)))


def test_wide_and_combining_letters_are_counted_as_they_are_shown() -> None:
    assert [columns(text) for text in ("Reed", "李小龍", "Nu\u0303n\u0303ez")] == [4, 6, 5]
    row = [line for line, _ in lines(pair("李小龍", "X"), 80)][1]
    assert columns(row[: row.index("X")]) == 12 + 15 + 25 + 2


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.integers(2, 40))
def test_wrapped_text_fits_and_loses_nothing(text: str, width: int) -> None:
    found = wrapped(text, width)
    assert found and all(columns(line) <= width for line in found)
    assert "".join("".join(found).split()) == "".join(plain(text).split())
