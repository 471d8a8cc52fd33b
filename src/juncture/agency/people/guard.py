"""Evidence of two people, weighed by how often each spelling was seen.

A father has a son, and both have records; a slip of the pen is made once. So a conflict with a spelling seen once may
be taken back, and two birthdays that a pair of slips could explain become a conflict where each is seen again and
again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.nodes import Spellings
from juncture.agency.people.splink_adapter import ScoredPairs

#: From this probability on, a first name and birthday seen once may be a slip of a person seen otherwise.
_SLIP_ABOVE = 0.9
#: A birthday in as many records is no slip.
_SURE_OF_BIRTHDAY = 3
#: Of the slips that a single pair of records shows, the share that an agency goes on copying.
_TWICE_BORN_ODDS = 0.01
#: By so many years a year of birth that was guessed from looks is often wrong.
_GUESSED_YEARS = 2

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def with_conflicts_weighed(pairs: ScoredPairs, spellings: Spellings) -> ScoredPairs:
    """``pairs`` with their conflicts weighed: some taken back, some added (see above).

    A conflict is taken back if one side was seen once only and either the pair is probably one person all the same, or
    both sides are slips of one and the same third birthday. A conflict is added where both birthdays were seen in three
    records or more and differ in more than a digit, an adjacent transposition, or a swap of day and month (where one is
    known in part: by more than two years); unless a number says that they are one person.
    """
    table = spellings.table
    born = pc.coalesce(table["birth"], pc.cast(table["birth_year"], pa.string()))
    code = _codes(pc.binary_join_element_wise(table["first_name"], born, " ").combine_chunks())
    seen = spellings.mentions.astype(np.float64)
    likely = pairs.probability > _SLIP_ABOVE
    alike = (code[pairs.left] == code[pairs.right]) & (code[pairs.left] >= 0) & likely
    left, right = pairs.left[alike], pairs.right[alike]
    support = seen + np.bincount(left, seen[right], len(seen)) + np.bincount(right, seen[left], len(seen))
    least = np.minimum(support[pairs.left], support[pairs.right])
    twice_born = ~pairs.conflict & (least >= _SURE_OF_BIRTHDAY)
    twice_born[twice_born] = _two_birthdays(table, pairs.left[twice_born], pairs.right[twice_born])
    once = pairs.conflict & (least < 2)
    dated = _codes(table["birth"].combine_chunks()) >= 0
    strong = np.flatnonzero(likely & (~pairs.conflict | once) & dated[pairs.left] & dated[pairs.right])
    doubted = np.flatnonzero(once & ~likely)
    involved = np.zeros(len(seen), bool)
    involved[pairs.left[doubted]] = involved[pairs.right[doubted]] = True
    near: dict[int, set[int]] = {}
    for i, j in zip(pairs.left[strong].tolist(), pairs.right[strong].tolist(), strict=True):
        if involved[i]:
            near.setdefault(i, set()).add(j)
        if involved[j]:
            near.setdefault(j, set()).add(i)
    nothing: set[int] = set()
    slip = once & likely
    for k in doubted.tolist():
        i, j = int(pairs.left[k]), int(pairs.right[k])
        slip[k] = not near.get(i, nothing).isdisjoint(near.get(j, nothing))
    odds = pairs.probability / np.maximum(1 - pairs.probability, 1e-12) * np.where(twice_born, _TWICE_BORN_ODDS, 1.0)
    probability = np.where(twice_born, np.round(odds / (1 + odds), 9), pairs.probability)
    return ScoredPairs(pairs.left, pairs.right, probability, (pairs.conflict | twice_born) & ~slip)


def _two_birthdays(table: pa.Table, left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> Bools:
    """Whether birth dates of two spellings differ by more than one slip, and no number says they are one."""
    digits = _digits(table["birth"].combine_chunks())
    one, two = digits[left], digits[right]
    full = (one[:, 0] >= 0) & (two[:, 0] >= 0)
    differ = one != two
    many = differ.sum(1)
    turned = (many == 2) & np.any(
        differ[:, :-1] & differ[:, 1:] & (one[:, :-1] == two[:, 1:]) & (one[:, 1:] == two[:, :-1]), axis=1
    )
    swapped = np.all(one == two[:, [0, 1, 2, 3, 6, 7, 4, 5]], axis=1)
    same_number = np.zeros(len(left), bool)
    for name in ("ssn4", "number"):
        number = _codes(table[name].combine_chunks())
        same_number |= (number[left] == number[right]) & (number[left] >= 0)
    year = np.asarray(pc.fill_null(table["birth_year"], 0).to_numpy(), np.int64)
    years = (year[left] > 0) & (year[right] > 0) & (np.abs(year[left] - year[right]) > _GUESSED_YEARS)
    return np.asarray(np.where(full, (many >= 2) & ~turned & ~swapped, years) & ~same_number)


def _digits(birth: pa.Array) -> npt.NDArray[np.int8]:
    """int8 [spellings, 8]: the digits of YYYYMMDD, -1 where the date is not full."""
    text = np.asarray(pc.fill_null(birth, "-" * 8).to_numpy(zero_copy_only=False), dtype="S8")
    letters = text.view(np.uint8).reshape(len(text), 8)
    return np.where(letters >= ord("0"), letters.astype(np.int16) - ord("0"), -1).astype(np.int8)


def _codes(values: pa.Array) -> Ints:
    """A number for each distinct value, -1 for null."""
    indices = pc.dictionary_encode(values).indices
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)
