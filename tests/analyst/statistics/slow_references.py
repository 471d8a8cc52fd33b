"""Slow and obvious versions of the statistics, written from their definitions with loops: they check the fast ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

TEST_DATA = Path(__file__).resolve().parents[2] / "data"


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """Columns of a csv file: numbers where all of a column are, else text."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    columns = {}
    for name in rows[0]:
        text = [row[name] for row in rows]
        try:
            columns[name] = np.array([float(cell) for cell in text])
        except ValueError:
            columns[name] = np.array(text)
    return columns


def event_moments(start, stop, event, strata):
    """Each (stratum, time) with an event: rows at risk, and those of them that have the event then."""
    for stratum in sorted(set(strata)):
        for time in sorted({t for t, e, s in zip(stop, event, strata, strict=True) if e and s == stratum}):
            at_risk = [i for i in range(len(stop)) if strata[i] == stratum and start[i] < time <= stop[i]]
            yield at_risk, [i for i in at_risk if event[i] and stop[i] == time]


def cox_terms(beta, start, stop, event, x, strata, efron):
    """For each event: weights of the rows at risk, and the mean of x under them."""
    for at_risk, dying in event_moments(start, stop, event, strata):
        for number in range(len(dying)):
            fade = number / len(dying) if efron else 0.0
            weight = {i: np.exp(x[i] @ beta) * (1 - fade if i in dying else 1.0) for i in at_risk}
            total = sum(weight.values())
            yield dying, number, weight, total, sum(weight[i] * x[i] for i in at_risk) / total


def cox_log_likelihood(beta, start, stop, event, x, strata, efron):
    value = 0.0
    for dying, number, _, total, _ in cox_terms(beta, start, stop, event, x, strata, efron):
        value += x[dying[number]] @ beta - np.log(total)
    return value


def cox_residuals(beta, start, stop, event, x, strata, efron):
    """Score residual (Lin & Wei 1989) and share of the information of every row."""
    n, p = x.shape
    score, share = np.zeros((n, p)), np.zeros((n, p, p))
    for dying, number, weight, total, mean in cox_terms(beta, start, stop, event, x, strata, efron):
        del number
        for i in dying:
            score[i] += (x[i] - mean) / len(dying)
        for i, w in weight.items():
            score[i] -= w / total * (x[i] - mean)
            share[i] += w / total * np.outer(x[i] - mean, x[i] - mean)
    return score, share


def mancl_derouen(person, score, share):
    """Sandwich with each person's score inflated by (I - share x inverse)^-1, and the plain one."""
    inverse = np.linalg.inv(share.sum(axis=0))
    plain, corrected = np.zeros_like(inverse), np.zeros_like(inverse)
    for who in sorted(set(person)):
        mine = np.asarray(person) == who
        u = score[mine].sum(axis=0)
        v = np.linalg.inv(np.eye(len(u)) - share[mine].sum(axis=0) @ inverse) @ u
        plain += np.outer(u, u)
        corrected += np.outer(v, v)
    return inverse @ plain @ inverse, inverse @ corrected @ inverse


def weighted_mean_cumulative(person, start, stop, events, upto, weight):
    """Sum over event times of weighted events over weighted rows at risk; ``weight`` maps persons to weights."""
    total = 0.0
    for time in sorted({t for t, e in zip(stop, events, strict=True) if e and t <= upto}):
        rows = range(len(stop))
        happened = sum(weight[person[i]] * events[i] for i in rows if stop[i] == time)
        total += happened / sum(weight[person[i]] for i in rows if start[i] < time <= stop[i])
    return total


def weighted_incidence(person, time, outcome, cause, upto, weight):
    """Aalen-Johansen with a weight for each person."""
    survival, incidence = 1.0, 0.0
    for moment in sorted({t for t, k in zip(time, outcome, strict=True) if k and t <= upto}):
        at_risk = sum(weight[p] for p, t in zip(person, time, strict=True) if t >= moment)
        ending = [(p, k) for p, t, k in zip(person, time, outcome, strict=True) if t == moment and k]
        incidence += survival * sum(weight[p] for p, k in ending if k == cause) / at_risk
        survival *= 1 - sum(weight[p] for p, _ in ending) / at_risk
    return incidence


def influence_by_weights(estimate, persons, step=1e-5):
    """Change of ``estimate(weight)`` with each person's weight: the infinitesimal jackknife by its definition."""
    result = []
    for who in persons:
        up, down = dict.fromkeys(persons, 1.0), dict.fromkeys(persons, 1.0)
        up[who] += step
        down[who] -= step
        result.append((estimate(up) - estimate(down)) / (2 * step))
    return np.array(result)


def poisson_hc3(counts, time, first):
    """Log-linear model of counts with offset log time, by Newton, and its HC3 sandwich."""
    x = np.column_stack((np.ones(len(counts)), np.asarray(first, dtype=float)))
    beta = np.array([np.log(counts.sum() / time.sum()), 0.0])
    for _ in range(50):
        mean = time * np.exp(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (mean[:, None] * x), x.T @ (counts - mean))
    mean = time * np.exp(x @ beta)
    bread = np.linalg.inv(x.T @ (mean[:, None] * x))
    meat = np.zeros((2, 2))
    for i in range(len(counts)):
        leverage = mean[i] * x[i] @ bread @ x[i]
        u = x[i] * (counts[i] - mean[i]) / (1 - leverage)
        meat += np.outer(u, u)
    return beta[1], np.sqrt((bread @ meat @ bread)[1, 1])


def pseudo_score(person, start, stop, events, first_rows, weight):
    """U and its robust variance, summed over event times and persons as in Cook, Lawless & Nadeau (1996)."""
    n = len(stop)
    score = 0.0
    influence = dict.fromkeys(set(person), 0.0)
    for time in sorted({t for t, e in zip(stop, events, strict=True) if e}):
        risk = {side: [i for i in range(n) if first_rows[i] == side and start[i] < time <= stop[i]] for side in (0, 1)}
        happened = {side: sum(events[i] for i in risk[side] if stop[i] == time) for side in (0, 1)}
        everyone = len(risk[0]) + len(risk[1])
        rate = {side: happened[side] / len(risk[side]) if risk[side] else 0.0 for side in (0, 1)}
        score += weight(time) * len(risk[0]) * len(risk[1]) / everyone * (rate[1] - rate[0])
        for side in (0, 1):
            factor = weight(time) * len(risk[1 - side]) / everyone
            for i in risk[side]:
                influence[person[i]] += factor * ((events[i] if stop[i] == time else 0) - rate[side])
    return score, sum(value**2 for value in influence.values())


def weighted_mean_with_deaths(person, start, stop, events, died, upto, weight):
    """Ghosh & Lin (2000): sum of survival just before times the weighted event rate."""
    survival, total = 1.0, 0.0
    moments = sorted({t for t, e, d in zip(stop, events, died, strict=True) if (e or d) and t <= upto})
    for time in moments:
        rows = range(len(stop))
        at_risk = sum(weight[person[i]] for i in rows if start[i] < time <= stop[i])
        total += survival * sum(weight[person[i]] * events[i] for i in rows if stop[i] == time) / at_risk
        survival *= 1 - sum(weight[person[i]] * died[i] for i in rows if stop[i] == time) / at_risk
    return total


def poisson_with_intercepts(person, length, events, x, beta, levels):
    """Log likelihood of counts with an intercept for each person: the unconditional form of a case series."""
    value = 0.0
    for i in range(len(person)):
        line = levels[person[i]] + np.log(length[i]) + x[i] @ beta
        value += events[i] * line - np.exp(line)
    return value


def case_series_parts(person, length, events, x, beta):
    """Conditional log likelihood, score and information of each row, by loops over persons and their rows."""
    value, score, share = 0.0, np.zeros_like(x), np.zeros((len(x), x.shape[1], x.shape[1]))
    for who in sorted(set(person)):
        rows = [i for i in range(len(person)) if person[i] == who]
        weight = {i: length[i] * np.exp(x[i] @ beta) for i in rows}
        whole, total = sum(weight.values()), sum(events[i] for i in rows)
        mean = sum(weight[i] * x[i] for i in rows) / whole
        for i in rows:
            value += events[i] * np.log(weight[i] / whole)
            score[i] = (events[i] - total * weight[i] / whole) * x[i]
            share[i] = total * weight[i] / whole * np.outer(x[i] - mean, x[i] - mean)
    return value, score, share


def window_of_day(day, openings, own, window, horizon, before):
    """Which window day ``(day - 1, day]`` is in, by its words; ``openings``: (start, end, state); ``own`` do not count.

    0 other, 1 before, 2 waiting, 3 after one not settled, 4 after a missed, 5 after a met one.
    """
    others = [o for number, o in enumerate(openings) if number not in own]
    past = [o for o in others if o[0] < day]
    if past:
        _, end, state = max(past, key=lambda o: (o[0], o[1]))
        if day <= end + window:
            return 2
        if day <= end + window + horizon:
            return {0: 4, 1: 5, 2: 3}[state]
    coming = [o for o in others if o[0] >= day]
    return 1 if coming and min(o[0] for o in coming) - before < day else 0


def kaplan_meier(time, event):
    """Each event time with how many are at risk, survival after it, and Greenwood's sum (infinite at survival 0)."""
    survival, total, rows = 1.0, 0.0, []
    for moment in sorted({t for t, e in zip(time, event, strict=True) if e}):
        at_risk = sum(t >= moment for t in time)
        died = sum(bool(e) and t == moment for t, e in zip(time, event, strict=True))
        survival *= 1 - died / at_risk
        total += died / (at_risk * (at_risk - died)) if at_risk > died else float("inf")
        rows.append((moment, at_risk, survival, total))
    return rows


def rubin(estimates, errors, complete):
    """Estimate, total variance, degrees of freedom after Barnard & Rubin (1999) and share due to the imputations."""
    m = len(estimates)
    mean = sum(estimates) / m
    within = sum(e * e for e in errors) / m
    between = sum((value - mean) ** 2 for value in estimates) / (m - 1)
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    # The reciprocal of Rubin's own degrees, share^2 / (m - 1), is 0 where the matchings agree.
    return mean, total, 1 / (share**2 / (m - 1) + 1 / observed), share


def rate_by_person(counts, time):
    """Log of a group's rate and its HC3 error, person by person."""
    total, observed = sum(counts), sum(time)
    squares = 0.0
    for count, own in zip(counts, time, strict=True):
        leverage = own / observed
        squares += ((count - total * leverage) / (1 - leverage)) ** 2
    return np.log(total / observed), squares**0.5 / total
