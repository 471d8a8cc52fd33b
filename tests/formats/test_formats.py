"""Payloads: what is written is read back, and nothing else is believed."""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.base.errors import PackageRefused
from juncture.formats.arrays import DTYPES, pack, unpack
from juncture.formats.clock import CIRCLE, day_number, random_offset, shifted, signed_difference
from juncture.formats.link import EncodedField, LinkPayload
from juncture.formats.release import BandTotals, HistogramRow, ReleasePayload
from juncture.formats.tables import Column, ColumnKind, Proposal, ProposedRow, ProposedTable, ReleasedTable
from juncture.formats.timeline import ReleasedContact, Timeline


def random_bytes(*shape: int) -> np.ndarray:
    return np.frombuffer(secrets.token_bytes(int(np.prod(shape))), dtype=np.uint8).reshape(shape).copy()


def link_payload(n: int = 3) -> LinkPayload:
    start = np.arange(n + 1, dtype=np.int32) * 2
    part = EncodedField(bits=random_bytes(2 * n, 8), present=np.ones(2 * n, dtype=bool))
    key = EncodedField(bits=random_bytes(2 * n, 16), present=np.zeros(2 * n, dtype=bool))
    return LinkPayload(
        agency="police",
        round=1,
        families=("clinic_any", "police_any"),
        profile="field",
        confirmation="ab" * 48,
        envelope_id=random_bytes(n, 16),
        unlock_token=random_bytes(n, 32),
        clock_offset=np.array([random_offset() for _ in range(n)], dtype=np.int32),
        bands=np.zeros((n, 2), dtype=np.uint8),
        spelling_start=start,
        joint_tokens=random_bytes(n, 4, 16),
        fields={"last_name": part},
        keys={"last_birth": key},
    )


@given(
    st.lists(st.tuples(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 4), max_size=3)), max_size=4),
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
)
def test_arrays_come_back_as_they_were(specs: list[tuple[str, list[int]]], facts: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": rng.integers(0, 100, size=shape).astype(DTYPES[code]) for i, (code, shape) in enumerate(specs)}
    read = unpack(pack("thing", 1, facts, arrays), "thing", 1)
    assert dict(read.facts) == facts
    assert list(read.arrays) == list(arrays)
    for name, array in arrays.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)


@settings(max_examples=300)
@given(st.data())
def test_no_changed_byte_makes_the_reader_fail_otherwise_than_by_refusal(data: st.DataObject) -> None:
    packed = bytearray(link_payload().to_bytes())
    if data.draw(st.booleans()):
        packed = packed[: data.draw(st.integers(0, len(packed) - 1))]
    else:
        at = data.draw(st.integers(0, min(len(packed) - 1, 1500)))
        packed[at] ^= data.draw(st.integers(1, 255))
    try:
        read = LinkPayload.from_bytes(bytes(packed))
    except PackageRefused:
        return
    assert read.people == 3  # a flipped byte inside an array is another array; the signature is what finds it


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    for reader in (LinkPayload.from_bytes, ReleasePayload.from_bytes, Timeline.from_bytes, Proposal.from_bytes):
        with pytest.raises(PackageRefused):
            reader(noise)


def test_a_head_that_promises_a_huge_array_costs_nothing() -> None:
    head = b'{"arrays":[["x","u1",[4000000000,4000000000]]],"facts":{},"payload":"thing","version":1}'
    with pytest.raises(PackageRefused, match="impossible shape"):
        unpack(b"JNCA" + len(head).to_bytes(4, "big") + head, "thing", 1)


def test_another_version_is_refused_with_a_way_out() -> None:
    with pytest.raises(PackageRefused, match="same version of Juncture"):
        unpack(pack("thing", 2, {}, {}), "thing", 1)


def test_link_payload_comes_back() -> None:
    sent = link_payload()
    read = LinkPayload.from_bytes(sent.to_bytes())
    assert read.agency == "police" and read.people == 3 and read.families == sent.families
    np.testing.assert_array_equal(read.fields["last_name"].bits, sent.fields["last_name"].bits)
    np.testing.assert_array_equal(read.keys["last_birth"].present, sent.keys["last_birth"].present)


def test_release_payload_comes_back_with_each_envelope_under_its_id() -> None:
    sealed = {secrets.token_bytes(16): secrets.token_bytes(size) for size in (64, 64, 128)}
    rows, totals = (HistogramRow("female", "0", "10+", None),), (BandTotals("female", "10+", 15, 200, None, None),)
    sent = ReleasePayload("police", 1, "00" * 32, "11" * 16, sealed, rows, totals)
    read = ReleasePayload.from_bytes(sent.to_bytes())
    assert dict(read.sealed) == sealed
    assert (read.histogram, read.totals) == (sent.histogram, sent.totals)


def test_timeline_comes_back() -> None:
    sent = Timeline(
        sex="female",
        age_band="30-39",
        race=None,
        ethnicity=None,
        contacts=(ReleasedContact(12, 3, "clinic.inpatient_stay", "subject", 20, 1),),
    )
    assert Timeline.from_bytes(sent.to_bytes()) == sent


def test_tables_come_back() -> None:
    columns = (Column("stratum", "Group", ColumnKind.LABEL), Column("people", "People", ColumnKind.PEOPLE))
    proposed = ProposedTable("cohort", "Who", "", columns, (ProposedRow(("all", 40), (40,), "sex", True),))
    sent = Proposal("small-town", 1, {"method": "words"}, (proposed,))
    assert Proposal.from_bytes(sent.to_bytes()) == sent
    released = ReleasedTable("cohort", "Who", "", columns, (("all", 40), ("women", None)), ("", "fewer than 11 people"))
    assert ReleasedTable.from_bytes(released.to_bytes()) == released


@pytest.mark.parametrize("name", ["../../public/x", "/etc/x", "a/b", "a.b", "", "=a", "A", "a" * 41])
def test_a_table_or_column_whose_name_could_be_a_path_or_a_formula_is_refused(name: str) -> None:
    for table, column in ((name, "people"), ("cohort", name)):
        columns = (Column(column, "People", ColumnKind.PEOPLE),)
        with pytest.raises(PackageRefused, match="is named by"):
            Proposal("small-town", 1, {}, (ProposedTable(table, "", "", columns, ()),))
        with pytest.raises(PackageRefused, match="is named by"):
            ReleasedTable.from_bytes(ReleasedTable(table, "", "", columns, (), ()).to_bytes())


def test_two_tables_of_one_name_and_a_share_that_is_no_number_are_refused() -> None:
    columns = (Column("people", "People", ColumnKind.PEOPLE),)
    table = ProposedTable("cohort", "", "", columns, ())
    with pytest.raises(PackageRefused, match="a name of its own"):
        Proposal("small-town", 1, {}, (table, table))
    with pytest.raises(PackageRefused, match="largest share"):
        ProposedTable("cohort", "", "", columns, (ProposedRow((40,), (40,), largest_share=float("nan")),))


def test_a_payload_prints_no_token_and_a_person_has_a_limited_number_of_spellings() -> None:
    sent = link_payload()
    assert "unlock_token" not in repr(sent)
    many = 13
    start = np.array([0, many], dtype=np.int32)
    part = EncodedField(bits=random_bytes(many, 8), present=np.ones(many, dtype=bool))
    with pytest.raises(PackageRefused, match="at most 12 spellings"):
        replace(link_payload(1), spelling_start=start, fields={"last_name": part}, keys={})


def test_a_name_of_an_array_that_a_terminal_would_obey_is_refused_without_being_repeated() -> None:
    data = pack("thing", 1, {}, {"\x1b[2J": np.zeros(1, dtype=np.uint8)})
    with pytest.raises(PackageRefused) as caught:
        unpack(data, "thing", 1)
    assert "\x1b" not in str(caught.value)


@given(st.integers(-20_000, 40_000), st.integers(-9_000, 9_000), st.integers(0, 5_199))
def test_shifted_days_keep_gaps_and_weekday(day: int, gap: int, weeks: int) -> None:
    offset = 7 * weeks
    assert int(signed_difference(shifted(day + gap, offset), shifted(day, offset))) == gap
    assert (shifted(day, offset) - day) % 7 == 0


def test_every_shift_is_equally_likely_for_every_day() -> None:
    from datetime import date

    for day in (day_number(date(1971, 1, 1)), day_number(date(2025, 6, 3))):
        seen = {shifted(day, 7 * weeks) for weeks in range(CIRCLE // 7)}
        assert len(seen) == CIRCLE // 7
