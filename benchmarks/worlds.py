"""Made-up people and the files that agencies keep of them, with the truth, of any size and by seed.

Nobody here is real. Names follow the frequencies of the 1990 US Census where the data folder beside the project is
there, otherwise the made-up city's own pools; nicknames then come from a list that is not the product's own. People
live in households that share surname, address and often a telephone; among them are twins, and sons who bear their
father's name. What is drawn is decided for all rows at once; only the rows in which something goes wrong are touched
one by one, so a million people take well under a minute.

The kinds of errors are those of administrative records that P. Christen describes (Data Matching, Springer 2012); how
often each comes is a choice, made before anything was measured, and stands in :class:`Rates`.

Seeds below 1,000 are for development; results are told of seeds from 1,000 on.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.intake.table import SCHEMA
from juncture.agency.people.normalise import load_no_home, normalise
from juncture.agency.people.spellings import SPELLING_FIELDS
from juncture.rehearsal.city.names import nicknames as city_nicknames
from juncture.rehearsal.city.names import pools
from juncture.rehearsal.city.noise import misspell

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]
Mask = NDArray[np.bool_]

SHARED_NAMES = Path(__file__).resolve().parents[2] / "shared" / "data" / "names"
#: The year in which everybody is looked at.
TODAY = 2024
STREETS, ZIPS = 2_000, 40
#: Share of people by the number of spellings that an agency has of them: one, two, three, four.
SPELLINGS = (0.55, 0.25, 0.13, 0.07)
NO_HOME = ("Homeless", "NFA", "No fixed address", "40 Tidewater Shelter", "General Delivery", "Transient")
_HOUSEHOLD_SIZES = (0.28, 0.34, 0.15, 0.13, 0.06, 0.025, 0.015)
_STREET_TYPES = ("Street", "Avenue", "Road", "Court", "Place", "Terrace", "Drive", "Lane")
_SHORT_TYPES = ("St", "Ave", "Rd", "Ct", "Pl", "Ter", "Dr", "Ln")
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True)
class Rates:
    """Chance of each slip in one record, of the records in which it can happen.

    ``maiden``: of women with a maiden name, written under it; ``both_names``: under both, hyphenated. ``initial``: of
    middle names written at all, by the initial only. ``short_street``: "St" for "Street".

    Between two files, a person's own life goes on: ``moved_between`` and ``other_phone_between`` of people live
    elsewhere or have another number in the second file, ``changed_surname`` of women bear another surname there, and of
    those ``former_known`` are written under the former one, too, in one of several spellings.
    """

    typo_last: float = 0.05
    typo_first: float = 0.04
    nickname: float = 0.08
    swapped: float = 0.01
    no_last: float = 0.003
    no_first: float = 0.01
    maiden: float = 0.05
    both_names: float = 0.03
    no_middle: float = 0.45
    initial: float = 0.6
    typo_middle: float = 0.02
    no_birth: float = 0.03
    january_first: float = 0.015
    day_month: float = 0.015
    wrong_year: float = 0.02
    wrong_day: float = 0.015
    no_sex: float = 0.01
    wrong_sex: float = 0.004
    no_address: float = 0.1
    no_home: float = 0.03
    moved: float = 0.03
    typo_address: float = 0.05
    short_street: float = 0.5
    no_zip: float = 0.15
    no_phone: float = 0.4
    wrong_phone: float = 0.05
    no_ssn4: float = 0.6
    wrong_ssn4: float = 0.01
    moved_between: float = 0.2
    other_phone_between: float = 0.25
    changed_surname: float = 0.03
    former_known: float = 0.15

    def __post_init__(self) -> None:
        wrong = [field.name for field in fields(self) if not 0 <= getattr(self, field.name) <= 1]
        if wrong:
            raise ValueError(f"A chance lies between 0 and 1: {', '.join(wrong)}.")


#: Administrative records as they mostly are.
ADMINISTRATIVE = Rates()
#: Three women in ten are in the second file under another surname.
CHANGED_SURNAMES = Rates(changed_surname=0.3)
#: Nothing goes wrong, nothing is missing, nobody moves or marries.
FAULTLESS = Rates(**{field.name: 0.0 for field in fields(Rates)})


@dataclass(frozen=True)
class NamePool:
    """Names and the running sum of their shares, the last being 1."""

    names: Texts
    upto: NDArray[np.float64]

    def draw(self, rng: np.random.Generator, size: int) -> Texts:
        """``size`` names, object [size]."""
        return self.names[np.searchsorted(self.upto, rng.random(size), side="right")]


@cache
def name_pool(part: str) -> NamePool:
    """The pool of ``last``, ``female`` or ``male``."""
    listed = SHARED_NAMES / f"census1990_dist.{'all.last' if part == 'last' else f'{part}.first'}.gz"
    names: list[str] = []
    weights: list[float] = []
    if listed.exists():
        for line in gzip.decompress(listed.read_bytes()).decode("ascii").splitlines():
            name, share = line.split()[:2]
            names.append(name.title())
            # The list rounds to a thousandth of a per cent; a name at 0.000 is rarer, not absent.
            weights.append(max(float(share), 0.0003))
    else:
        for (which, _, sex), pool in sorted(pools().items()):
            if which == ("last" if part == "last" else "first") and sex == ("" if part == "last" else part):
                names += pool.names
                weights += np.diff([0.0, *pool.upto]).tolist()
    running = np.cumsum(weights)
    upto = running / running[-1]
    upto[-1] = 1.0
    return NamePool(np.array(names, dtype=object), upto)


@cache
def nicknames() -> dict[str, tuple[str, ...]]:
    """The nicknames of a first name, both with a capital."""
    listed = SHARED_NAMES / "pseudopeople_nicknames.csv"
    if not listed.exists():
        return dict(city_nicknames())
    with listed.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))[1:]
    found = {row[0].title(): tuple(name.strip().title() for name in row[1:] if name.strip()) for row in rows}
    return {name: short for name, short in found.items() if short}


def population(n: int, seed: int) -> pa.Table:
    """``n`` people in households, in random order.

    Columns: ``person`` (int32, 0..n-1 in order), ``household`` (int32), ``last_name``, ``maiden_name`` (null but for
    women who bear another surname now), ``first_name``, ``middle_name``, ``birth_year``, ``birth_month``,
    ``birth_day``, ``sex`` (female, male), ``address``, ``zip``, ``phone``, ``ssn4``.
    """
    rng = np.random.default_rng(seed)
    household, place, size = _households(n, rng)
    start = np.flatnonzero(place == 0)
    kind = rng.random(len(start))
    couple, parent = (kind < 0.62)[household], ((kind >= 0.62) & (kind < 0.82))[household]
    head = start[household]
    child = (size > 1) & ((couple & (place > 1)) | (parent & (place > 0)))
    partner = (size > 1) & couple & (place == 1)
    female = rng.random(n) < 0.49
    female = np.where(partner, ~female[head] ^ (rng.random(n) < 0.02), female)

    age = 18 + np.minimum(70 * rng.beta(1.6, 2.8, n), 75)
    age = np.where(partner, np.clip(age[head] + rng.normal(0, 4, n), 18, 95), age)
    younger = age[head] - rng.uniform(19, 38, n)
    age = np.where(child, np.where(younger < 10, rng.uniform(10, 18, n), younger), age)
    year, month, day = _births(age, rng)
    twin = np.flatnonzero(child[1:] & child[:-1] & (household[1:] == household[:-1]) & (rng.random(n - 1) < 0.03)) + 1
    for part in (year, month, day):
        part[twin] = part[twin - 1]

    last, maiden = _surnames(rng, female, age, head, partner, child)
    first, middle = _given(rng, n, female), _given(rng, n, female)
    namesake = np.flatnonzero(child & ~female & ~female[head] & (rng.random(n) < 0.07))
    first[namesake] = first[head[namesake]]
    again = twin[first[twin] == first[twin - 1]]
    first[again] = [_another(rng, first[k], "female" if female[k] else "male") for k in again.tolist()]
    middle[rng.random(n) < 0.1] = None

    address, zips = addresses(rng, len(start))
    home_phone = phones(rng, len(start))
    phone = np.where(rng.random(n) < 0.2, home_phone[household], phones(rng, n))
    phone[rng.random(n) < 0.06] = None
    ssn4 = _digits(rng, n, 4)
    order = rng.permutation(n)
    columns = {
        "household": household.astype(np.int32),
        "last_name": last,
        "maiden_name": maiden,
        "first_name": first,
        "middle_name": middle,
        "birth_year": year.astype(np.int16),
        "birth_month": month.astype(np.int8),
        "birth_day": day.astype(np.int8),
        "sex": np.where(female, "female", "male").astype(object),
        "address": address[household],
        "zip": zips[household],
        "phone": phone,
        "ssn4": ssn4,
    }
    made = {"person": pa.array(np.arange(n, dtype=np.int32))}
    return pa.table(made | {name: _array(values[order]) for name, values in columns.items()})


def written(people: pa.Table, rng: np.random.Generator, rates: Rates = ADMINISTRATIVE) -> pa.Table:
    """One record of each row of ``people`` as somebody typed it: ``person`` and ``SPELLING_FIELDS``, not normalised.

    ``people`` may hold a person several times; ``maiden_name`` and ``household`` may be missing.
    """
    n = people.num_rows
    last, first, middle, address, zips, phone, ssn4, sex = (
        _objects(people, name)
        for name in ("last_name", "first_name", "middle_name", "address", "zip", "phone", "ssn4", "sex")
    )
    _write_surnames(last, _objects(people, "maiden_name"), rng, rates)
    short = nicknames()
    for k in _chosen(rng, n, rates.nickname):
        if first[k] in short:
            first[k] = short[first[k]][int(rng.random() * len(short[first[k]]))]
    _touched(first, _chosen(rng, n, rates.typo_first), lambda text: misspell(rng, text))
    _touched(last, _chosen(rng, n, rates.typo_last), lambda text: misspell(rng, text))
    _touched(middle, _chosen(rng, n, rates.typo_middle), lambda text: misspell(rng, text))
    _touched(middle, _chosen(rng, n, rates.initial), lambda text: text[:1])
    turned = _chosen(rng, n, rates.swapped)
    last[turned], first[turned] = first[turned], last[turned]
    birth = _write_births(people, rng, rates)
    wrong = _chosen(rng, n, rates.wrong_sex)
    sex[wrong] = np.where(sex[wrong] == "female", "male", "female")
    _write_addresses(address, zips, rng, rates)
    wrong = _chosen(rng, n, rates.wrong_phone)
    phone[wrong] = phones(rng, len(wrong))
    _touched(ssn4, _chosen(rng, n, rates.wrong_ssn4), lambda text: _wrong_digit(rng, text))
    for values, rate in (
        (last, rates.no_last),
        (first, rates.no_first),
        (middle, rates.no_middle),
        (sex, rates.no_sex),
        (zips, rates.no_zip),
        (phone, rates.no_phone),
        (ssn4, rates.no_ssn4),
    ):
        values[_chosen(rng, n, rate)] = None
    texts = dict(zip(("last_name", "first_name", "middle_name"), (last, first, middle), strict=True))
    texts |= {"sex": sex, "address": address, "zip": zips, "phone": phone, "ssn4": ssn4}
    columns = {name: _array(values) for name, values in texts.items()} | birth
    return pa.table({"person": people["person"].combine_chunks()} | {name: columns[name] for name in SPELLING_FIELDS})


def later(people: pa.Table, rng: np.random.Generator, rates: Rates) -> pa.Table:
    """The same people in another agency's time: some have moved, have another number, bear another surname.

    A column ``former_name`` is added, null but for those whose surname changed. A woman with a maiden name has gone
    back to it in half of these cases, otherwise she took a new one.
    """
    n = people.num_rows
    address, zips, phone, last, maiden = (
        _objects(people, name) for name in ("address", "zip", "phone", "last_name", "maiden_name")
    )
    gone = _chosen(rng, n, rates.moved_between)
    address[gone], zips[gone] = addresses(rng, len(gone))
    other = _chosen(rng, n, rates.other_phone_between)
    phone[other] = phones(rng, len(other))
    former = np.full(n, None, dtype=object)
    women = np.flatnonzero(_objects(people, "sex") == "female")
    for k in women[_chosen(rng, len(women), rates.changed_surname)].tolist():
        former[k] = last[k]
        back = maiden[k] is not None and rng.random() < 0.5
        last[k], maiden[k] = (maiden[k], None) if back else (_another(rng, last[k], "last"), maiden[k] or last[k])
    for name, values in (("address", address), ("zip", zips), ("phone", phone), ("last_name", last)):
        people = people.set_column(people.column_names.index(name), name, _array(values))
    people = people.set_column(people.column_names.index("maiden_name"), "maiden_name", _array(maiden))
    return people.append_column("former_name", _array(former))


def spelling_table(
    people: pa.Table,
    rng: np.random.Generator,
    rates: Rates = ADMINISTRATIVE,
    *,
    shares: Sequence[float] = SPELLINGS,
) -> pa.Table:
    """What an agency would encode: ``person`` (int32, the row of ``people``) and ``SPELLING_FIELDS``, normalised.

    A person has as many records as drawn from ``shares`` (one, two, ...); equal ones are one spelling. With a column
    ``former_name``, as :func:`later` adds it, ``rates.former_known`` of those who have one get a record under it.
    """
    n = people.num_rows
    many = 1 + np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")
    row = np.repeat(np.arange(n), many)
    drawn = people.take(pa.array(row))
    drawn = drawn.set_column(drawn.column_names.index("person"), "person", pa.array(row.astype(np.int32)))
    if "former_name" in people.column_names:
        former = _objects(people, "former_name")
        known = np.flatnonzero(_there(former))
        known = known[_chosen(rng, len(known), rates.former_known)]
        extra = people.take(pa.array(known))
        extra = extra.set_column(extra.column_names.index("last_name"), "last_name", _array(former[known]))
        extra = extra.set_column(extra.column_names.index("person"), "person", pa.array(known.astype(np.int32)))
        drawn = pa.concat_tables([drawn, extra])
    return as_spellings(written(drawn, rng, rates))


def as_spellings(records: pa.Table) -> pa.Table:
    """Records (``person``, ``SPELLING_FIELDS``) normalised as the product does, distinct, grouped by person."""
    columns = normalise(records, load_no_home())
    table = pa.table({"person": records["person"]} | {name: columns[name] for name in SPELLING_FIELDS})
    table = table.group_by(["person", *SPELLING_FIELDS], use_threads=False).aggregate([])
    filled = sum(np.asarray(pc.is_valid(table[name])).astype(np.int64) for name in SPELLING_FIELDS)
    # Stable sorts, the last of which counts most: by person, the most complete spelling first.
    order = np.argsort(-np.asarray(filled), kind="stable")
    order = order[np.argsort(table["person"].to_numpy()[order], kind="stable")]
    return table.take(pa.array(order)).combine_chunks()


def two_files(
    n_a: int, n_b: int, n_both: int, seed: int, rates: Rates = ADMINISTRATIVE
) -> tuple[pa.Table, pa.Table, Ints]:
    """Two agencies' spellings of ``n_a`` and ``n_b`` people, ``n_both`` of them the same people.

    Returns ``(a, b, truth)``: two tables as :func:`spelling_table` makes them and int64 [n_both, 2], the numbers of
    each common person in ``a`` and ``b``. Relatives of a common person may be in either file, in both or in none.
    """
    a, b, truth = two_files_of_people(n_a, n_b, n_both, seed, rates)
    rng = np.random.default_rng([seed, 2])
    return spelling_table(a, rng, rates), spelling_table(b, rng, rates), truth


def two_files_of_people(
    n_a: int, n_b: int, n_both: int, seed: int, rates: Rates = ADMINISTRATIVE
) -> tuple[pa.Table, pa.Table, Ints]:
    """The true people behind :func:`two_files`: row k is person k of the file."""
    if not 0 <= n_both <= min(n_a, n_b):
        raise ValueError("No more people can be in both files than in either.")
    whole = population(n_a + n_b - n_both, seed)
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(whole.num_rows)
    a, b = rng.permutation(order[:n_a]), rng.permutation(np.r_[order[:n_both], order[n_a:]])
    place = np.full(whole.num_rows, -1, np.int64)
    place[b] = np.arange(n_b)
    both = np.flatnonzero(np.isin(a, order[:n_both]))
    truth = np.stack([both, place[a[both]]], axis=1)
    return whole.take(pa.array(a)), later(whole.take(pa.array(b)), rng, rates), truth


def mentions(
    contacts: int, people: pa.Table, seed: int, rates: Rates = ADMINISTRATIVE, *, nameless: float = 0.01
) -> tuple[pa.Table, NDArray[np.int32]]:
    """``contacts`` contacts of ``people``: ``(mentions, true person)``.

    The table has the columns that reading an export gives. Who has how many contacts is skewed: most people one or
    two, a few very many; everybody has one at least where there are enough. An agency has its habitual way of writing
    a person, errors included, and departs from it a little each time. The true person, int32 [contacts], is the row of
    ``people``, -1 for the share ``nameless`` of contacts that name nobody.
    """
    rng = np.random.default_rng(seed)
    n = people.num_rows
    who = _contacts(contacts, n, rng)
    habit = written(people, rng, replace(rates, no_birth=0.01, no_address=0.03, no_zip=0.05, no_phone=0.2, no_sex=0.0))
    habit = habit.append_column("maiden_name", people["maiden_name"])
    names = ("typo_last", "typo_first", "nickname", "swapped", "no_last", "no_first", "january_first", "day_month",
             "wrong_year", "wrong_day", "wrong_sex", "wrong_phone", "wrong_ssn4", "typo_address", "initial",
             "typo_middle")  # fmt: skip
    each = replace(rates, **{name: 0.5 * getattr(rates, name) for name in names})
    table = written(habit.take(pa.array(who)), rng, each)
    columns = {name: table[name].combine_chunks() for name in SPELLING_FIELDS}
    unnamed = rng.random(contacts) < nameless
    nothing = pa.array(unnamed)
    for name in SPELLING_FIELDS:
        if name not in ("sex", "address", "zip"):
            columns[name] = pc.if_else(nothing, pa.scalar(None, columns[name].type), columns[name])
    number = pc.binary_join_element_wise("C", pc.utf8_lpad(pc.cast(pa.array(np.arange(contacts)), pa.string()), 9, "0"),
                                         "")  # fmt: skip
    start = np.datetime64("2012-01-01T00:00:00", "s") + rng.integers(0, 4 * 365 * 86_400, contacts)
    columns |= {"record_id": number, "contact_id": number, "nameless": nothing, "start": pa.array(start)}
    columns["kind"] = pa.array(np.full(contacts, "police.incident", dtype=object), pa.string())
    columns["role"] = pa.array(np.full(contacts, "subject", dtype=object), pa.string())
    empty = pa.ListArray.from_arrays(pa.array(np.zeros(contacts + 1, np.int32)), pa.array([], pa.string()))
    columns["alias"] = empty
    made = pa.table({f.name: columns.get(f.name, pa.nulls(contacts, f.type)).cast(f.type) for f in SCHEMA})
    return made, np.where(unnamed, -1, who).astype(np.int32)


def addresses(rng: np.random.Generator, size: int) -> tuple[Texts, Texts]:
    """Addresses and their ZIP codes, object [size] each; long streets have more of them."""
    if not size:
        return np.zeros(0, dtype=object), np.zeros(0, dtype=object)
    street = np.minimum((STREETS * rng.random(size) ** 1.7).astype(np.int64), STREETS - 1)
    house = 1 + (420 * rng.random(size) ** 1.4).astype(np.int64)
    flat = 1 + rng.integers(0, 30, size)
    text = np.char.add(np.char.add(house.astype(str), " "), _streets()[street])
    unit = np.char.add(np.char.add(text, " Apt "), flat.astype(str))
    zips = np.char.add("02", np.char.zfill((100 + street % ZIPS).astype(str), 3))
    return np.where(rng.random(size) < 0.4, unit, text).astype(object), zips.astype(object)


def phones(rng: np.random.Generator, size: int) -> Texts:
    """Telephone numbers under an area code that does not exist, object [size]."""
    return np.char.add("555", _digits(rng, size, 7).astype(str)).astype(object)


@cache
def _streets() -> NDArray[np.str_]:
    rng = np.random.default_rng(20_240_101)
    names = np.unique(name_pool("last").draw(rng, 40 * STREETS).astype(str))
    names = names[rng.permutation(len(names))]
    kinds = np.array(_STREET_TYPES)[rng.integers(0, len(_STREET_TYPES), STREETS)]
    return np.char.add(np.char.add(np.resize(names, STREETS), " "), kinds)


def _households(n: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Household, place within it and its size, a person each."""
    sizes = 1 + rng.choice(len(_HOUSEHOLD_SIZES), n, p=_HOUSEHOLD_SIZES)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), n)) + 1]
    household = np.repeat(np.arange(len(sizes)), sizes)[:n]
    start = np.searchsorted(household, np.arange(len(sizes)))
    return household, np.arange(n) - start[household], np.bincount(household)[household]


def _births(age: NDArray[np.float64], rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    year = (TODAY - age).astype(np.int64)
    month = rng.integers(1, 13, len(age))
    return year, month, 1 + (rng.random(len(age)) * _DAYS[month - 1]).astype(np.int64)


def _surnames(
    rng: np.random.Generator, female: Mask, age: NDArray[np.float64], head: Ints, partner: Mask, child: Mask
) -> tuple[Texts, Texts]:
    n = len(female)
    pool = name_pool("last")
    born = pool.draw(rng, n)
    last, maiden = born.copy(), np.full(n, None, dtype=object)
    takes = rng.random(n) < 0.75
    wife = np.flatnonzero(partner & female & takes)
    last[wife] = born[head[wife]]
    # Where the woman is the head, she bears the partner's name.
    husband = np.flatnonzero(partner & ~female & takes)
    last[head[husband]] = born[husband]
    alone = np.flatnonzero(female & ~partner & ~child & (age > 28) & (last == born) & (rng.random(n) < 0.28))
    last[alone] = pool.draw(rng, len(alone))
    # Children bear the head's surname, or, of a mother who lives alone, often another.
    follows = np.flatnonzero(child)
    elsewhere = female[head[follows]] & (rng.random(len(follows)) < 0.25)
    last[follows] = np.where(elsewhere, born[follows], last[head[follows]])
    # Grown daughters who live at home again may bear a husband's name.
    grown = np.flatnonzero(child & female & (age > 25) & (rng.random(n) < 0.15))
    maiden[grown] = last[grown]
    last[grown] = pool.draw(rng, len(grown))
    changed = np.flatnonzero(female & ~child & (last != born))
    maiden[changed] = born[changed]
    maiden[maiden == last] = None
    return last, maiden


def _given(rng: np.random.Generator, n: int, female: Mask) -> Texts:
    return np.where(female, name_pool("female").draw(rng, n), name_pool("male").draw(rng, n))


def _another(rng: np.random.Generator, taken: str, part: str) -> str:
    while True:
        name = str(name_pool(part).draw(rng, 1)[0])
        if name != taken:
            return name


def _write_surnames(last: Texts, maiden: Texts, rng: np.random.Generator, rates: Rates) -> None:
    known = np.flatnonzero(_there(maiden))
    die = rng.random(len(known))
    under = known[die < rates.maiden]
    last[under] = maiden[under]
    for k in known[(die >= rates.maiden) & (die < rates.maiden + rates.both_names)].tolist():
        if last[k] is not None:
            last[k] = f"{maiden[k]}-{last[k]}"


def _write_births(people: pa.Table, rng: np.random.Generator, rates: Rates) -> dict[str, pa.Array]:
    kinds = {"birth_year": pa.int16(), "birth_month": pa.int8(), "birth_day": pa.int8()}
    parts = [pc.fill_null(pc.cast(people[name], pa.int64()), 0).to_numpy().copy() for name in kinds]
    year, month, day = parts
    n = len(year)
    for k in _chosen(rng, n, rates.wrong_year):
        if year[k]:
            year[k] += int(rng.choice((-10, -2, -1, 1, 2, 10)))
    for k in _chosen(rng, n, rates.wrong_day):
        if day[k] and month[k]:
            day[k] = 1 + (day[k] - 1 + int(rng.choice((-10, -1, 1, 10)))) % 28
    turned = np.flatnonzero((day <= 12) & (day > 0) & (month > 0) & (day != month))
    turned = turned[_chosen(rng, len(turned), rates.day_month)]
    month[turned], day[turned] = day[turned], month[turned]
    default = _chosen(rng, n, rates.january_first)
    month[default], day[default] = np.where(year[default] > 0, 1, 0), np.where(year[default] > 0, 1, 0)
    gone = _chosen(rng, n, rates.no_birth)
    for part in parts:
        part[gone] = 0
    return {
        name: pa.array(part, kind, mask=part == 0, safe=True)
        for (name, kind), part in zip(kinds.items(), parts, strict=True)
    }


def _write_addresses(address: Texts, zips: Texts, rng: np.random.Generator, rates: Rates) -> None:
    n = len(address)
    gone = _chosen(rng, n, rates.moved)
    address[gone], zips[gone] = addresses(rng, len(gone))
    short = dict(zip(_STREET_TYPES, _SHORT_TYPES, strict=True))

    def shorten(text: str) -> str:
        return " ".join(short.get(word, word) for word in text.split(" "))

    _touched(address, _chosen(rng, n, rates.short_street), shorten)
    _touched(address, _chosen(rng, n, rates.typo_address), lambda text: misspell(rng, text))
    nowhere = _chosen(rng, n, rates.no_home)
    address[nowhere] = np.array(NO_HOME, dtype=object)[rng.integers(0, len(NO_HOME), len(nowhere))]
    zips[nowhere] = None
    address[_chosen(rng, n, rates.no_address)] = None


def _wrong_digit(rng: np.random.Generator, digits: str) -> str:
    place = int(rng.random() * len(digits))
    other = (int(digits[place]) + 1 + int(rng.random() * 9)) % 10
    return f"{digits[:place]}{other}{digits[place + 1 :]}"


def _contacts(contacts: int, n: int, rng: np.random.Generator) -> Ints:
    """Whose each contact is: one each while they last, the rest by a weight with a long tail, in random order."""
    first = rng.permutation(n)[:contacts]
    upto = np.cumsum(np.minimum(rng.pareto(1.3, n), 120) + 0.02)
    more = np.searchsorted(upto, rng.random(contacts - len(first)) * upto[-1], side="right")
    return rng.permutation(np.r_[first, np.minimum(more, n - 1)])


def _chosen(rng: np.random.Generator, n: int, rate: float) -> Ints:
    """The rows, of ``n``, to which it happens."""
    return np.flatnonzero(rng.random(n) < rate)


def _touched(values: Texts, rows: Ints, change: Callable[[str], str]) -> None:
    for k in rows.tolist():
        if values[k]:
            values[k] = change(values[k])


def _digits(rng: np.random.Generator, size: int, length: int) -> Texts:
    if not size:
        return np.zeros(0, dtype=object)
    return np.char.zfill(rng.integers(0, 10**length, size).astype(str), length).astype(object)


def _objects(table: pa.Table, name: str) -> Texts:
    """A column as texts to write in; all None where there is none of that name."""
    if name not in table.column_names:
        return np.full(table.num_rows, None, dtype=object)
    return np.array(table[name].combine_chunks().to_numpy(zero_copy_only=False), dtype=object)


def _there(values: Texts) -> Mask:
    return np.asarray(pc.is_valid(pa.array(values, pa.string())))


def _array(values: NDArray[np.generic]) -> pa.Array:
    return pa.array(values, pa.string()) if values.dtype == object else pa.array(values)
