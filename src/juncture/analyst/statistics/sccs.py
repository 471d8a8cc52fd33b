"""Self-controlled case series: a person's crises in some windows of time, against the same person's other time.

The method is Farrington's (1995, Biometrics 51:228-235; Whitaker, Farrington, Spiessens & Musonda 2006, Statistics in
Medicine 25:1768-1797). Given how many events a person had, where they fell is multinomial with chances in proportion to
length x exp(covariates x log incidence), so whatever is constant about a person falls out and people without an event
say nothing. Intervals are by person with the correction of Mancl & DeRouen (2001), because events come in bursts.

The method asks that events do not bring on exposures. An opening breaks this rule, since a crisis opens it. So a crisis
is put in the window that the *other* openings make, never in its own: for a Poisson process this is right for the sum
over persons (Mecke's formula: a point does not depend on the rest). What is left is that the incidence after an opening
against other time is too low, by up to a fifth in trials where nothing raised it. It is too low after missed and after
met openings alike, and the ratio of the two was not off: that is the figure to read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector, codes, flags, intervals, numbers, scaled
from juncture.analyst.statistics.counting import counting_rows
from juncture.analyst.statistics.landmark import Contrast, contrast
from juncture.analyst.statistics.maximise import Fit, maximise
from juncture.base.errors import UsageError

#: What a moment is to the openings of its person: the reference, then the windows of the model.
OTHER, BEFORE, WAITING, AFTER_UNSETTLED, AFTER_MISSED, AFTER_MET = WINDOWS = range(6)
#: Windows that are only held equal; one without a crisis says nothing of the others and is left out.
HELD_EQUAL = (BEFORE, WAITING, AFTER_UNSETTLED)


@dataclass(frozen=True)
class OpeningsCaseSeries:
    """Crises around openings, against the other time of the same persons.

    ``missed``, ``met``: incidence in the window after missed and after met openings, over that in other time, both too
    low (see above); ``ratio``: the first over the second, the figure to read. Informative persons are those with a
    crisis whose time inside and outside of the window differs; of the ratio, the fewer of its two sides.
    """

    missed: Contrast
    met: Contrast
    ratio: Contrast


def case_series(person: npt.ArrayLike, length: npt.ArrayLike, events: npt.ArrayLike, covariates: npt.ArrayLike) -> Fit:
    """Log relative incidences (p) from pieces of persons' time (n).

    ``person``: labels; ``length``: of the piece, above 0; ``events`` in it, 0 or more; ``covariates`` (n, p): windows
    and bands it lies in, less a reference each. ``iterations``, errors and failures as in :class:`maximise.Fit`;
    ``rows`` are the pieces. Raises ``UsageError`` on arrays that do not fit together.
    """
    time = numbers("length", length)
    happened = numbers("events", events, time.size)
    if (time <= 0).any() or (happened < 0).any():
        raise UsageError("length must be above 0 in every row, and events must not be negative.")
    design, ranges = scaled(covariates, time.size)
    owner, labels = codes("person", person, time.size)
    likelihood = _ConditionalPoisson(owner, labels.size, time, happened, design)
    return maximise(likelihood, owner, labels.size).on_scale(ranges)


def openings_case_series(
    person: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    crisis_person: npt.ArrayLike,
    crisis_time: npt.ArrayLike,
    opening_person: npt.ArrayLike,
    opening_start: npt.ArrayLike,
    opening_end: npt.ArrayLike,
    missed: npt.ArrayLike,
    evaluable: npt.ArrayLike,
    *,
    window: float,
    horizon: float,
    before: float = 30.0,
    bands: npt.ArrayLike = (),
    confidence: float = 0.95,
) -> OpeningsCaseSeries:
    """The case series of one juncture; all times in days on each person's clock, persons whole numbers.

    ``person``, ``start``, ``stop`` (n): spans at risk ``(start, stop]``. ``crisis_person``, ``crisis_time`` (c): all
    crises; those outside of the spans are left out. Openings (o), evaluable or not: from ``opening_start`` to
    ``opening_end``, t (equal where the opening is a moment); ``missed`` 0 or 1; ``evaluable``: 0 where it was not
    settled by t + w, and then the window after it is held apart. ``window`` w; ``horizon`` h; ``before``: length of the
    window before; ``bands``: moments at which a new band of the clock begins, held equal, since people chosen at a high
    fall back whatever is done.

    A moment x belongs to the last opening before it: waiting up to t + w, after up to t + w + h; failing that, to the
    window before the next one, which is held apart since what leads to an opening may begin before it. Raises
    ``UsageError`` on negative lengths and overlapping spans.
    """
    if not (window >= 0 and horizon > 0 and before >= 0):
        raise UsageError("window and before must not be negative, and horizon must be above 0.")
    openings = _Openings.sorted(opening_person, opening_start, opening_end, missed, evaluable, window, horizon, before)
    who = np.asarray(person, dtype=np.int64)
    begin, end = intervals(start, stop, who.size)
    cuts = numbers("bands", bands)
    edge_person, edge_time = openings.edges()
    everyone = np.unique(who)
    cells = counting_rows(
        who,
        begin,
        end,
        np.concatenate((edge_person, np.repeat(everyone, cuts.size))),
        np.concatenate((edge_time, np.tile(cuts, everyone.size))),
    )
    kind = openings.kind(cells.person, cells.stop, own=False)
    band = np.searchsorted(cuts, cells.stop, side="left")
    crisis_who = np.asarray(crisis_person, dtype=np.int64)
    crisis_at = numbers("crisis_time", crisis_time, crisis_who.size)
    seen = counting_rows(cells.person, cells.start, cells.stop, crisis_who, crisis_at)
    rows = np.flatnonzero(seen.events)
    happened = seen.events[rows]
    crisis_kind = openings.kind(seen.person[rows], seen.stop[rows], own=True)
    crisis_band = np.searchsorted(cuts, seen.stop[rows], side="left")

    # One piece a person, window and band: what is equal need not be told apart.
    shape = (everyone.size, len(WINDOWS), cuts.size + 1)
    days, events = np.zeros(shape), np.zeros(shape)
    np.add.at(days, (np.searchsorted(everyone, cells.person), kind, band), cells.stop - cells.start)
    np.add.at(events, (np.searchsorted(everyone, seen.person[rows]), crisis_kind, crisis_band), happened)
    return _summary(days, events, confidence)


@dataclass(frozen=True, eq=False)
class _Openings:
    """Openings of all persons in order of person and start; durations in days."""

    person: Integers
    start: Vector
    end: Vector
    state: Integers  # 0 missed, 1 met, 2 not settled
    window: float
    horizon: float
    before: float

    @classmethod
    def sorted(
        cls,
        person: npt.ArrayLike,
        start: npt.ArrayLike,
        end: npt.ArrayLike,
        missed: npt.ArrayLike,
        evaluable: npt.ArrayLike,
        window: float,
        horizon: float,
        before: float,
    ) -> _Openings:
        who = np.asarray(person, dtype=np.int64)
        first, last = numbers("opening_start", start, who.size), numbers("opening_end", end, who.size)
        if (first > last).any():
            raise UsageError("An opening ends before it begins.")
        state = np.where(flags("evaluable", evaluable, who.size), np.where(flags("missed", missed, who.size), 0, 1), 2)
        order = np.lexsort((last, first, who))
        return cls(who[order], first[order], last[order], state[order], window, horizon, before)

    def edges(self) -> tuple[Integers, Vector]:
        """Every moment at which a window may begin or end, with its person."""
        landmark = self.end + self.window
        moments = (self.start - self.before, self.start, landmark, landmark + self.horizon)
        return np.tile(self.person, 4), np.concatenate(moments)

    def kind(self, person: Integers, moment: Vector, *, own: bool) -> Integers:
        """Which window each moment (n) lies in; with ``own`` an opening that it is part of does not count."""
        size = self.person.size
        times, rank = np.unique(np.concatenate((self.start, moment)), return_inverse=True)
        _, number = np.unique(np.concatenate((self.person, person)), return_inverse=True)
        key = number.reshape(-1).astype(np.int64) * np.int64(times.size + 1) + rank.reshape(-1)
        following = np.searchsorted(key[:size], key[size:], side="left")
        last = self._step(following - 1, -1, person, moment, own)
        coming = self._step(following, 1, person, moment, own)
        kind = np.full(moment.size, OTHER)
        if not size:
            return kind
        kind[(coming >= 0) & (self.start[np.clip(coming, 0, size - 1)] - self.before < moment)] = BEFORE
        landmark = self.end[np.clip(last, 0, size - 1)] + self.window
        at = np.flatnonzero((last >= 0) & (moment <= landmark + self.horizon))
        kind[at] = np.array([AFTER_MISSED, AFTER_MET, AFTER_UNSETTLED])[self.state[last[at]]]
        kind[(last >= 0) & (moment <= landmark)] = WAITING
        return kind

    def _step(self, place: Integers, step: int, person: Integers, moment: Vector, own: bool) -> Integers:
        """The nearest opening of the person from ``place`` on, in steps, that the moment is no part of; -1 if none."""
        place = place.copy()
        while True:
            inside = (place >= 0) & (place < self.person.size)
            at = np.where(inside, place, 0)
            inside &= self.person[at] == person if self.person.size else False
            part: Booleans = inside & own
            if own and part.any():
                part &= (self.start[at] <= moment) & (moment <= self.end[at])
            if not part.any():
                return np.where(inside, place, -1)
            place[part] += step


def _summary(days: Vector, events: Vector, confidence: float) -> OpeningsCaseSeries:
    """The figures from days and crises by person, window and band (persons, 6, bands)."""
    # A crisis that opened a juncture may be put in a window of which its person has no time; no piece can hold it.
    events = np.where(days > 0, events, 0.0)
    of_kind = events.sum(axis=(0, 2))
    kept = [k for k in HELD_EQUAL if of_kind[k] > 0] + [AFTER_MISSED, AFTER_MET]
    # What is held equal and saw no crisis has an incidence of 0 whatever the others are: its time drops out.
    use = days.copy()
    use[:, [k for k in HELD_EQUAL if k not in kept]] = 0
    use[:, :, events.sum(axis=(0, 1)) == 0] = 0
    bands = np.flatnonzero(events.sum(axis=(0, 1)))[1:].tolist()
    person, kind, band = np.nonzero(use > 0)
    design = np.column_stack([kind == k for k in kept] + [band == b for b in bands]).astype(np.float64)
    pieces = events[person, kind, band]
    fit = case_series(person, use[person, kind, band], pieces, design)
    likely = np.bincount(person, pieces, days.shape[0]) > 0

    def side(*windows: int) -> Contrast:
        return _contrast(fit, [kept.index(k) for k in windows], use, likely, windows, confidence)

    return OpeningsCaseSeries(
        missed=side(AFTER_MISSED),
        met=side(AFTER_MET),
        ratio=side(AFTER_MISSED, AFTER_MET),
    )


def _contrast(
    fit: Fit, places: list[int], days: Vector, likely: Booleans, windows: tuple[int, ...], confidence: float
) -> Contrast:
    inside = [days[:, k].sum(axis=1) for k in windows]
    total = days.sum(axis=(1, 2))
    informative = min(int((likely & (part > 0) & (part < total)).sum()) for part in inside)
    weight = np.zeros(fit.coefficients.size)
    weight[places[0]] = 1.0
    if len(places) > 1:
        weight[places[1]] = -1.0
    estimate = float(weight @ fit.coefficients)
    error = float(np.sqrt(weight @ fit.covariance @ weight))
    degrees = min(informative - 1, fit.degrees_of_freedom)
    return contrast(estimate, error, informative, degrees, fit.failure, confidence)


class _ConditionalPoisson:
    """Log likelihood of where each person's events fell, given their number."""

    def __init__(self, owner: Integers, persons: int, length: Vector, happened: Vector, design: Vector) -> None:
        self.rows = length.size
        self.size = design.shape[1]
        self.events = int(happened.sum())
        self._owner, self._persons = owner, persons
        self._log_length, self._happened, self._design = np.log(length), happened, design
        self._total = np.bincount(owner, happened, persons)

    def evaluate(self, beta: Vector) -> tuple[float, Vector, Vector]:
        """Log likelihood, score (p) and information (p, p) at ``beta``."""
        log_share, expected = self._expected(beta)
        mean = self._by_person(expected[:, None] * self._design)
        value = float(self._happened @ log_share)
        score = self._design.T @ (self._happened - expected)
        heads = np.divide(1.0, self._total, out=np.zeros_like(self._total), where=self._total > 0)
        information = self._design.T @ (expected[:, None] * self._design) - mean.T @ (heads[:, None] * mean)
        return value, score, information

    def cluster_scores(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Events less expected events in each column, by cluster (clusters, p)."""
        residual = (self._happened - self._expected(beta)[1])[:, None] * self._design
        return _sums(residual, cluster, clusters)

    def cluster_information(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Each cluster's share of the information (clusters, p, p); a cluster is a person or several."""
        expected = self._expected(beta)[1]
        share = np.divide(expected, self._total[self._owner], out=np.zeros(self.rows), where=expected > 0)
        centred = self._design - self._by_person(share[:, None] * self._design)[self._owner]
        squares = centred[:, :, None] * centred[:, None, :] * expected[:, None, None]
        return _sums(squares.reshape(self.rows, -1), cluster, clusters).reshape(clusters, self.size, self.size)

    def cluster_traces(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Trace of each cluster's share (clusters)."""
        traces = np.trace(self.cluster_information(beta, cluster, clusters), axis1=1, axis2=2)
        return np.asarray(traces, dtype=np.float64)

    def _expected(self, beta: Vector) -> tuple[Vector, Vector]:
        """Log share of each row in its person's events, and the expected number of them."""
        weight = self._log_length + self._design @ beta
        largest = np.full(self._persons, -np.inf)
        np.maximum.at(largest, self._owner, weight)
        whole = np.bincount(self._owner, np.exp(weight - largest[self._owner]), self._persons)
        log_share = weight - (largest + np.log(whole))[self._owner]
        return log_share, self._total[self._owner] * np.exp(log_share)

    def _by_person(self, values: Vector) -> Vector:
        return _sums(values, self._owner, self._persons)


def _sums(values: Vector, owner: Integers, owners: int) -> Vector:
    """Column sums of ``values`` (n, c) by owner (owners, c)."""
    return np.column_stack([np.bincount(owner, values[:, c], owners) for c in range(values.shape[1])])
