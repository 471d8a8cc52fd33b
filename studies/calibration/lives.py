"""People with a known truth, the people of many replicates at once, in steps of six hours.

A person's crises come with the hazard ``own x level x burst x missed``. ``own`` carries the frailty; ``level`` is 3 in
hidden bad spells and holds every other change that no crisis makes; ``burst`` grows with the
crises of the last 28 days; ``missed`` is the planted ratio from 7 to 37 days after an opening without a follow-up in
those 7 days. Crises are at least 24 hours apart. A follow-up is planned for noon of one of the next days.

Each step of a person has one random number for the crisis, an exponential luck: a crisis comes where the luck is below
the hazard, which has the chance 1 - exp(-hazard). Runs that differ in the effect alone use the same luck.

The truth of a juncture, by person:

missed, settled   openings to which no response came before a crisis, and all openings whose window was observed to its
                  end or to the first of the two
expected, paired  first crises within the horizon after evaluable missed openings, less those had each been met: their
                  expectation given everything before the landmark, and the count on the same luck
averted           crises fewer in a run in which nothing that is missed has an effect
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from worlds import WOMEN, Rules

DAYS, STEPS_A_DAY = 700, 4
WINDOW, HORIZON = 7 * STEPS_A_DAY, 30 * STEPS_A_DAY
APART, RECENT, REMEMBERED = STEPS_A_DAY, 28 * STEPS_A_DAY, 4
RUN_IN_DAYS, SELECTION_DAYS, BEYOND_DAYS = 60, 730, 38
SPELL = 3.0
RULE_DAYS, RULE_CRISES, RULE_FOLLOW_UPS = 365, 3, 2
CO_RESPONSES = 0.7
CELLS_A_CHUNK = 12_000_000
NEVER = 10**6
KEY = 10**7
FEMALE, MALE, OTHER = 0, 1, 2

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Stream:
    """Situations that are no crises, at least 37 days apart, and how they are answered (no crisis cancels that)."""

    index: str
    response: str
    ratio: float = 1.0
    within_days: int = 7
    mean: float = 8.0


#: Junctures beside the follow-up of co-responses and the clinician at crisis calls.
STREAMS = {
    "arrest": Stream("police.arrest", "clinic.phone_contact", ratio=1 / 1.7),
    "welfare_check": Stream("police.welfare_check", "clinic.outpatient"),
    "victimisation": Stream("police.victimisation", "clinic.other_clinical", within_days=14),
    "transport": Stream("police.section12_transport", "clinic.ed_visit"),
    "discharge": Stream("clinic.ed_discharge", "police.field_contact"),
    "custody": Stream("police.custody_release", "police.other_police"),
}
REAL, HARMFUL, CLINICIAN = "follow_up_7d", "arrest", "clinician"


@dataclass(frozen=True, eq=False)
class Points:
    """Something that happened: ``life`` and ``at`` (step from the first one simulated), sorted by both."""

    life: Whole
    at: Whole

    @property
    def key(self) -> Whole:
        return self.life * KEY + self.at

    def next_after(self, life: Whole, at: Whole) -> Whole:
        """Step of the life's first point later than ``at``; ``NEVER`` where there is none."""
        place = np.searchsorted(self.key, life * KEY + at, side="right")
        found = np.full(life.size, NEVER)
        inside = place < self.life.size
        same = self.life[place[inside]] == life[inside]
        found[np.flatnonzero(inside)[same]] = self.at[place[inside]][same]
        return found

    def last_until(self, life: Whole, at: Whole) -> Whole:
        """Place of the life's last point not later than ``at``; -1 where there is none."""
        place = np.searchsorted(self.key, life * KEY + at, side="right") - 1
        return np.where((place >= 0) & (self.life[np.maximum(place, 0)] == life), place, -1)

    def of(self, life: int) -> slice:
        """Where the points of a life stand."""
        return slice(*np.searchsorted(self.life, [life, life + 1]).tolist())


@dataclass(frozen=True, eq=False)
class Run(Points):
    """The crises of a run. ``opens``: is a co-response; ``absent``: no follow-up came to it in time, but for those that
    a new crisis cancels; ``bad``: in a spell; ``past`` (4, crises): steps of the last crises, this one the first;
    ``planned``: step of the follow-up, -1 for none."""

    opens: Flags
    absent: Flags
    bad: Flags
    past: Whole
    planned: Whole


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth of one juncture by life; see the module."""

    missed: Floats
    settled: Floats
    expected: Floats
    paired: Floats
    averted: Floats


@dataclass(frozen=True, eq=False)
class Happening:
    """Contacts of one stream: situations and responses."""

    situations: Points
    responses: Points


@dataclass(frozen=True, eq=False)
class Lives:
    """``people``: the lives of each replicate that are its cohort, of ``everybody``; ``zero``, ``end``: steps at which
    the follow-up starts and ends; ``sex`` (lives): 0 female, 1 male, 2 other."""

    people: list[Whole]
    everybody: list[Whole]
    zero: int
    end: int
    sex: Whole
    run: Run
    follow_ups: Points
    clinicians: Points
    streams: dict[str, Happening] = field(default_factory=dict)
    truth: dict[str, Truth] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Hazards:
    """All that a run takes: ``threshold`` (steps, lives): luck over ``own x level``, so that a crisis comes where it is
    below ``burst x missed``; ``bad`` (steps, lives) where there are spells; the uniform numbers ``comes``, ``waits``
    and ``marks`` (days, lives); ``odds`` (lives): log odds of a follow-up."""

    threshold: Singles
    rate: Singles
    level: Singles | None
    bad: Flags | None
    comes: Singles
    waits: Singles
    marks: Singles
    odds: Floats
    ratio: Floats


def chunks(rules: Rules, people: int, seeds: Sequence[tuple[int, int, int]]) -> list[Sequence[tuple[int, int, int]]]:
    """The seeds in parts whose lives fit in memory at once."""
    size = max(1, CELLS_A_CHUNK // (_steps(rules)[1] * people * rules.pool))
    return [seeds[i : i + size] for i in range(0, len(seeds), size)]


def _steps(rules: Rules) -> tuple[int, int]:
    """Steps before the follow-up, and steps in all."""
    before = SELECTION_DAYS if rules.pool > 1 else RUN_IN_DAYS
    return before * STEPS_A_DAY, (before + DAYS + BEYOND_DAYS) * STEPS_A_DAY


def live(rules: Rules, people: int, generators: Sequence[np.random.Generator]) -> Lives:
    """Draw the lives of a replicate from each generator and find their truth."""
    zero, steps = _steps(rules)
    end = zero + DAYS * STEPS_A_DAY
    drawn = [_draw(rules, people * rules.pool, steps, zero, rng) for rng in generators]
    sex = np.concatenate([d[1] for d in drawn])
    hazards = _joined([d[0] for d in drawn])
    streams = _streams_joined([d[2] for d in drawn], people * rules.pool)
    run = crises(rules, hazards, hazards.ratio)
    without = run if (hazards.ratio == 1).all() else crises(rules, hazards, np.ones_like(hazards.ratio))
    follow_ups, clinicians = _follow_ups(rules, run), Points(run.life[:0], run.at[:0])
    truth = {}
    opening = Points(run.life[run.opens], run.at[run.opens])
    if rules.eight:
        with_clinician = ~run.opens & (hazards.marks[run.at // STEPS_A_DAY, run.life] > (1 + CO_RESPONSES) / 2)
        clinicians = Points(run.life[with_clinician], run.at[with_clinician])
    lives = sex.size
    averted = _each(run, lives, zero, end) - _each(without, lives, zero, end)
    truth[REAL] = _truth(rules, hazards, run, opening, follow_ups, zero, end, averted)
    for name, happening in streams.items():
        truth[name] = _stream_truth(STREAMS[name], hazards, run, happening, zero, end)
    if rules.eight:
        calls = Points(run.life[~run.opens], run.at[~run.opens])
        settled, met = _each(calls, lives, zero, end), _each(clinicians, lives, zero, end)
        nothing = np.zeros(lives)
        truth[CLINICIAN] = Truth(settled - met, settled, nothing, nothing, nothing)
    numbers = np.arange(lives).reshape(len(generators), -1)
    chosen = [_meet_rule(own, run, follow_ups, zero)[:people] if rules.pool > 1 else own for own in numbers]
    return Lives(chosen, list(numbers), zero, end, sex, run, follow_ups, clinicians, streams, truth)


def crises(rules: Rules, hazards: Hazards, ratio: Floats) -> Run:
    """All crises in order of time, one step after the other; ``ratio`` (lives) is the effect of a missed opening.

    Looked at are only the steps at which the highest hazard that there can be would bring a crisis.
    """
    lives = ratio.size
    bound = max(float(ratio.max(initial=1.0)), 1.0) * (1 + rules.burst * REMEMBERED)
    at, who = np.nonzero(hazards.threshold < bound)
    steps, begin = np.unique(at, return_index=True)
    past = np.full((REMEMBERED, lives), -NEVER)
    last_open = np.full(lives, -NEVER)
    pending = np.full(lives, -1)
    absent = np.zeros(lives, dtype=bool)
    waits = np.array(rules.waits)
    share = CO_RESPONSES if rules.eight else 1.0
    found = []
    for step, first, stop in zip(steps.tolist(), begin.tolist(), [*begin[1:].tolist(), at.size], strict=True):
        here = who[first:stop]
        here = here[step - past[0, here] >= APART]
        since = step - last_open[here]
        factor = np.where(absent[here] & (since > WINDOW) & (since <= WINDOW + HORIZON), ratio[here], 1.0)
        recent = (step - past[:, here] <= RECENT).sum(axis=0)
        factor *= 1 + rules.burst * recent
        hit = hazards.threshold[step, here] < factor
        here, recent = here[hit], recent[hit]
        if not here.size:
            continue
        day = step // STEPS_A_DAY
        opens = hazards.marks[day, here] < share
        bad = hazards.bad[step, here] if hazards.bad is not None else np.zeros(here.size, dtype=bool)
        odds = hazards.odds[here] + rules.in_spell * bad + rules.busy * recent
        comes = opens & (hazards.comes[day, here] < 1 / (1 + np.exp(-odds)))
        wait = waits[(hazards.waits[day, here] * waits.size).astype(np.int64)]
        planned = np.where(comes, (day + wait) * STEPS_A_DAY + 2, -1)
        if rules.kept:
            pending[here] = np.maximum(pending[here], planned)
            answered = pending[here] // STEPS_A_DAY > day
        else:
            answered = comes & (planned <= step + WINDOW)
        absent[here[opens]] = ~answered[opens]
        last_open[here[opens]] = step
        past[1:, here] = past[:-1, here]
        past[0, here] = step
        found.append((here, np.full(here.size, step), opens, ~answered, bad, past[:, here], planned))
    if not found:
        nobody, never = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        return Run(nobody, nobody, never, never, never, np.zeros((REMEMBERED, 0), dtype=np.int64), nobody)
    parts = [np.concatenate(part, axis=-1) for part in zip(*found, strict=True)]
    order = np.lexsort((parts[1], parts[0]))
    return Run(*(part[..., order] for part in parts))


def _draw(
    rules: Rules, lives: int, steps: int, zero: int, rng: np.random.Generator
) -> tuple[Hazards, Whole, dict[str, tuple[Whole, Whole, Whole]]]:
    """Everything random of one replicate: hazards, sex, and of each stream (life, step, response or -1)."""
    days = steps // STEPS_A_DAY
    frailty = rng.gamma(rules.shape, 1 / rules.shape, lives) if np.isfinite(rules.shape) else np.ones(lives)
    own = frailty * rules.mean / (DAYS * STEPS_A_DAY)
    chance = rng.beta(3, 3, lives)
    if rules.easier:
        rank = np.argsort(np.argsort(-frailty + 0.3 * rng.standard_normal(lives)))
        chance = np.sort(chance)[rank]
    sex = np.where(rng.random(lives) < WOMEN, FEMALE, MALE)
    sex[rng.random(lives) < rules.other_sex] = OTHER
    odds = np.log(chance / (1 - chance)) + rules.women_odds * (sex == FEMALE)
    ratio = np.where(sex == FEMALE, rules.women_ratio or rules.ratio, rules.ratio)
    bad = _spells(rules, lives, steps, rng) if rules.spells else None
    luck = rng.standard_exponential((steps, lives), dtype=np.float32)
    comes, waits, marks = (rng.random((days, lives), dtype=np.float32) for _ in range(3))
    level = None
    if bad is not None or rules.step != 1 or rules.eight:
        level = np.ones((steps, lives), dtype=np.float32)
        if bad is not None:
            level[bad] = SPELL
        level[zero:] *= np.float32(rules.step)
    streams = {}
    for name, stream in STREAMS.items() if rules.eight else ():
        life, at, response = _stream(stream, frailty, steps, rng)
        if stream.ratio != 1:
            raised = np.zeros((steps + 1, lives), dtype=np.int8)
            missed = response < 0
            np.add.at(raised, (np.minimum(at[missed] + WINDOW + 1, steps), life[missed]), 1)
            np.add.at(raised, (np.minimum(at[missed] + WINDOW + HORIZON + 1, steps), life[missed]), -1)
            level[raised.cumsum(axis=0, dtype=np.int8)[:-1] > 0] *= np.float32(stream.ratio)
        streams[name] = life, at, response
    rate = own.astype(np.float32)
    threshold = luck / (rate if level is None else rate * level)
    return Hazards(threshold, rate, level, bad, comes, waits, marks, odds, ratio), sex, streams


def _joined(parts: Sequence[Hazards]) -> Hazards:
    """The hazards of several replicates side by side."""

    def join(name: str) -> NDArray[np.generic] | None:
        arrays = [getattr(part, name) for part in parts]
        return None if arrays[0] is None else np.concatenate(arrays, axis=-1)

    return Hazards(**{name: join(name) for name in Hazards.__dataclass_fields__})


def _spells(rules: Rules, lives: int, steps: int, rng: np.random.Generator) -> Flags:
    """Whether each step (steps, lives) lies in a bad spell; of the first step as of any other."""
    days = steps / STEPS_A_DAY
    number = int(days / (rules.apart_days + rules.spell_days) * 3) + 8
    between, long = (rng.exponential(mean, (number, lives)) for mean in (rules.apart_days, rules.spell_days))
    # What is left of a spell is as long as a whole one.
    between[0, rng.random(lives) < rules.spell_days / (rules.spell_days + rules.apart_days)] = 0
    stop = np.cumsum(between + long, axis=0)
    change = np.zeros((steps + 1, lives), dtype=np.int8)
    for edge, sign in ((stop - long, 1), (stop, -1)):
        step = np.minimum(edge * STEPS_A_DAY, steps).astype(np.int64)
        np.add.at(change, (step, np.broadcast_to(np.arange(lives), step.shape)), sign)
    return np.asarray(change.cumsum(axis=0, dtype=np.int8)[:-1] > 0)


def _stream(stream: Stream, frailty: Floats, steps: int, rng: np.random.Generator) -> tuple[Whole, Whole, Whole]:
    """Life and step of each situation, and the step of its response or -1."""
    apart = WINDOW + HORIZON
    number = steps // apart + 2
    gaps = rng.standard_exponential((number, frailty.size)) * DAYS * STEPS_A_DAY / (stream.mean * frailty)
    gaps[1:] += apart
    when = np.minimum(np.cumsum(gaps, axis=0), steps).astype(np.int64)
    chance = rng.beta(3, 3, frailty.size)
    life, place = np.nonzero((when < steps).T)
    at = when[place, life]
    comes = rng.random(at.size) < chance[life]
    days = at // STEPS_A_DAY + rng.integers(1, stream.within_days, at.size)
    return life, at, np.where(comes, days * STEPS_A_DAY + 2, -1)


def _streams_joined(parts: Sequence[dict[str, tuple[Whole, Whole, Whole]]], lives_each: int) -> dict[str, Happening]:
    found = {}
    for name in parts[0]:
        life = np.concatenate([part[name][0] + r * lives_each for r, part in enumerate(parts)])
        at, response = (np.concatenate([part[name][k] for part in parts]) for k in (1, 2))
        answered = response >= 0
        found[name] = Happening(Points(life, at), Points(life[answered], response[answered]))
    return found


def _follow_ups(rules: Rules, run: Run) -> Points:
    """The follow-ups that were planned and not cancelled by a crisis at the same step or before."""
    comes = run.planned >= 0
    if not rules.kept:
        comes &= run.planned < run.next_after(run.life, run.at)
    life, at = run.life[comes], run.planned[comes]
    order = np.lexsort((at, life))
    return Points(life[order], at[order])


def _each(points: Points, lives: int, zero: int, end: int) -> Floats:
    """Points of each life from step ``zero`` to before ``end``."""
    return np.bincount(points.life[(points.at >= zero) & (points.at < end)], minlength=lives).astype(np.float64)


def _settled(
    opening: Points, answers: Points, later: Whole, window: int, lives: int, zero: int, end: int
) -> tuple[Floats, Floats]:
    """Openings missed, and settled, of each life."""
    next_day = (opening.at // STEPS_A_DAY + 1) * STEPS_A_DAY
    answer = answers.next_after(opening.life, next_day - 1)
    known = (opening.at >= zero) & (opening.at < end)
    known &= np.minimum(np.minimum(later, answer), opening.at + window) < end
    limit = opening.at + window + 1
    missed = known & (np.minimum(answer, limit) >= np.minimum(later, limit))
    return tuple(np.bincount(opening.life[rows], minlength=lives).astype(np.float64) for rows in (missed, known))


def _truth(
    rules: Rules, hazards: Hazards, run: Run, opening: Points, answers: Points, zero: int, end: int, averted: Floats
) -> Truth:
    """Of the follow-up of co-responses."""
    lives = hazards.ratio.size
    later = run.next_after(opening.life, opening.at)
    missed, settled = _settled(opening, answers, later, WINDOW, lives, zero, end)
    landmark = opening.at + WINDOW
    rows = run.absent[run.opens] & (later > landmark) & (opening.at >= zero) & (landmark < end)
    life, at = opening.life[rows], opening.at[rows]
    ahead = at[:, None] + WINDOW + 1 + np.arange(HORIZON)
    recent = (ahead[:, None, :] - run.past[:, run.opens].T[rows][:, :, None] <= RECENT).sum(axis=1)
    factor = 1 + rules.burst * recent
    expected, paired = _avoided(hazards, life, ahead, factor, hazards.ratio[life], 1.0)
    return Truth(missed, settled, *_sums(life, lives, expected, paired), averted)


def _stream_truth(stream: Stream, hazards: Hazards, run: Run, happening: Happening, zero: int, end: int) -> Truth:
    """Of a stream; its own effect is in the level, that of co-responses is not."""
    lives, opening = hazards.ratio.size, happening.situations
    window = stream.within_days * STEPS_A_DAY
    later = run.next_after(opening.life, opening.at)
    missed, settled = _settled(opening, happening.responses, later, window, lives, zero, end)
    nothing = np.zeros(lives)
    if stream.ratio == 1:
        return Truth(missed, settled, nothing, nothing, nothing)
    landmark = opening.at + window
    response = happening.responses.next_after(opening.life, opening.at)
    rows = (response > landmark) & (later > landmark) & (opening.at >= zero) & (landmark < end)
    life, at = opening.life[rows], opening.at[rows]
    ahead = at[:, None] + window + 1 + np.arange(HORIZON)
    opened = Points(run.life[run.opens], run.at[run.opens])
    last = opened.last_until(life, at + window)
    since = ahead - np.where(last >= 0, opened.at[last], -NEVER)[:, None]
    raised = (since > WINDOW) & (since <= WINDOW + HORIZON) & (run.absent[run.opens][last] & (last >= 0))[:, None]
    factor = np.where(raised, hazards.ratio[life][:, None], 1.0)
    expected, paired = _avoided(hazards, life, ahead, factor, np.full(life.size, stream.ratio), stream.ratio)
    return Truth(missed, settled, *_sums(life, lives, expected, paired), nothing)


def _avoided(
    hazards: Hazards, life: Whole, ahead: Whole, factor: Floats, ratio: Floats, within: float
) -> tuple[Floats, Floats]:
    """First crises at the steps ``ahead`` (openings, steps) where openings are missed less where they are met, as
    expectation and on the same luck; ``within``: what of the ratio the thresholds hold already."""
    column = life[:, None]
    met = hazards.threshold[ahead, column] * within
    hazard = factor * hazards.rate[column] / within
    if hazards.level is not None:
        hazard = hazard * hazards.level[ahead, column]
    total = hazard.sum(axis=1)
    expected = np.exp(-total) - np.exp(-ratio * total)
    paired = (met < factor * ratio[:, None]).any(axis=1).astype(np.float64) - (met < factor).any(axis=1)
    return expected, paired


def _sums(life: Whole, lives: int, *values: Floats) -> list[Floats]:
    return [np.bincount(life, value, lives) for value in values]


def _meet_rule(lives: Whole, run: Run, follow_ups: Points, zero: int) -> Whole:
    """Of ``lives`` those with at least 3 crises and 2 follow-ups in some 365 days before ``zero``."""
    chosen = np.zeros(int(max(run.life.max(initial=0), lives.max())) + 1, dtype=bool)
    life = np.concatenate([run.life, follow_ups.life])
    begin = np.concatenate([run.at, follow_ups.at])
    stop = np.minimum(begin + RULE_DAYS * STEPS_A_DAY, zero)
    enough = begin < zero
    for points, least in ((run, RULE_CRISES), (follow_ups, RULE_FOLLOW_UPS)):
        count = np.searchsorted(points.key, life * KEY + stop) - np.searchsorted(points.key, life * KEY + begin)
        enough &= count >= least
    chosen[life[enough]] = True
    return lives[chosen[lives]]
