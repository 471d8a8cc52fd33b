"""Last contacts with values put together until no row is about too few people, nor can one be worked out.

Within a group of people the shares of the values add up, and women and men add up to everybody: a row that is hidden
for being about few could be worked out in either direction. So nothing is left to be hidden: kinds that too few people
met are told as one, ``other``, days as wider bands, and rows of women or men are left out where they would tell of the
few others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from juncture.analyst.findings.last_contact import NONE, LastContacts
from juncture.analyst.findings.model import LastContactFinding, LastContactMeasure, Stratum

OTHER = "other"
#: No row in which one person has more than this share of the crises.
DOMINANT_SHARE = 0.5
#: Rows by sex are told where they leave this share of the values that can be told of everybody alone.
LEAST_VALUES = 0.5

Pool = tuple[int, ...]
Safe = Callable[[Sequence[int]], bool]


def pooled_last_contacts(contacts: LastContacts, threshold: int) -> tuple[LastContactFinding, ...]:
    """Rows of at least ``threshold`` people with such a crisis, in which every other number of people, also among those
    whom a reader can work out, is 0 or as many; none of a measure of which fewer than two rows could be told.

    What nobody met last is put together with others like what few did: otherwise the only one would show.
    """
    told = {measure: _told(contacts, measure, threshold, none_alone=True) for measure in contacts.table.values}
    last = {measure: len(values) - 1 for measure, values in contacts.table.values.items()}
    if len({len(pool) > 1 for measure, (_, pools) in told.items() for pool in pools if last[measure] in pool}) > 1:
        # No contact is the same crises in both measures: alone in one it would tell what it is put together with in
        # the other.
        told = {measure: _told(contacts, measure, threshold, none_alone=False) for measure in contacts.table.values}
    found: list[LastContactFinding] = []
    for measure, (strata, pools) in told.items():
        for pool in pools:
            name = _name(measure, contacts.table.values[measure], pool)
            found += [contacts.finding(measure, name, pool, stratum) for stratum in strata]
    return tuple(found)


def _told(
    contacts: LastContacts, measure: LastContactMeasure, threshold: int, *, none_alone: bool
) -> tuple[tuple[Stratum, ...], list[Pool]]:
    """Groups that have rows of one measure, and the values of each row."""
    pooling = _pool_kinds if measure is LastContactMeasure.KIND else _pool_days
    size = len(contacts.table.values[measure])
    chosen: tuple[Stratum, ...] = ()
    pools: list[Pool] = []
    for strata in (tuple(Stratum), (Stratum.ALL, _larger(contacts)), (Stratum.ALL,)):
        told = pooling(contacts, size, _safe(contacts, measure, strata, threshold), none_alone=none_alone)
        # With fewer rows by sex there is more to tell.
        if not pools or len(pools) < LEAST_VALUES * len(told):
            chosen, pools = strata, told
    return chosen, pools


def _larger(contacts: LastContacts) -> Stratum:
    """Women or men, whoever are more."""
    return max((Stratum.WOMEN, Stratum.MEN), key=lambda sex: int(contacts.matchings.members(sex).sum()))


def _safe(contacts: LastContacts, measure: LastContactMeasure, strata: Sequence[Stratum], threshold: int) -> Safe:
    def safe(pool: Sequence[int]) -> bool:
        tally = contacts.tally(measure, pool)
        people = [tally.people(stratum) for stratum in strata]
        # Whom the rows by sex leave: nobody where both are told, else at least as many as the threshold.
        left = [whole - sum(parts) for whole, *parts in zip(*people, strict=True)] if len(strata) > 1 else []
        if len(strata) == len(Stratum) and any(left):
            return False
        counts = [n for row in (*people, left) for n in row]
        if any(row[0] < threshold for row in people) or any(0 < n < threshold for n in counts):
            return False
        shares = [tally.largest_share(stratum) for stratum in strata]
        return not any(share > DOMINANT_SHARE for share in shares)

    return safe


def _pool_kinds(contacts: LastContacts, size: int, safe: Safe, *, none_alone: bool) -> list[Pool]:
    """Kinds that can be told alone, the most people first, and all others together; the rarest join the others until
    these can be told. No contact at all, the last of the values, is told last."""
    people = [contacts.tally(LastContactMeasure.KIND, (k,)).people(Stratum.ALL)[0] for k in range(size)]
    kinds = range(size if none_alone else size - 1)
    alone = sorted((k for k in kinds if safe((k,))), key=lambda k: (-people[k], k))
    while alone:
        rest = tuple(k for k in range(size) if k not in alone)
        if safe(rest) and (none_alone or safe(rest[:-1])):
            known = [(k,) for k in alone if k != size - 1]
            return [*known, rest, *([(size - 1,)] if size - 1 in alone else [])]
        alone.pop()
    return []


def _pool_days(contacts: LastContacts, size: int, safe: Safe, *, none_alone: bool) -> list[Pool]:
    """Neighbouring bands joined until each can be told: a band that cannot joins its neighbour with fewer people."""
    pools: list[Pool] = [(k,) for k in range(size)]
    if not none_alone:
        pools[-2:] = [pools[-2] + pools[-1]]
    while len(pools) > 1:
        unsafe = next((i for i, pool in enumerate(pools) if not safe(pool)), None)
        if unsafe is None:
            return pools
        people = [contacts.tally(LastContactMeasure.DAYS, pool).people(Stratum.ALL)[0] for pool in pools]
        neighbour = min((i for i in (unsafe - 1, unsafe + 1) if 0 <= i < len(pools)), key=lambda i: people[i])
        low, high = sorted((unsafe, neighbour))
        pools[low : high + 1] = [pools[low] + pools[high]]
    return []


def _name(measure: LastContactMeasure, values: Sequence[str], pool: Pool) -> str:
    if len(pool) == 1:
        return values[pool[0]]
    if measure is LastContactMeasure.KIND:
        return OTHER
    first, last = values[pool[0]].split("-")[0], values[pool[-1]]
    return f"{first}+" if last == NONE else f"{first}-{last.split('-')[-1]}"
