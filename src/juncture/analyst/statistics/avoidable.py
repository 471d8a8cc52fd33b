"""Crises that meeting every opening would have avoided: a ceiling, bounds without a model, and a model.

The model is the sum over evaluable missed openings of F(h | missed) - F(h | met), with the survival of each person
S_met = S_missed^(1 / ratio) and the ratio from the comparison within persons. A person has few openings, so their own
baseline is shrunk to the pooled one: a gamma frailty (Clayton 1978, Biometrika 65:141-151; Nielsen, Gill, Andersen &
Sørensen 1992, Scandinavian Journal of Statistics 19:25-43) with variance v fitted by maximum likelihood with the ratio
held. A person with d crises where the pooled baseline expects e gets the frailty (1/v + d) / (1/v + e), which is d/e
with the credibility weight e / (e + 1/v) and 1 with the rest; F is averaged over the frailty's posterior. It is never
(1 - 1/ratio) times the crises, which counts crises that were only put off within the horizon.

**By crisis.** Thinning a person's missed hazard to the met one takes away a crisis at u with chance 1 - 1/ratio, and no
other comes in its place before the horizon with chance S_met(h) / S_met(u). The product p(u) is the chance that *this*
crisis is avoided: over the time of the crisis it integrates to F(h | missed) - F(h | met). So the sum above falls to
the crises seen in proportion to p(u).

**Each crisis once.** Openings of one juncture may overlap, and the same crisis is then the first after several. It
counts after the last of them, whose horizon reaches furthest; what p gives it after the others is left out of the sum.

Intervals resample persons and refit ratio and baseline each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector, flags, numbers
from juncture.analyst.statistics.risksets import risk_sets
from juncture.analyst.statistics.stratified import StratifiedTerms, stratified_terms
from juncture.base.errors import UsageError

#: Frailty variances tried: from people all but alike to a twentyfold spread between the quartiles.
FRAILTY_VARIANCES = np.geomspace(0.02, 8.0, 16)
FRAILTY_STEPS = 60
SMALLEST_CHANGE = 1e-7
CELLS_A_BATCH = 1_000_000


@dataclass(frozen=True)
class Bounds:
    """What meeting a juncture's missed openings (n) may have done, in first crises within the horizon, no model asked.

    ``ceiling``: different crises seen after them, as if meeting prevented every one. ``low``, ``high``: whatever the
    effect is (Manski 1990, American Economic Review 80:319-323), openings with unseen outcomes taken at their worst:
    meeting prevents all that were or may have been, or brings one on after each opening that had none.
    """

    openings: int
    ceiling: int
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class AvoidableFit:
    """The model under b weightings of n persons; NaN throughout where no ratio is finite.

    ``avoided`` (b): avoidable crises. ``by_crisis`` (b, c): the same by crisis, and ``probability`` (b, c): the chance
    that the crisis is avoided (negative where the ratio is below 1); c are ``AvoidableModel.crisis_rows``.
    ``precision`` (b) of the frailty is 1 / v; ``expected`` (b, n): crises that the baseline expects of each person;
    ``baseline`` (b): its cumulative hazard at the horizon; ``counted_once`` (b): the part of the sum over openings that
    is left when each crisis counts once. ``happened``, ``missed_openings`` (n): those of each person.
    """

    avoided: Vector
    log_ratio: Vector
    by_crisis: Vector
    probability: Vector
    precision: Vector
    expected: Vector
    baseline: Vector
    counted_once: Vector
    happened: Vector
    missed_openings: Vector

    def differently(self, *, ratio: float, openings: float = 1.0, met_hazard: float = 1.0) -> Vector:
        """Avoidable crises (b) of persons with the weight of 1, had the ratio been ``ratio`` times as large, the missed
        openings ``openings`` times as many and the hazard after met ones ``met_hazard`` times as high."""
        baseline, times = self.baseline * met_hazard, np.exp(self.log_ratio) * ratio
        difference = _difference(self.happened, self.precision, self.expected, baseline, times)
        return np.asarray(openings * self.counted_once * (difference @ self.missed_openings), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class AvoidableModel:
    """Openings of one juncture, ready to be refitted for any weighting of persons.

    ``persons`` (n): the caller's numbers of the persons with an opening. ``times`` (k): distinct crisis times.
    ``exposed_met``, ``exposed_missed`` (n, k): openings of each person at risk at each of them; ``crises``,
    ``crises_missed`` (n, k): those that had a crisis then, and the missed of them. ``missed_openings`` (n).
    ``pair_person``, ``pair_at``, ``pair_row`` (p): missed openings with a crisis: place in ``persons`` and ``times``
    and row of the caller's; ``pair_counts`` (p): no later missed opening of the person had the same crisis.
    """

    persons: Integers
    terms: StratifiedTerms
    times: Vector
    exposed_met: Vector
    exposed_missed: Vector
    crises: Vector
    crises_missed: Vector
    missed_openings: Vector
    pair_person: Integers
    pair_at: Integers
    pair_row: Integers
    pair_counts: Booleans

    @property
    def informative(self) -> Integers:
        """Persons (the caller's numbers) with a crisis at whose time a missed and a met opening of theirs were at
        risk."""
        return np.asarray(self.persons[self.terms.count.any(axis=1)], dtype=np.int64)

    @property
    def crisis_rows(self) -> Integers:
        """The caller's row of each crisis that counts (c): the last missed opening before it."""
        return np.asarray(self.pair_row[self.pair_counts], dtype=np.int64)

    def of(self, keep: Booleans) -> AvoidableModel:
        """The model of some of the persons (n) alone."""
        place = np.cumsum(keep) - 1
        pairs = keep[self.pair_person]
        return replace(
            self,
            persons=self.persons[keep],
            terms=replace(self.terms, count=self.terms.count[keep], events_missed=self.terms.events_missed[keep]),
            exposed_met=self.exposed_met[keep],
            exposed_missed=self.exposed_missed[keep],
            crises=self.crises[keep],
            crises_missed=self.crises_missed[keep],
            missed_openings=self.missed_openings[keep],
            pair_person=place[self.pair_person[pairs]],
            pair_at=self.pair_at[pairs],
            pair_row=self.pair_row[pairs],
            pair_counts=self.pair_counts[pairs],
        )

    def refit(self, multiplicity: npt.NDArray[np.float64], near: AvoidableFit | None = None) -> AvoidableFit:
        """Fit the model to weights (b, n) of ``persons``. ``near``: a fit (of one weighting) to start from."""
        log_ratio = self.terms.log_ratios(multiplicity)
        draws, people = multiplicity.shape
        unknown = np.full(draws, np.nan)
        by_crisis = np.full((draws, int(self.pair_counts.sum())), np.nan)
        fit = AvoidableFit(
            avoided=unknown,
            log_ratio=log_ratio,
            by_crisis=by_crisis,
            probability=by_crisis.copy(),
            precision=unknown.copy(),
            expected=np.full((draws, people), np.nan),
            baseline=unknown.copy(),
            counted_once=unknown.copy(),
            happened=self.crises.sum(axis=1),
            missed_openings=self.missed_openings,
        )
        usable = np.flatnonzero(np.isfinite(log_ratio))
        size = max(1, CELLS_A_BATCH // max(1, people, self.times.size, self.pair_row.size))
        for begin in range(0, usable.size, size):
            self._into(fit, usable[begin : begin + size], multiplicity, near)
        return fit

    def _into(self, fit: AvoidableFit, rows: Integers, multiplicity: Vector, near: AvoidableFit | None) -> None:
        """Write the fits of some weightings into ``fit``."""
        weight, ratio = multiplicity[rows], np.exp(fit.log_ratio[rows])
        precision, expected, hazard = self._converge(weight, ratio[:, None], near)
        happened = self.crises.sum(axis=1)
        met = np.cumsum(hazard, axis=1)
        baseline = met[:, -1]
        difference = _difference(happened, precision, expected, baseline, ratio)
        total = (weight * self.missed_openings * difference).sum(axis=1)
        ahead = baseline[:, None] - met[:, self.pair_at]
        shape = precision[:, None] + happened[self.pair_person]
        spared = np.exp(-shape * np.log1p(ahead / (precision[:, None] + expected[:, self.pair_person])))
        loaded = weight[:, self.pair_person] * spared
        # A finite ratio has a crisis after a missed opening among its persons, so there is something to divide by.
        share = loaded[:, self.pair_counts] / loaded.sum(axis=1, keepdims=True)
        fit.counted_once[rows] = share.sum(axis=1)
        fit.avoided[rows] = total * share.sum(axis=1)
        fit.by_crisis[rows] = total[:, None] * share
        fit.probability[rows] = (1 - 1 / ratio)[:, None] * spared[:, self.pair_counts]
        fit.precision[rows], fit.expected[rows], fit.baseline[rows] = precision, expected, baseline

    def _converge(self, weight: Vector, ratio: Vector, near: AvoidableFit | None) -> tuple[Vector, Vector, Vector]:
        """Precision (b), expected crises (b, n) and baseline hazard (b, k), by turns with the frailties."""
        happened = self.crises.sum(axis=1)
        per_time, people = weight @ self.crises, weight.sum(axis=1, keepdims=True)
        constants = _constants(happened)
        grid = np.full(len(weight), FRAILTY_VARIANCES.size // 2)
        frailty = np.ones_like(weight)
        if near is not None and np.isfinite(near.precision[0]):
            frailty[:] = (near.precision[0] + happened) / (near.precision[0] + near.expected[0])
            grid[:] = np.clip(np.searchsorted(FRAILTY_VARIANCES, 1 / near.precision[0]), 1, FRAILTY_VARIANCES.size - 2)
        precision, expected, hazard = np.ones(len(weight)), np.zeros_like(weight), np.zeros_like(per_time)
        moving = np.arange(len(weight))
        for _ in range(FRAILTY_STEPS):
            own, times = weight[moving], ratio[moving]
            carried = own * frailty[moving]
            at_risk = carried @ self.exposed_met + times * (carried @ self.exposed_missed)
            now = np.divide(per_time[moving], at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
            expects = now @ self.exposed_met.T + times * (now @ self.exposed_missed.T)
            grid[moving], variance = _frailty_variance(own, happened, expects, grid[moving], constants)
            inverse = 1 / variance[:, None]
            moved = (inverse + happened) / (inverse + expects)
            # At the maximum the frailties have a weighted mean of 1; holding them to it on the way takes out the slow
            # exchange between their level and the baseline's.
            moved *= people[moving] / (own * moved).sum(axis=1, keepdims=True)
            change = np.abs(moved - frailty[moving]).max(axis=1)
            frailty[moving], precision[moving] = moved, inverse[:, 0]
            expected[moving], hazard[moving] = expects, now
            moving = moving[change > SMALLEST_CHANGE]
            if not moving.size:
                break
        return precision, expected, hazard


def avoidable_model(
    person: npt.ArrayLike,
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    *,
    horizon: float,
    crisis: npt.ArrayLike | None = None,
) -> AvoidableModel:
    """Prepare evaluable openings (n), arrays as in :func:`landmark.landmark_effect`; ``person`` whole numbers >= 0.

    ``crisis`` (n): whole numbers, the same where the same crisis ended the openings; without it all are different.
    """
    who, absent, until, happened = _openings(person, missed, time, event, horizon)
    persons, code = np.unique(who, return_inverse=True)
    code = code.reshape(-1).astype(np.int64)
    sets = risk_sets(np.full(until.size, -1.0), until, happened)
    shape = (persons.size, sets.size + 1)
    still = []
    for side in (~absent, absent):
        leaving = np.zeros(shape)
        np.add.at(leaving, (code[side], sets.last[side]), 1.0)
        # At risk until leaving: all openings that leave later than the event time.
        still.append(leaving[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:])
    crises, crises_missed = np.zeros((2, persons.size, sets.size))
    np.add.at(crises, (code[sets.event_rows], sets.event_at), 1.0)
    after_missed = absent[sets.event_rows]
    rows, at = sets.event_rows[after_missed], sets.event_at[after_missed]
    np.add.at(crises_missed, (code[rows], at), 1.0)
    labels = np.arange(until.size) if crisis is None else numbers("crisis", crisis, until.size).astype(np.int64)
    return AvoidableModel(
        persons=persons,
        terms=stratified_terms(code, persons.size, absent, until, happened),
        times=sets.times,
        exposed_met=still[0],
        exposed_missed=still[1],
        crises=crises,
        crises_missed=crises_missed,
        missed_openings=np.bincount(code, absent, persons.size).astype(np.float64),
        pair_person=code[rows],
        pair_at=at,
        pair_row=rows,
        pair_counts=_last_of_each(labels[rows], until[rows]),
    )


def avoidable_bounds(
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    *,
    horizon: float,
    end: npt.ArrayLike | None = None,
) -> Bounds:
    """Ceiling and bounds of evaluable openings (n), arrays as in :func:`avoidable_model`.

    ``end`` (n): whole numbers, the same where openings ended in the same crisis or lost sight of the same person at the
    same time, so that what they saw, or might have seen, is one crisis; without it all are different.
    """
    until = numbers("time", time)
    _, absent, until, happened = _openings(np.zeros(until.size), missed, until, event, horizon)
    ends = np.arange(until.size) if end is None else numbers("end", end, until.size).astype(np.int64)
    seen = int(np.unique(ends[absent & happened]).size)
    unseen = int(np.unique(ends[absent & ~happened & (until < horizon)]).size)
    return Bounds(int(absent.sum()), seen, -int((absent & ~happened).sum()), seen + unseen)


def _openings(
    person: npt.ArrayLike, missed: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, horizon: float
) -> tuple[Integers, Booleans, Vector, Booleans]:
    until = numbers("time", time)
    who = numbers("person", person, until.size).astype(np.int64)
    absent, crisis = flags("missed", missed, until.size), flags("event", event, until.size)
    if (until < 0).any() or (who < 0).any() or not horizon > 0:
        raise UsageError("person and time must not be negative, and horizon must be above 0.")
    return who, absent, np.minimum(until, horizon), crisis & (until <= horizon)


def _difference(happened: Vector, precision: Vector, expected: Vector, baseline: Vector, ratio: Vector) -> Vector:
    """S_met - S_missed at the horizon, of one opening of each person (b, n)."""
    shape, rate = precision[:, None] + happened, precision[:, None] + expected
    survive_met = np.exp(-shape * np.log1p(baseline[:, None] / rate))
    return np.asarray(survive_met - np.exp(-shape * np.log1p((ratio * baseline)[:, None] / rate)))


def _last_of_each(labels: Integers, time: Vector) -> Booleans:
    """Of the entries with the same label, the one whose landmark is last: from there the time is shortest."""
    order = np.lexsort((time, labels))
    first = np.ones(labels.size, dtype=np.bool_)
    first[1:] = labels[order][1:] != labels[order][:-1]
    last = np.zeros(labels.size, dtype=np.bool_)
    last[order[first]] = True
    return last


def _constants(happened: Vector) -> Vector:
    """What a person's marginal likelihood (variances, n) holds that does not depend on the crises expected."""
    k = 1 / FRAILTY_VARIANCES[:, None]
    return np.asarray(special.gammaln(k + happened) - special.gammaln(k) - happened * np.log(k), dtype=np.float64)


def _frailty_variance(
    weight: Vector, happened: Vector, expected: Vector, grid: Integers, constants: Vector
) -> tuple[Integers, Vector]:
    """One step towards the most likely gamma variance for each weighting (b), crises (n) and expected crises (b, n)
    given: the best place next to ``grid`` (b), and the top of the parabola through it and its neighbours (log scale).

    Marginal likelihood of a person with precision k = 1/v: k^k Gamma(k + d) / (Gamma(k) (k + e)^(k + d)).
    """
    values = []
    for shift in (-1, 0, 1):
        v = FRAILTY_VARIANCES[grid + shift][:, None]
        # Written with log1p(e / k), since k log k and k log(k + e) lose each other's digits where k is large.
        part = constants[grid + shift] - (1 / v + happened) * np.log1p(expected * v)
        values.append(np.einsum("bn,bn->b", weight, part))
    below, peak, above = values
    bend = np.maximum(2 * peak - below - above, np.finfo(float).tiny)
    top = np.clip((above - below) / (2 * bend), -1, 1)
    variance = FRAILTY_VARIANCES[grid] * (FRAILTY_VARIANCES[1] / FRAILTY_VARIANCES[0]) ** top
    best = grid + (above > np.maximum(peak, below)) - (below > np.maximum(peak, above))
    return np.clip(best, 1, FRAILTY_VARIANCES.size - 2), np.asarray(variance, dtype=np.float64)
