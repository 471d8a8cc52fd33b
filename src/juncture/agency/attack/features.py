"""What of a person can be compared between a package and a list without a key: lengths, masks, how common a value is
and how like the others.

The node features of Vidanage, Christen, Ranbaduge and Schnell (CIKM 2020); each is weighed by how much two encodings of
one list under two keys differ in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from juncture.agency.attack.seen import Floats, Index, Part, Seen

_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
#: Log-likelihood lost where one side has a field that the other lacks: lists and exports differ in this.
_UNLIKE_MASK = 2.0
#: No single feature says more than this.
_MOST = 12.0


def lengths_and_masks(package: Seen, own: Sequence[Seen]) -> Floats:
    """Log-likelihood of pairs from the number of set bits of each field and from which fields are there."""
    out = np.zeros((package.people, own[0].people), dtype=np.float32)
    for name, part in package.fields.items():
        listed = [side.fields[name] for side in own]
        both = part.there[:, None] & listed[0].there
        out -= _UNLIKE_MASK * (part.there[:, None] != listed[0].there)
        if part.rows.shape[1]:
            out += np.where(both, _near(_length(part), np.stack([_length(one) for one in listed])), 0)
    return out


def how_common(package: Seen, own: Seen) -> Floats:
    """Log-likelihood of pairs from how many others have an equal value of each field and match key.

    A value that a share f of the list bears is borne by a Poisson number, (n - 1) f on average, of others.
    """
    out = np.zeros((package.people, own.people), dtype=np.float32)
    for here, there in ((package.fields, own.fields), (package.keys, own.keys)):
        for name, part in here.items():
            if not part.rows.shape[1]:
                continue
            mine, listed = others(part.kinds), others(there[name].kinds)
            expected = (np.arange(listed.max(initial=0) + 1) + 0.3) * (package.people / own.people)
            borne = np.arange(mine.max(initial=0) + 1)
            log_poisson = borne[:, None] * np.log(expected) - expected - _log_factorial(borne)[:, None]
            # People of one value count as one another's evidence; the spread of a share is not Poisson's alone.
            log_poisson /= max(1.0, float(np.sqrt(borne[-1] / 8)))
            # A last row and column for who lacks the field.
            table = np.pad(log_poisson.clip(-_MOST, _MOST).astype(np.float32), ((0, 1), (0, 1)))
            row = np.where(part.there, mine, len(table) - 1)
            out += table[row][:, np.where(there[name].there, listed, table.shape[1] - 1)]
    return out


def how_like(package: Seen, own: Sequence[Seen]) -> Floats:
    """Log-likelihood of pairs from the distribution of each person's likeness to the others (quantiles)."""
    mine, listed = _quantiles(package.bits()), [_quantiles(side.bits()) for side in own]
    if not mine.size:
        return np.zeros((package.people, own[0].people), dtype=np.float32)
    middle = np.mean(listed, axis=0)
    differ = np.concatenate([one - middle for one in listed])
    noise = 2 * np.cov(differ.T) + np.diag(1e-8 + 0.1 * middle.var(axis=0))
    whiten = np.linalg.inv(np.linalg.cholesky(noise)).T
    a, b = (mine - mine.mean(axis=0)) @ whiten, (middle - middle.mean(axis=0)) @ whiten
    apart = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray((-0.25 * apart).clip(-15, 0), dtype=np.float32)


def others(kinds: Index) -> Index:
    """How many others have the same value, int64; 0 where it is missing."""
    counts = np.bincount(kinds + 1)[kinds + 1] - 1
    return np.where(kinds >= 0, counts, 0)


def _length(part: Part) -> Floats:
    return np.asarray(np.bitwise_count(part.rows).sum(axis=1), dtype=np.float32)


def _near(mine: Floats, listed: Floats) -> Floats:
    spread = float(np.sqrt(listed.var(axis=0, ddof=1).mean() * 1.25 + 1))
    return np.asarray((-0.5 * ((mine[:, None] - listed.mean(axis=0)) / spread) ** 2).clip(-_MOST, 0), dtype=np.float32)


def _quantiles(bits: Floats) -> Floats:
    if not bits.size:
        return np.zeros((len(bits), 0), dtype=np.float32)
    centred = bits - bits.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -1)
    alike.sort(axis=1)
    place = (np.asarray(_QUANTILES) * (len(bits) - 1)).astype(int)
    return np.asarray(alike[:, place], dtype=np.float32)


def _log_factorial(number: Index) -> Floats:
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, number.max(initial=0) + 1)))])
    return np.asarray(table[number], dtype=np.float32)
