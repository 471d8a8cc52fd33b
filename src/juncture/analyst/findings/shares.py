"""The missed share of a juncture, as seen and corrected for missed and false links; the ratio over the range of q."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from juncture.analyst.findings.linkage import Linkage, Links
from juncture.analyst.findings.matchings import Combined, Matchings, combine
from juncture.analyst.findings.model import NAN, Counts, Estimate, LinkSensitivity, Stratum
from juncture.analyst.findings.table import OpeningTable
from juncture.analyst.statistics.arrays import Booleans, Vector
from juncture.analyst.statistics.incidence import missed_share
from juncture.analyst.statistics.misclassification import corrected_ratio, corrected_share

IMPOSSIBLE = "more openings were seen to be met than the linkage allows; nothing is corrected"
UNBOUNDED = "the linker told no recall, so records lost inside an agency are not bounded"
NO_RATIO = "no ratio fits the whole range of the linkage"


@dataclass(frozen=True)
class MissedShares:
    """``corrected`` for links; ``preempted``: the part of the share seen in which a crisis came first; ``log``: the
    logarithm of the corrected share, for the comparison of groups, and ``log_least`` where q is at its bound (NaN where
    there is none, or where it leaves nothing missed)."""

    corrected: Estimate
    preempted: float
    log: Combined
    log_least: Combined
    links: LinkSensitivity


def missed_shares(
    table: OpeningTable,
    parts: Sequence[Booleans],
    matchings: Matchings,
    window: float,
    links: Links,
    stratum: Stratum,
    linkage: Linkage,
) -> MissedShares:
    """Intervals are on the logit scale. Where q is not known but bounded, the lower end is that at the bound, so the
    interval holds the share with at least 95 % wherever q lies.

    An opening whose crisis came first is missed: a share of those alone that were spared a crisis would call a service
    prompt that comes too late for the worst off.
    """
    seen, corrected, bound, rest = [], [], [], []
    for part in parts:
        done = missed_share(table.person[part], table.settled_days[part], table.settled[part], window=window)
        share, error = done.missed.share, done.missed.standard_error
        q = links.seen(part, stratum, linkage)
        seen.append((share, error, float(done.persons - 1)))
        if q is None:
            corrected.append((NAN, NAN))
            bound.append((NAN, NAN))
            rest.append((NAN,) * 7)
            continue
        known, f = q.chance, q.by_chance
        floor = known.least if np.isfinite(known.least) else 1.0
        corrected.append(corrected_share(share, error, known.value, log_error=known.log_error, by_chance=f))
        bound.append(corrected_share(share, error, known.value * floor, log_error=known.log_error, by_chance=f))
        rest.append((done.preempted.share, known.value, known.low, known.high, floor, q.right, f))
    degrees = matchings.over_draws([freedom for _, _, freedom in seen])
    means = _means(rest, matchings)
    plain = _on_logit([s[:2] for s in seen], degrees, matchings)
    best = _on_logit(corrected, degrees, matchings)
    worst = _on_logit(bound, degrees, matchings)
    low = best.low
    if means.least < 1 and np.isfinite(low):
        # Where the bound leaves nothing missed, or less than nothing, the share may be as small as that.
        low = worst.low if np.isfinite(worst.low) else 0.0
    note = ""
    if np.isfinite(plain.value) and not np.isfinite(best.value):
        note = IMPOSSIBLE
    elif np.isfinite(means.q) and not np.isfinite(means.low):
        note = UNBOUNDED
    sensitivity = LinkSensitivity(
        q=means.q,
        q_low=means.low,
        q_high=means.high,
        right=means.right,
        by_chance=means.by_chance,
        seen=plain,
        note=note,
    )
    least = bound if not note else [(NAN, NAN)] * len(bound)
    return MissedShares(
        corrected=replace(best, low=low),
        preempted=means.preempted,
        log=_on_log(corrected, degrees, matchings),
        log_least=_on_log(least, degrees, matchings),
        links=sensitivity,
    )


def with_ratio(links: LinkSensitivity, ratio: float, counts: Counts) -> LinkSensitivity:
    """``links`` with where the ratio seen lies over the range of q.

    One end is the ratio seen: losses that take all of a person's responses, or none, leave it where it is.
    """
    if not (counts.openings and np.isfinite(ratio)) or links.note:
        return links
    missed = counts.openings_missed / counts.openings
    at = [corrected_ratio(ratio, missed, q, by_chance=links.by_chance) for q in (links.q, links.q_low, links.q_high)]
    if not np.isfinite(at).all():
        return replace(links, note=NO_RATIO)
    return replace(links, ratio=at[0], ratio_low=min(ratio, *at), ratio_high=max(ratio, *at))


@dataclass(frozen=True)
class _Means:
    """Means over the draws."""

    preempted: float
    q: float
    low: float
    high: float
    least: float
    right: float
    by_chance: float


def _means(rows: Sequence[tuple[float, ...]], matchings: Matchings) -> _Means:
    columns = zip(*rows, strict=True) if rows else [[]] * 7
    nothing = np.full(matchings.of_draw.size, np.nan)
    return _Means(
        *(combine(matchings.over_draws(list(column)), nothing, nothing).value if rows else NAN for column in columns)
    )


def _on_logit(shares: Sequence[tuple[float, float]], degrees: Vector, matchings: Matchings) -> Estimate:
    """Mean over the draws of shares with their errors, with an interval on the logit scale."""
    value = matchings.over_draws([share for share, _ in shares])
    errors = matchings.over_draws([e / (s * (1 - s)) if 0 < s < 1 else NAN for s, e in shares])
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = combine(np.log(value / (1 - value)), errors, degrees).logistic()
    return Estimate(combine(value, np.full(value.size, np.nan), degrees).value, ends.low, ends.high)


def _on_log(shares: Sequence[tuple[float, float]], degrees: Vector, matchings: Matchings) -> Combined:
    """The same on the log scale."""
    value = matchings.over_draws([share for share, _ in shares])
    errors = matchings.over_draws([e / s if 0 < s < 1 else NAN for s, e in shares])
    with np.errstate(divide="ignore", invalid="ignore"):
        return combine(np.log(value), errors, degrees)
