"""The Cox partial likelihood of rows ``(start, stop]`` with its derivatives, whole and shared out among persons.

At an event time with d tied events, Efron (1977) averages over d denominators: the l-th (l = 0..d-1) counts the rows
that end here with an event by 1 - l/d only. Breslow counts them fully each time. Both are written as a list of
*terms*, one an event, each with its share ``faded`` = l/d or 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import numpy as np

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.risksets import risk_sets


class Ties(StrEnum):
    """How events at the same moment are counted."""

    EFRON = "efron"
    BRESLOW = "breslow"


class PartialLikelihood:
    """Log partial likelihood of p coefficients for n rows; ``stratum`` codes 0..s-1 or None.

    ``size`` p; ``rows`` n; ``events``; ``covariates`` (n', p): those of the rows that are in any risk set, centred.
    """

    def __init__(
        self,
        start: Vector,
        stop: Vector,
        event: Booleans,
        covariates: Vector,
        stratum: Integers | None,
        ties: Ties,
    ) -> None:
        everyone = risk_sets(start, stop, event, stratum)
        # Rows that no event time meets say nothing; leaving them out is what keeps sparse data fast.
        self._kept = np.flatnonzero(everyone.last > everyone.first)
        self._sets = everyone.of_rows(self._kept)
        self.rows = start.size
        self.events = int(self._sets.event_rows.size)
        self.size = covariates.shape[1]
        kept = covariates[self._kept]
        # One column after the other in memory: nearly every sum here is over one of them.
        self.covariates = np.asfortranarray(kept - kept.mean(axis=0) if len(kept) else kept)
        at = self._sets.event_at
        tied = np.bincount(at, minlength=self._sets.size)
        first_of_time = np.concatenate(([0], np.cumsum(tied)[:-1])) if tied.size else tied
        position = np.arange(at.size) - first_of_time[at]
        self._faded = position / tied[at] if ties is Ties.EFRON else np.zeros(at.size)
        self._tied = tied.astype(np.float64)

        self._last: tuple[Vector, tuple[Vector, Vector, Vector, Vector]] | None = None

    def evaluate(self, beta: Vector) -> tuple[float, Vector, Vector]:
        """Log likelihood, score (p) and information (p, p) at ``beta``."""
        predictor, hazard, denominator, mean = self._terms(beta)
        rows = self._sets.event_rows
        value = float(predictor[rows].sum() - np.log(denominator).sum())
        score = self.covariates[rows].sum(axis=0) - mean.sum(axis=0)
        # The sum over terms of weighted squares is one over rows, each with its weight in all terms it is at risk in.
        total, faded = self._cumulative(1 / denominator)
        weight = hazard * total
        weight[rows] -= hazard[rows] * faded
        information = self.covariates.T @ (weight[:, None] * self.covariates) - mean.T @ mean
        return value, score, information

    def cluster_scores(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Score residuals (Lin & Wei 1989) summed by cluster (clusters, p); ``cluster`` (n) holds codes."""
        _, hazard, denominator, mean = self._terms(beta)
        rows, at = self._sets.event_rows, self._sets.event_at
        x = self.covariates
        total, faded = self._cumulative(1 / denominator)
        owner = cluster[self._kept]
        result = np.empty((clusters, self.size))
        for i in range(self.size):
            total_mean, faded_mean = self._cumulative(mean[:, i] / denominator)
            residual = -hazard * (x[:, i] * total - total_mean)
            residual[rows] += hazard[rows] * (x[rows, i] * faded - faded_mean)
            residual[rows] += x[rows, i] - (self._sets.over_events(mean[:, i]) / self._tied)[at]
            result[:, i] = np.bincount(owner, residual, clusters)
        return result

    def cluster_information(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Each cluster's share of the information (clusters, p, p), non-negative definite; they sum to the whole.

        The information is the variance of the covariates in the risk set, summed over terms; a row's share is its
        weight in the risk set times its squared distance from the mean.
        """
        result = np.empty((clusters, self.size, self.size))
        pairs = [(i, j) for i in range(self.size) for j in range(i, self.size)]
        for (i, j), share in self._shares(beta, pairs, cluster, clusters):
            result[:, i, j] = result[:, j, i] = share
        return result

    def cluster_traces(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """Trace of each cluster's share of the information (clusters)."""
        trace = np.zeros(clusters)
        for _, share in self._shares(beta, [(i, i) for i in range(self.size)], cluster, clusters):
            trace += share
        return trace

    def _shares(
        self, beta: Vector, pairs: Sequence[tuple[int, int]], cluster: Integers, clusters: int
    ) -> Iterator[tuple[tuple[int, int], Vector]]:
        """Each cluster's share of the information of ``pairs`` of coefficients."""
        _, hazard, denominator, mean = self._terms(beta)
        rows, x = self._sets.event_rows, self.covariates
        owner = cluster[self._kept]
        weight, faded = self._cumulative(1 / denominator)
        first = [self._cumulative(mean[:, i] / denominator) for i in range(self.size)]
        owner_of_event, hazard_of_event = owner[rows], hazard[rows]
        x_of_event = [x[rows, i] for i in range(self.size)]
        for i, j in pairs:
            second, second_faded = self._cumulative(mean[:, i] * mean[:, j] / denominator)
            share = x[:, i] * (x[:, j] * weight - first[j][0]) - x[:, j] * first[i][0] + second
            in_event = (
                x_of_event[i] * (x_of_event[j] * faded - first[j][1]) - x_of_event[j] * first[i][1] + second_faded
            )
            counted = np.bincount(owner, hazard * share, clusters)
            faded_away = np.bincount(owner_of_event, hazard_of_event * in_event, clusters)
            yield (i, j), np.asarray(counted - faded_away, dtype=np.float64)

    def _terms(self, beta: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        """Linear predictor and hazard of each row; denominator (m) and mean covariates (m, p) of each term.

        Those of the last ``beta`` are kept: scores and information by cluster are asked for at the maximum.
        """
        if self._last is not None and np.array_equal(self._last[0], beta):
            return self._last[1]
        predictor = self.covariates @ beta
        hazard = np.exp(predictor)
        denominator = self._term_sums(hazard)
        mean = np.empty((denominator.size, self.size), order="F")
        for i in range(self.size):
            mean[:, i] = self._term_sums(hazard * self.covariates[:, i]) / denominator
        self._last = beta.copy(), (predictor, hazard, denominator, mean)
        return self._last[1]

    def _term_sums(self, values: Vector) -> Vector:
        """Sum of ``values`` over each term's risk set, the tied events counted by 1 - faded."""
        at, rows = self._sets.event_at, self._sets.event_rows
        total = self._sets.over_risk_set(values)[at]
        return np.asarray(total - self._faded * self._sets.over_events(values[rows])[at], dtype=np.float64)

    def _cumulative(self, per_term: Vector) -> tuple[Vector, Vector]:
        """Sum of ``per_term`` over each row's time at risk (n'), and the faded part that event rows do not get (m)."""
        exposure = self._sets.over_exposure(self._sets.over_events(per_term))
        return exposure, self._sets.over_events(self._faded * per_term)[self._sets.event_at]
