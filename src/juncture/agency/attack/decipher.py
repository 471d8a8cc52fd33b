"""Match people of a package to people of a list whose encodings were made under another key, without any known pair.

The bits of the package are a keyed, unknown code of the same tokens that the list shows under the attacker's keys, so a
linear map leads from the principal components of one to those of the other. Expectation-maximisation finds matching
and map together: given a soft matching, the map is a ridge regression; given the map, each pair has a likelihood.
Annealing (the matching is made surer round by round) keeps it from an early error.

This is the graph-matching attack of Vidanage, Christen, Ranbaduge and Schnell (CIKM 2020) and of Schaefer, Armknecht
and Heng (2022) in one: node features choose the first guess, the components are the spectral embedding of the
similarity graph, the map its alignment. Learning the map from pairs already matched is the extension of Schaefer, Pentz
and Armknecht (2024). Both strengthen what was published: neither a known pair nor equal sizes are needed.
"""

from __future__ import annotations

import numpy as np

from juncture.agency.attack.seen import Floats
from juncture.base.report import Progress, silent

#: Uncertainty (entropy of a row of the matching, in nats) with which the last round ends.
_SURE = 0.2
#: Uncertainty of the first round, as a share of knowing nothing.
_FIRST = 0.6
#: What the first guess is worth once the map has its say.
_PRIOR = 0.3
_RIDGE = 1.0
#: Rows and steps by which the sharpness of a matching is found.
_SAMPLE, _STEPS = 50, 16


def components(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    """The leading ``most`` principal components of ``rows``, float32 [rows, k], the first of unit variance.

    Halko, Martinsson and Tropp (2011), algorithm 4.4, two power iterations.
    """
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    k = min(most, *centred.shape)
    if k == 0 or not centred.any():
        return np.zeros((rows.shape[0], 0), dtype=np.float32)
    basis = centred @ rng.standard_normal((centred.shape[1], min(k + 20, *centred.shape)), dtype=np.float32)
    for _ in range(2):
        basis = np.linalg.qr(centred @ (centred.T @ basis))[0]
    inner = basis.T @ centred
    strength, left = np.linalg.eigh(inner @ inner.T)
    kept = [i for i in reversed(range(strength.size)) if strength[i] > 1e-6 * strength[-1]][:k]
    size = np.sqrt(strength[kept])
    scores = (basis @ left[:, kept]) * size
    return np.asarray(scores * (np.sqrt(len(rows)) / size[0]), dtype=np.float32)


def decipher(
    package: Floats,
    listed: Floats,
    guess: Floats,
    *,
    rounds: int = 18,
    progress: Progress = silent,
) -> Floats:
    """Scores of pairs, float32 [n, N], the higher the surer, of ``package`` [n, d] against ``listed`` [N, k].

    ``guess`` [n, N]: log-likelihood of pairs from what can be compared without a map.
    """
    n, n_listed = guess.shape
    score = guess
    first = np.log(max(2, n_listed)) * _FIRST
    before = np.zeros(0, dtype=np.int64)
    if not package.shape[1] or not listed.shape[1]:
        return guess
    for turn in range(rounds):
        progress("Attacking: matching likenesses", turn, rounds)
        target = first * (_SURE / first) ** (turn / max(1, rounds - 1))
        soft = soft_matching(score, target)
        weight = soft.sum(axis=0)
        gram = (listed * weight[:, None]).T @ listed + _RIDGE * np.eye(listed.shape[1], dtype=np.float32)
        mean = soft @ listed
        lead = np.linalg.solve(gram, mean.T @ package)
        fitted = 2 * ((mean @ lead) * package).sum(axis=0) - (lead * (gram @ lead)).sum(axis=0)
        whole = (package**2).sum(axis=0)
        noise = np.maximum((whole - fitted) / n, 0.02 * whole / n + 1e-6)
        expected = listed @ lead
        score = (package / noise) @ expected.T - 0.5 * (expected**2 / noise).sum(axis=1)
        score += _PRIOR * guess
        claimed = score.argmax(axis=1)
        if turn > 4 and np.array_equal(claimed, before) and soft.max(axis=1).mean() > 0.98:
            break
        before = claimed
    return score


def soft_matching(score: Floats, uncertainty: float) -> Floats:
    """Probabilities of pairs, rows sum to one, columns to hardly more, so scaled that rows have that entropy (nats)."""
    soft = _rows(score, _sharpness(score, uncertainty))
    row, column = np.ones(len(soft), dtype=np.float32), np.ones(soft.shape[1], dtype=np.float32)
    for _ in range(3):
        column /= np.maximum((row @ soft) * column, 1)
        row = 1 / np.maximum(soft @ column, np.float32(1e-12))
    soft *= column
    soft *= row[:, None]
    return soft


def _rows(score: Floats, sharpness: float) -> Floats:
    soft = score * np.float32(sharpness)
    soft -= soft.max(axis=1, keepdims=True)
    np.exp(soft, out=soft)
    soft /= soft.sum(axis=1, keepdims=True)
    return soft


def _sharpness(score: Floats, uncertainty: float) -> float:
    some = score[:: max(1, len(score) // _SAMPLE)]
    spread = float(some.std()) + 1e-9
    low, high = 1e-4 / spread, 1e3 / spread
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        soft = _rows(some, middle)
        entropy = float(-(soft * np.log(soft + 1e-12)).sum(axis=1).mean())
        low, high = (middle, high) if entropy > uncertainty else (low, middle)
    return float(np.sqrt(low * high))
