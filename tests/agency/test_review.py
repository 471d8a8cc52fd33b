"""Clerical review: what is asked, what an answer changes, and that no answer is ever lost."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agency.intake.read import read_mentions
from juncture.agency.people.cluster import Edges, agglomerate, gather
from juncture.agency.people.decisions import (
    Decisions,
    Line,
    Say,
    add_answer,
    add_undo,
    calibration,
    read_decisions,
)
from juncture.agency.people.implied import implied
from juncture.agency.people.normalise import load_no_home
from juncture.agency.people.questions import WORTH_ASKING
from juncture.agency.people.register import contact_of, record_keys
from juncture.agency.people.resolve import resolve
from juncture.agency.people.review import Doubts, Review
from juncture.agency.people.session import Mark, ReviewSession
from juncture.agency.who import find_people, open_review, own_source, people_folder, review_report
from juncture.agreement.read import read_agreement
from juncture.base.errors import KeyTrouble, MachineError, UsageError
from juncture.exchange.desk import Desk
from juncture.exchange.keys import make_keys
from juncture.exchange.ledger import verify
from juncture.rehearsal.city import City, build_city
from juncture.rehearsal.parties import set_the_stage

from .test_people import bystanders, person, table
from .test_register import export

KEYS = make_keys("police")
NOTHING = np.zeros((0, 2), np.int64)


def edges(*rows: tuple[int, int, float] | tuple[int, int, float, bool]) -> Edges:
    return gather(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        np.array([r[2] for r in rows], np.float64),
        np.array([len(r) > 3 and bool(r[3]) for r in rows], bool),
    )


def doubts(records: Sequence[float], e: Edges) -> Doubts:
    weight = np.array(records, np.float64)
    cluster, _ = agglomerate(weight, e)
    n = len(weight)
    return Doubts(weight, e, cluster, NOTHING, np.zeros(n, bool), np.arange(n))


def probability(e: Edges, i: int, j: int) -> tuple[float, bool]:
    row = np.flatnonzero((e.left == min(i, j)) & (e.right == max(i, j)))
    return (float(e.probability[row[0]]), bool(e.conflict[row[0]])) if len(row) else (0.0, False)


# --- what a decision implies


def test_what_is_surely_one_with_each_of_two_joined_records_is_one() -> None:
    e = edges((0, 1, 0.95), (2, 3, 0.9), (0, 2, 0.1, True), (1, 3, 0.2, True))
    after = implied(4, e, np.array([[0, 2]]), NOTHING)
    assert probability(after, 0, 2) == (1.0, False)
    assert probability(after, 1, 3) == (pytest.approx(0.95 * 0.9), False)
    assert probability(after, 1, 2) == (pytest.approx(0.95), False)
    assert probability(after, 0, 1) == (0.95, False)


def test_what_is_surely_one_with_each_of_two_parted_records_is_two() -> None:
    e = edges((0, 1, 0.99), (2, 3, 0.99), (0, 2, 0.7), (1, 3, 0.7), (4, 0, 0.99), (4, 2, 0.99), (4, 1, 0.9))
    after = implied(5, e, NOTHING, np.array([[0, 2]]))
    assert probability(after, 0, 2) == (0.0, True)
    found, conflict = probability(after, 1, 3)
    assert found < 0.1 and conflict
    assert probability(after, 4, 1) == (0.9, False), "what is alike with both is on neither side"


def test_joined_records_carry_over_one_another() -> None:
    e = edges((0, 3, 0.9), (2, 4, 0.9))
    after = implied(5, e, np.array([[0, 1], [1, 2]]), NOTHING)
    assert probability(after, 3, 4) == (pytest.approx(0.81), False)


# --- what is asked


def test_two_people_apart_are_worth_their_mean_probability_times_the_pairs_between_them() -> None:
    # 3 and 2 records against 4: the mean over 20 pairs of records is (3*4*.5 + 2*4*.1) / 20 = .34.
    e = edges((0, 1, 0.99), (0, 2, 0.5), (1, 2, 0.1))
    best = Review(doubts([3, 2, 4], e)).best()
    assert best is not None and (best.left, best.right) == (0, 2)
    assert (best.probability, best.pairs, best.joined) == (pytest.approx(0.34), 20.0, False)
    assert best.worth == pytest.approx(0.34 * 20)


def test_one_person_that_could_fall_apart_is_asked_at_the_weakest_link() -> None:
    e = edges((0, 1, 0.99), (0, 2, 0.8), (1, 2, 0.6))
    found = Review(doubts([2, 1, 5], e))
    best = found.best()
    assert len(found) == 2 and best is not None and best.joined
    # Cut between {0, 1} and {2}: (2*5*.8 + 1*5*.6) / 15.
    assert best.probability == pytest.approx(11 / 15) and best.pairs == 15.0
    assert best.worth == pytest.approx(4.0)
    assert (best.left, best.right) == (0, 2), "shown are the two on which most records hang"


def test_the_pair_that_teaches_most_comes_first_and_what_is_sure_is_not_asked() -> None:
    e = edges((0, 1, 0.4), (2, 3, 0.2), (4, 5, 0.999), (6, 7, 0.001), (8, 9, 0.7))
    review = Review(doubts([1, 1, 10, 10, 5, 5, 50, 50, 2, 2], e))
    asked, changed = [], 0.0
    while (best := review.best()) is not None:
        asked.append((best.left, best.right))
        changed += review.answer(best.left, best.right, None)
    assert changed == 0.0 and asked == [(2, 3), (8, 9), (0, 1)]


def test_an_answer_is_followed_by_what_it_implies() -> None:
    triangle = edges((0, 1, 0.4), (1, 2, 0.4), (0, 2, 0.4))
    review = Review(doubts([9, 9, 9], triangle))
    assert review.answer(0, 1, True) == 81.0, "9 records with 9 others"
    assert review.answer(1, 2, True) == 162.0
    assert review.best() is None and review.is_decided(0, 2) is True
    other = Review(doubts([9, 9, 9], triangle))
    other.answer(0, 1, True)
    other.answer(1, 2, False)
    assert other.best() is None and other.is_decided(0, 2) is False
    other.take_back()
    other.take_back()
    assert len(other) == 3 and other.is_decided(0, 1) is None


@st.composite
def worlds(draw: st.DrawFn) -> Doubts:
    n = draw(st.integers(2, 8))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if draw(st.booleans())]
    rows = [(i, j, draw(st.sampled_from([0.02, 0.3, 0.45, 0.6, 0.8, 0.95, 1.0])), draw(st.integers(0, 5)) == 0)
            for i, j in pairs]  # fmt: skip
    return doubts([draw(st.integers(1, 9)) for _ in range(n)], edges(*rows))


@settings(max_examples=80, deadline=None)
@given(worlds(), st.lists(st.sampled_from([True, False, None]), min_size=40, max_size=40))
def test_a_review_ends_never_asks_twice_and_undoes_exactly(world: Doubts, says: list[bool | None]) -> None:
    review = Review(world)
    asked: list[tuple[int, int]] = []
    seen: list[tuple[int, float]] = []
    for say in says:
        best = review.best()
        if best is None:
            break
        assert best.doubt >= WORTH_ASKING and best.pairs > 0
        assert (best.left, best.right) not in asked
        assert review.is_decided(best.left, best.right) is None
        seen.append((len(review), review.expected_wrong()))
        asked.append((best.left, best.right))
        review.answer(best.left, best.right, say)
        assert say is None or review.is_decided(best.left, best.right) is say
    assert len(asked) < 40, "at most all pairs"
    for _ in asked:
        review.take_back()
        assert (len(review), review.expected_wrong()) == (seen[-1][0], pytest.approx(seen[-1][1], abs=1e-9))
        seen.pop()


# --- decisions in a run


def test_a_decision_about_two_records_is_one_about_the_people_they_surely_are(tmp_path: Path) -> None:
    married = [person("Reed", "Carolyn", "1980-5-17", "5 Main St") for _ in range(4)]
    maiden = [person("Quigley", "Carolyn", "1961-12-4", "88 Far Rd") for _ in range(4)]
    mentions = table([*married, *maiden, *bystanders()])
    how = {"number_trust": "none", "spill_dir": tmp_path / "spill", "threads": 1}
    free = resolve(mentions, **how).person[:8]
    assert len(set(free.tolist())) == 2
    joined = resolve(mentions, joined=[("0", "4")], **how).person[:8]
    assert len(set(joined.tolist())) == 1, "in spite of two birthdays, since a human saw them"
    both = resolve(mentions, joined=[("0", "4")], apart=[("1", "5")], **how).person[:8]
    assert both[0] == both[4] and both[1] != both[5]


# --- decisions at rest


def say(folder: Path, a: str, b: str, what: Say, *, p: float = 0.5) -> Decisions:
    return add_answer(KEYS, folder, (a, b), what, probability=p, pairs=3.0, joined=p > 0.5)


def test_decisions_are_kept_encrypted_and_undone_by_a_line(tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    add_answer(KEYS, tmp_path, ("b", "a"), Say.SAME, probability=0.25, pairs=7.0, joined=False, now=now)
    say(tmp_path, "c", "d", Say.CANNOT_TELL)
    after = say(tmp_path, "a", "b", Say.DIFFERENT)
    assert after == read_decisions(KEYS, tmp_path)
    assert after.lines[0].records == ("a", "b") and after.lines[0].time == "2026-11-24T12:30:00Z"
    assert after.pairs(Say.SAME) == [] and after.pairs(Say.DIFFERENT) == [("a", "b")], "the last word counts"
    after = add_undo(KEYS, tmp_path, 3)
    assert [line.undoes for line in after.lines] == [0, 0, 0, 3], "nothing is lost"
    assert after.pairs(Say.SAME) == [("a", "b")], "what was said before counts again"
    with pytest.raises(UsageError, match="no answer to take back"):
        add_undo(KEYS, tmp_path, 3)
    data = (tmp_path / "decisions").read_bytes()
    assert b"same" not in data and b"2026" not in data
    with pytest.raises(KeyTrouble):
        read_decisions(make_keys("police"), tmp_path)
    with pytest.raises(KeyTrouble):
        add_answer(make_keys("police"), tmp_path, ("x", "y"), Say.SAME, probability=0.5, pairs=1.0, joined=False)
    assert (tmp_path / "decisions").read_bytes() == data


def test_contradictions_are_refused_when_they_are_said(tmp_path: Path) -> None:
    say(tmp_path, "a", "b", Say.SAME)
    say(tmp_path, "b", "c", Say.SAME)
    with pytest.raises(UsageError, match="one person"):
        say(tmp_path, "a", "c", Say.DIFFERENT)
    say(tmp_path, "c", "d", Say.DIFFERENT)
    with pytest.raises(UsageError, match="different people"):
        say(tmp_path, "d", "a", Say.SAME)
    assert len(say(tmp_path, "a", "d", Say.CANNOT_TELL).lines) == 4
    assert say(tmp_path, "b", "c", Say.DIFFERENT).pairs(Say.SAME) == [("a", "b")], "a pair may be answered anew"


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(list(Say)), st.booleans()), max_size=25)
)
def test_what_stands_never_contradicts_itself(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, Say, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("said")
    for a, b, what, undo in rows:
        try:
            if undo and (last := read_decisions(KEYS, folder).last()) is not None:
                add_undo(KEYS, folder, last.number)
            elif a != b:
                say(folder, str(a), str(b), what)
        except UsageError:
            continue
    found = read_decisions(KEYS, folder)
    group = {str(i): {str(i)} for i in range(5)}
    for a, b in found.pairs(Say.SAME):
        one = group[a] | group[b]
        group |= dict.fromkeys(one, one)
    assert not any(b in group[a] for a, b in found.pairs(Say.DIFFERENT))


ANSWERING = """
import sys
from pathlib import Path
from juncture.agency.people.decisions import Say, add_answer
from juncture.exchange.keyfiles import open_keys
keys = open_keys(Path(sys.argv[1]), b"four words of a test")
print("ready", flush=True)
for i in range(int(sys.argv[3])):
    name = f"{sys.argv[4]}{i}"
    add_answer(keys, Path(sys.argv[2]), (name, name + "'"), Say.SAME, probability=0.5, pairs=1.0, joined=False)
    print(name, flush=True)
"""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    from juncture.exchange.keyfiles import REHEARSAL_WORK, save_keys

    save_keys(KEYS, tmp_path / "keys.json", b"four words of a test", work=REHEARSAL_WORK)
    return tmp_path / "keys.json"


def answering(key_file: Path, folder: Path, many: int, name: str, before: str = "") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", before + ANSWERING, str(key_file), str(folder), str(many), name]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_lose_no_answer(key_file: Path, tmp_path: Path) -> None:
    both = [answering(key_file, tmp_path, 30, name) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    for process in both:
        process.communicate()
    found = read_decisions(KEYS, tmp_path)
    assert [line.number for line in found.lines] == list(range(1, 61))
    assert len(found.standing) == 60


def test_a_kill_loses_no_answer_that_was_given(key_file: Path, tmp_path: Path) -> None:
    process = answering(key_file, tmp_path, 10_000, "k")
    assert process.stdout is not None and process.stderr is not None
    told = [process.stdout.readline().strip() for _ in range(20)]
    process.kill()
    told += process.stdout.read().split()
    process.communicate()
    kept = {line.records[0] for line in read_decisions(KEYS, tmp_path).standing}
    assert set(told) - {"ready"} <= kept
    assert len(kept) <= len(told), "and at most the one at work is kept beside them"
    say(tmp_path, "after", "wards", Say.SAME)


@pytest.mark.skipif(os.name == "nt", reason="limits of file size are POSIX")
def test_a_full_disk_is_an_error_and_loses_nothing(key_file: Path, tmp_path: Path) -> None:
    limited = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    )
    process = answering(key_file, tmp_path, 100, "f", limited)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "could not be written" in err
    kept = {line.records[0] for line in read_decisions(KEYS, tmp_path).standing}
    assert kept == set(out.split()) - {"ready"} and kept
    assert not list(tmp_path.glob(".*.part"))


def test_answers_check_the_programs_probabilities() -> None:
    def line(number: int, p: float, what: Say) -> Line:
        return Line(number, "", "", what, (f"{number}a", f"{number}b"), p, 1.0, True)

    lines = [line(i, 0.85, Say.SAME if i < 18 else Say.DIFFERENT) for i in range(1, 21)]
    lines += [line(30, 0.3, Say.SAME), line(31, 1.0, Say.DIFFERENT), line(32, 0.82, Say.CANNOT_TELL)]
    assert calibration(Decisions(tuple(lines))) == [
        "Of pairs thought 30 to 40 % probable, 1 were answered: too few to say.",
        "Of pairs thought 80 to 90 % probable, 20 were answered: 17 one person (85 %).",
        "Of pairs thought 90 to 100 % probable, 1 were answered: too few to say.",
    ]


# --- a sitting


def sitting(tmp_path: Path, *rows: dict[str, object], against: Sequence[Line] = ()) -> ReviewSession:
    """A sitting over ``rows`` among bystanders; ``against``: decisions that the numbers of the rows, a fact, refute."""
    mentions = export(*rows, *bystanders())
    keys = record_keys(mentions)
    mentions = mentions.set_column(mentions.column_names.index("record_id"), "record_id", keys)
    before = read_decisions(KEYS, tmp_path)
    found = resolve(
        mentions,
        number_trust="fact" if against else "none",
        spill_dir=tmp_path / "spill",
        threads=1,
        joined=before.pairs(Say.SAME),
        apart=[] if against else before.pairs(Say.DIFFERENT),
    )
    return ReviewSession(
        private=KEYS,
        folder=tmp_path,
        seen=mentions,
        keys=keys,
        exported=mentions.num_rows,
        doubts=found.doubts,
        questions=Review(found.doubts),
        decisions=before,
        renamed={},
        contradicted=against,
        enough=0.9,
        no_home=load_no_home(),
    )


def about(session: ReviewSession, name: str) -> dict[str, tuple[str, str, Mark]]:
    """The fields of the next pair that holds ``name``; pairs before it are passed over."""
    while (pair := session.pair()) is not None:
        fields = {f.label: (f.left, f.right, f.mark) for f in pair.fields}
        if name in fields["Last name"][:2]:
            return fields
        session.answer(Say.CANNOT_TELL)
    raise AssertionError("never asked")


#: A changed surname, or two women born on one day.
UNCLEAR = (
    person("Reed", "Carol", "1980-5-17", "5 Main Street", contact="a", sex="female"),
    person("Stone", "CAROL", "1980-5-17", "8 Far Rd", contact="b"),
)


def test_a_pair_is_shown_as_typed_with_its_differences(tmp_path: Path) -> None:
    fields = about(sitting(tmp_path, *UNCLEAR), "Reed")
    shown = {label: {left, right} for label, (left, right, _) in fields.items()}
    assert shown["Last name"] == {"Reed", "Stone"} and shown["Birth date"] == {"1980-05-17"}
    assert shown["Contact"] == {"a", "b"}
    assert {label: mark for label, (_, _, mark) in fields.items()} == {
        "Last name": Mark.DIFFERS,
        "First name": Mark.ALIKE,
        "Birth date": Mark.SAME,
        "Sex": Mark.MISSING,
        "Address": Mark.DIFFERS,
        "Contact": Mark.CONTEXT,
    }


def test_an_answer_holds_in_the_next_sitting_and_can_be_taken_back_there(tmp_path: Path) -> None:
    first = sitting(tmp_path, *UNCLEAR)
    about(first, "Reed")
    first.answer(Say.DIFFERENT)
    assert first.decisions.pairs(Say.DIFFERENT)
    again = sitting(tmp_path, *UNCLEAR)
    with pytest.raises(AssertionError, match="never asked"):
        about(again, "Reed")
    for _ in range(len(again.decisions.standing)):
        assert again.undo()
        pair = again.pair()
        assert pair is not None and "earlier sitting" in pair.note
    assert not again.undo() and again.undone == len(first.decisions.lines)
    about(again, "Reed")
    again.answer(Say.SAME)
    assert len(sitting(tmp_path, *UNCLEAR).decisions.pairs(Say.SAME)) == 1


def test_an_answer_that_the_number_refutes_is_asked_anew_first(tmp_path: Path) -> None:
    rows = [{**row, "person_number": "P1"} for row in UNCLEAR]
    a, b = record_keys(export(*rows)).to_pylist()
    say(tmp_path, a, b, Say.DIFFERENT)
    session = sitting(tmp_path, *rows, against=read_decisions(KEYS, tmp_path).standing)
    pair = session.pair()
    assert pair is not None and "number, a fact by the source file, says one person" in pair.note
    with pytest.raises(UsageError, match="one person"):
        session.answer(Say.DIFFERENT)
    session.answer(Say.SAME)
    assert session.decisions.pairs(Say.DIFFERENT) == [] and len(session.decisions.pairs(Say.SAME)) == 1
    assert (session.answered, session.changes(), session.put_right()) == (1, 0, 0.0)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_city(tmp_path_factory.mktemp("review") / "city", seed=13, people=260)


@pytest.fixture
def desk(city: City, tmp_path: Path) -> Desk:
    return set_the_stage(tmp_path / "parties", read_agreement(city.agreement), today=date(2026, 11, 24)).desks["police"]


def answer_truly(session: ReviewSession, true: dict[str, str]) -> None:
    """At most 25 answers of somebody who knows the truth."""
    while session.answered < 25 and (pair := session.pair()) is not None:
        contacts = next((f.left, f.right) for f in pair.fields if f.label == "Contact")
        known = [true.get(contact) for contact in contacts]
        same = Say.SAME if known[0] == known[1] else Say.DIFFERENT
        session.answer(Say.CANNOT_TELL if None in known else same)


def test_a_human_who_knows_the_truth_puts_a_city_right(city: City, desk: Desk) -> None:
    with city.truth_file.open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["agency"] == "police" and row["nameless"] != "1"]
    true = {row["record_id"]: row["true_person"] for row in rows if "#" not in row["record_id"]}

    def wrong(keys: Sequence[str], who: np.ndarray) -> float:
        """Pairs of records decided wrongly, from counts of each person and true person."""
        at = [(int(w), true[contact_of(k)]) for k, w in zip(keys, who, strict=True) if contact_of(k) in true and w >= 0]
        said, right, both = (Counter(x) for x in ([a for a, _ in at], [b for _, b in at], at))
        return sum(n * (n - 1) / 2 * sign for c, sign in ((said, 1), (right, 1), (both, -2)) for n in c.values())

    with open_review(desk, city.police_source) as session:
        keys, unit = session._keys.to_pylist(), session._doubts.unit
        start, before = session.expected_wrong(), wrong(keys, session._doubts.cluster[unit])
        answer_truly(session, true)
        now = wrong(keys, session._review._state.cluster[unit])
        assert session.expected_wrong() < start / 2 and now < before / 2
        assert before - now == pytest.approx(session.put_right(), abs=0.2 * before), "what it tells is what it does"
        with pytest.raises(MachineError, match="in use by another process"), open_review(desk, city.police_source):
            pass
    answers = session.answered
    report = review_report(desk, city.police_source, session)
    assert report.counts["answers"] == answers and report.next_command.startswith("juncture agency people")
    entry = verify(desk.folder.ledger).entries[-1]
    assert (entry.act.value, dict(entry.counts)) == ("people_reviewed", {"answers": answers, "undone": 0})

    # A new run learns anew from what was answered, and may doubt what it did not before; it asks about that first.
    with open_review(desk, city.police_source) as again:
        answer_truly(again, true)
    source = own_source(desk, city.police_source)
    found = find_people(desk, source, read_mentions(source, desk.agreement, "police").mentions)
    assert wrong(found.keys.to_pylist(), found.resolution.person) < before / 2
    assert len(found.decisions.standing) == answers + again.answered and not found.resting
    assert people_folder(desk).is_relative_to(desk.folder.private)
