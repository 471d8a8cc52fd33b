"""Choosing the cohort: the rule by bands, the quota over all draws, and clocks that agree."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement
from juncture.agreement.vocabulary import band_of
from juncture.base.errors import AgreementForbids
from juncture.formats.clock import CIRCLE, day_number, random_offset, shifted
from juncture.formats.cohort import CANDIDATES, CohortPayload, LinkReport
from juncture.formats.link import EncodedField, LinkPayload
from juncture.linker.cohort import AgencyLinks, choose_anchor, choose_cohort, sex_classes
from juncture.linker.link import _histogram
from juncture.linker.match import Linkage
from tests.agreement.test_agreement import FORM

FAMILIES = ("clinic_any", "police_any")
REPORT = LinkReport({}, (), FAMILIES, (), 0, ())
DRAWS = 4


def agreement(quota: int = 50) -> Agreement:
    return parse_agreement(FORM.replace("quota = 50", f"quota = {quota}") + f"\n[linkage]\ndraws = {DRAWS}\n")


def payload(agency: str, counts: Sequence[int], sexes: Sequence[bytes] = ()) -> LinkPayload:
    """People of ``agency`` with these most contacts in any year; one spelling each, of sex only."""
    n = len(counts)
    bands = np.zeros((n, 2), dtype=np.uint8)
    bands[:, FAMILIES.index(f"{agency}_any")] = [band_of(count) for count in counts]
    tags = np.array([list(sex) for sex in sexes or [b"\0" * 8] * n], dtype=np.uint8).reshape(n, 8)
    return LinkPayload(
        agency=agency,
        round=1,
        families=FAMILIES,
        profile="field",
        confirmation="",
        envelope_id=np.frombuffer(secrets.token_bytes(16 * n), dtype=np.uint8).reshape(n, 16),
        unlock_token=np.frombuffer(secrets.token_bytes(32 * n), dtype=np.uint8).reshape(n, 32),
        clock_offset=np.array([random_offset() for _ in range(n)], dtype=np.int32),
        bands=bands,
        spelling_start=np.arange(n + 1, dtype=np.int32),
        joint_tokens=np.zeros((n, 4, 16), dtype=np.uint8),
        fields={"sex": EncodedField(tags, np.array([bool(any(tag)) for tag in tags]))},
        keys={},
    )


def choose(
    police: Sequence[int], clinic: Sequence[int], draws: Sequence[Sequence[tuple[int, int]]], *, quota: int = 50
) -> tuple[CohortPayload, dict[str, LinkPayload], int]:
    """The cohort where the clinic is the anchor; the first draw is the best matching, too."""
    payloads = {"clinic": payload("clinic", clinic), "police": payload("police", police)}
    pairs = {pair for draw in draws for pair in draw}
    links = AgencyLinks(best=draws[0], draws=draws, probability=dict.fromkeys(pairs, 0.5))
    cohort, eligible, _ = choose_cohort(agreement(quota), 1, payloads, "clinic", {"police": links}, REPORT, draws=DRAWS)
    return cohort, payloads, eligible


def refs(cohort: CohortPayload, payloads: dict[str, LinkPayload], row: int) -> set[tuple[str, int]]:
    found = set()
    for a, agency in enumerate(cohort.agencies):
        ids = [one.tobytes() for one in payloads[agency].envelope_id]
        found |= {
            (agency, ids.index(cohort.envelope_id[row, a, c].tobytes())) for c in np.flatnonzero(cohort.in_use[row, a])
        }
    return found


def test_the_rule_needs_both_agencies() -> None:
    same = [[(0, 0), (1, 1), (2, 2)]] * DRAWS
    cohort, payloads, eligible = choose([3, 2, 9], [2, 5, 1], same)
    assert (cohort.people, eligible) == (1, 1)
    assert refs(cohort, payloads, 0) == {("clinic", 0), ("police", 0)}
    assert cohort.chosen_in[:, 0].tolist() == [1] * DRAWS


def test_a_person_is_chosen_in_the_draws_that_meet_the_rule() -> None:
    draws = [[(0, 0)], [(0, 1)], [], [(0, 2)]]
    cohort, payloads, _ = choose([3, 5, 1], [2], draws)
    assert cohort.people == 1
    assert cohort.chosen_in[:, 0].tolist() == [1, 1, 0, 0]
    assert refs(cohort, payloads, 0) == {("clinic", 0), ("police", 0), ("police", 1)}
    police = cohort.agencies.index("police")
    assert cohort.draws[2:, 0].sum() == 0
    assert cohort.draws[0, 0, police].sum() == cohort.draws[1, 0, police].sum() == 1
    assert (cohort.draws[0, 0, police] != cohort.draws[1, 0, police]).any()


def test_somebody_an_agency_split_in_two_is_one_person() -> None:
    draws = [[(0, 0), (1, 0)]] * DRAWS
    cohort, payloads, _ = choose([3], [2, 1], draws)
    assert cohort.people == 1
    assert refs(cohort, payloads, 0) == {("clinic", 0), ("clinic", 1), ("police", 0)}


def test_higher_bands_come_first() -> None:
    same = [[(i, i) for i in range(6)]] * DRAWS
    for _ in range(5):
        cohort, payloads, eligible = choose([3, 10, 5, 3, 10, 3], [2] * 6, same, quota=3)
        assert eligible == 6
        chosen = {i for row in range(cohort.people) for agency, i in refs(cohort, payloads, row) if agency == "clinic"}
        assert chosen == {1, 2, 4}


def test_one_improbable_link_to_somebody_very_active_does_not_come_first() -> None:
    sure = [(0, 0), (1, 1)]
    draws = [sure, sure, sure, [(0, 0), (1, 1), (2, 2)]]
    for _ in range(5):
        cohort, payloads, eligible = choose([3, 3, 10], [2, 2, 10], draws, quota=2)
        assert eligible == 3
        chosen = {i for row in range(cohort.people) for agency, i in refs(cohort, payloads, row) if agency == "clinic"}
        assert chosen == {0, 1}


def test_nobody_matched_is_a_cohort_of_nobody_of_the_same_size() -> None:
    empty, _, _ = choose([3, 4], [2, 2], [[]] * DRAWS)
    full, _, _ = choose([3, 4], [2, 2], [[(0, 0), (1, 1)]] * DRAWS)
    assert (empty.people, full.people) == (0, 2)
    assert len(empty.to_bytes()) == len(full.to_bytes())
    assert CohortPayload.from_bytes(full.to_bytes()).people == 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_quota_holds_over_all_draws_and_candidates_are_capped(data: st.DataObject) -> None:
    n, quota = 8, data.draw(st.integers(1, 6))
    pair = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    matching = st.lists(pair, max_size=8, unique_by=(lambda p: p[0], lambda p: p[1]))
    draws = [data.draw(matching) for _ in range(DRAWS)]
    cohort, payloads, _ = choose([3] * n, [2] * n, draws, quota=quota)
    used: dict[str, set[int]] = {"clinic": set(), "police": set()}
    for row in range(cohort.people):
        found = refs(cohort, payloads, row)
        for agency in used:
            mine = {i for name, i in found if name == agency}
            assert len(mine) <= CANDIDATES
            used[agency] |= mine
        assert cohort.chosen_in[:, row].any()
    assert all(len(mine) <= quota for mine in used.values())


def test_all_refs_of_a_person_share_one_clock_that_is_not_the_true_one() -> None:
    same = [[(i, i) for i in range(20)]] * DRAWS
    cohort, payloads, _ = choose([3] * 20, [2] * 20, same)
    true = day_number(agreement().windows.follow_up[0])
    moved = set()
    for row in range(cohort.people):
        told = set()
        for a, agency in enumerate(cohort.agencies):
            ids = [one.tobytes() for one in payloads[agency].envelope_id]
            i = ids.index(cohort.envelope_id[row, a, 0].tobytes())
            day = shifted(true, int(payloads[agency].clock_offset[i]))
            told.add((day + int(cohort.clock_correction[row, a, 0])) % CIRCLE)
        assert len(told) == 1  # the same true day, seen at two agencies, is one day of the person's clock
        start = (int(cohort.follow_up_start[row]) - told.pop()) % CIRCLE
        assert 0 <= start <= 7 * agreement().windows.washout_weeks
        moved.add(start)
    assert len(moved) > 5
    assert len(set(cohort.follow_up_start[: cohort.people].tolist())) > 15


def test_the_linker_sees_two_classes_of_sex_and_not_which_is_which() -> None:
    f, m, none = b"\x07" * 8, b"\x03" * 8, b"\0" * 8
    classes = sex_classes({"police": payload("police", [1] * 4, [m, m, f, none])})
    assert classes.values == (m, f)
    assert classes.of_person["police"].tolist() == [0, 0, 1, -1]


def test_the_anchor_is_an_agency_of_which_the_rule_asks_something_by_itself() -> None:
    assert choose_anchor(agreement(), {"police": 900, "clinic": 200}) == "clinic"
    only_police = FORM.replace("rule = { police_any = 3, clinic_any = 2 }", "rule = { police_any = 3 }")
    assert choose_anchor(parse_agreement(only_police), {"police": 900, "clinic": 200}) == "police"
    mixed = only_police.replace('police_any = ["police.*"]', 'police_any = ["police.*", "clinic.*"]')
    with pytest.raises(AgreementForbids):
        choose_anchor(parse_agreement(mixed), {"police": 900, "clinic": 200})


def test_a_cell_of_the_joint_histogram_never_stands_hidden_alone() -> None:
    """Oracle: with the number of links told beside it, one hidden cell would be that number less the others."""
    counts = [3] * 30 + [10] * 20 + [5] * 4
    payloads = {"police": payload("police", counts), "clinic": payload("clinic", [1] * len(counts))}
    groups = tuple((("clinic", i), ("police", i)) for i in range(len(counts)))
    told = _histogram(payloads, cast(Linkage, SimpleNamespace(best_groups=lambda: groups)), 11, 5)
    assert {row.bands: row.people for row in told} == {("1", "3-4"): 30, ("1", "10+"): None, ("1", "5-9"): None}
