"""Mean cumulative number of crises a person, by sex, on a 30-day grid (the grid that results may be released on)."""

from __future__ import annotations

import numpy as np

from juncture.analyst.findings.matchings import Matchings, combine, in_stratum
from juncture.analyst.findings.model import CurvePoint, Estimate, Stratum
from juncture.analyst.statistics.arrays import Integers, Vector
from juncture.analyst.statistics.counting import counting_rows
from juncture.analyst.statistics.mcf import mean_cumulative_functions
from juncture.analyst.study.atrisk import during_risk, rows_at_risk
from juncture.analyst.study.model import HOURS_A_DAY, Study

GRID_DAYS = 30


def crisis_curves(study: Study, matchings: Matchings) -> tuple[CurvePoint, ...]:
    """Points of the curves of all, women and men, combined over the matchings on the log scale."""
    longest = max((t.exit_h for t in study.timelines), default=0) / HOURS_A_DAY
    grid = np.arange(GRID_DAYS, longest + 0.5, GRID_DAYS, dtype=np.float64)
    points = []
    for stratum in Stratum:
        mine = in_stratum(matchings.group, stratum)
        parts = [_curve(study, np.flatnonzero(mine & (m >= 0)), m, grid) for m in matchings.distinct]
        for j, day in enumerate(grid.tolist()):
            at_risk = float(matchings.weights @ [float(p[2][j]) for p in parts]) if parts else 0.0
            if at_risk < 0.5:
                break
            means = matchings.over_draws([float(p[0][j]) for p in parts])
            errors = matchings.over_draws([float(p[1][j]) for p in parts])
            degrees = matchings.over_draws([float(p[3] - 1) for p in parts])
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(means > 0, np.log(means), np.nan)
                done = combine(logs, errors / means, degrees).exponential()
            plain = combine(means, np.full(means.size, np.nan), degrees).value
            share = matchings.largest_share([p[4][:, j] for p in parts])
            people_with = float(matchings.weights @ [float((p[4][:, j] > 0).sum()) for p in parts])
            mean = Estimate(plain, done.low, done.high)
            points.append(CurvePoint(stratum, int(day), mean, int(at_risk + 0.5), int(people_with + 0.5), share))
    return tuple(points)


def _curve(
    study: Study, people: Integers, matching: Integers, grid: Vector
) -> tuple[Vector, Vector, Integers, int, Vector]:
    """Mean, its error and people at risk at each of ``grid`` (j) under one matching, the number of people, and each
    person's crises by then (people of the study, j)."""
    by_person = np.zeros((len(study.people), grid.size))
    timelines = [(int(p), study.timelines[int(matching[p])]) for p in people]
    spans = [(p, a, b) for p, t in timelines for a, b in rows_at_risk(t).tolist()]
    if not spans:
        nothing = np.full(grid.size, np.nan)
        return nothing, nothing, np.zeros(grid.size, dtype=np.int64), 0, by_person
    crises = [(p, e.start_h) for p, t in timelines for e in during_risk(t, t.crises)]
    for p, hour in crises:
        by_person[p] += hour <= grid * HOURS_A_DAY
    rows = counting_rows(
        [p for p, _, _ in spans],
        [a for _, a, _ in spans],
        [b for _, _, b in spans],
        np.array([p for p, _ in crises], dtype=np.int64),
        [h / HOURS_A_DAY for _, h in crises],
    )
    curve = mean_cumulative_functions(
        rows.person, rows.start, rows.stop, rows.events, np.zeros(rows.person.size), times=grid
    )[0]
    return curve.mean, curve.standard_error, curve.at_risk, len(timelines), by_person
