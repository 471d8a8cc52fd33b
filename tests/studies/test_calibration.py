"""The simulator of the calibration study: its hazards, its truth, what it tells the analyst, and its runner."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cohorts
import lives as sim
import numpy as np
import pytest
import run as runner
import table
from worlds import WORLDS, Loss, Rules, World

from juncture.analyst.findings.openings import Fate
from juncture.analyst.findings.table import all_openings

DAY = sim.STEPS_A_DAY
LATE = (1, 1, 2, 4, 8, 13)
RULES = {
    "plain": Rules(ratio=1.7, mean=12),
    "alike": Rules(ratio=1.7, mean=12, shape=math.inf),
    "kept": Rules(ratio=1.7, mean=16, kept=True),
    "late and bursts": Rules(ratio=1.7, mean=12, waits=LATE, burst=0.5),
    "busy in spells": Rules(ratio=2.5, mean=12, busy=-0.7, spells=True, in_spell=1.0, burst=0.5),
    "women": Rules(ratio=1.2, women_ratio=2.2, women_odds=-0.8, mean=12, other_sex=0.1),
    "eight": Rules(ratio=1.7, mean=14, eight=True),
}


def drawn(rules: Rules, people: int, seed: int) -> tuple[sim.Hazards, dict[str, sim.Happening], int, int]:
    """Hazards and streams of some lives, and where the follow-up starts and ends."""
    zero, steps = sim._steps(rules)
    hazards, _, streams = sim._draw(rules, people, steps, zero, np.random.default_rng(seed))
    return hazards, sim._streams_joined([streams], people), zero, zero + sim.DAYS * DAY


def slow_life(
    rules: Rules, hazards: sim.Hazards, life: int, ratio: float, *, flip: int | None = None
) -> tuple[list[tuple[int, bool]], list[int], dict[int, bool]]:
    """One life, step by step, as the module's text says it: crises with whether each opens, follow-ups, and of each
    opening whether it was missed. The opening at step ``flip`` counts as met, whatever comes to it."""
    happened: list[tuple[int, bool]] = []
    plans: list[int] = []
    missed: dict[int, bool] = {}
    for step in range(len(hazards.threshold)):
        if happened and step - happened[-1][0] < DAY:
            continue
        recent = sum(step - at <= 28 * DAY for at, _ in happened[-4:])
        hazard = 1 + rules.burst * recent
        opening = max(missed, default=None)
        if opening is not None and missed[opening] and 7 * DAY < step - opening <= 37 * DAY:
            hazard *= ratio
        if hazards.threshold[step, life] >= hazard:
            continue
        if not rules.kept:
            plans = [f for f in plans if f < step]
        day = step // DAY
        opens = not rules.eight or bool(hazards.marks[day, life] < 0.7)
        if opens:
            bad = hazards.bad is not None and bool(hazards.bad[step, life])
            odds = hazards.odds[life] + rules.in_spell * bad + rules.busy * recent
            if hazards.comes[day, life] < 1 / (1 + math.exp(-odds)):
                wait = rules.waits[int(hazards.waits[day, life] * len(rules.waits))]
                plans.append((day + wait) * DAY + 2)
            missed[step] = step != flip and not any(f // DAY > day and f <= step + 7 * DAY for f in plans)
        happened.append((step, opens))
    return happened, sorted(plans), missed


@pytest.mark.parametrize("name", RULES)
def test_lives_are_those_of_a_step_by_step_loop(name: str) -> None:
    rules = RULES[name]
    hazards, _, _, _ = drawn(rules, 12, 3)
    run = sim.crises(rules, hazards, hazards.ratio)
    follow_ups = sim._follow_ups(rules, run)
    for life in range(12):
        happened, plans, missed = slow_life(rules, hazards, life, float(hazards.ratio[life]))
        own = run.of(life)
        assert run.at[own].tolist() == [at for at, _ in happened]
        assert run.opens[own].tolist() == [opens for _, opens in happened]
        assert [a for a, o in zip(run.absent[own], run.opens[own], strict=True) if o] == list(missed.values())
        assert follow_ups.at[follow_ups.of(life)].tolist() == plans


@pytest.mark.parametrize("name", RULES)
def test_truth_is_that_of_runs_with_one_opening_flipped_to_met(name: str) -> None:
    rules = RULES[name]
    hazards, _, zero, end = drawn(rules, 12, 5)
    run = sim.crises(rules, hazards, hazards.ratio)
    follow_ups = sim._follow_ups(rules, run)
    opening = sim.Points(run.life[run.opens], run.at[run.opens])
    truth = sim._truth(rules, hazards, run, opening, follow_ups, zero, end, np.zeros(12))

    def first(happened: list[tuple[int, bool]], landmark: int) -> bool:
        return any(landmark < at <= landmark + 30 * DAY for at, _ in happened)

    flipped = 0
    for life in range(12):
        ratio = float(hazards.ratio[life])
        happened, plans, missed = slow_life(rules, hazards, life, ratio)
        paired, expected, lost, settled = 0, 0.0, 0, 0
        for at in missed:
            if not zero <= at < end:
                continue
            later = next((c for c, _ in happened if c > at), sim.NEVER)
            answer = next((f for f in plans if f // DAY > at // DAY), sim.NEVER)
            if min(later, answer, at + 7 * DAY) < end:
                settled += 1
                lost += answer > at + 7 * DAY or later <= answer
            landmark = at + 7 * DAY
            if missed[at] and later > landmark and landmark < end:
                flipped += 1
                met, _, _ = slow_life(rules, hazards, life, ratio, flip=at)
                paired += first(happened, landmark) - first(met, landmark)
                known = [c for c, _ in happened if c <= at][-4:]
                total = 0.0
                for step in range(landmark + 1, landmark + 30 * DAY + 1):
                    level = 1.0 if hazards.level is None else float(hazards.level[step, life])
                    burst = 1 + rules.burst * sum(step - c <= 28 * DAY for c in known)
                    total += float(hazards.rate[life]) * level * burst
                expected += math.exp(-total) - math.exp(-ratio * total)
        assert (truth.missed[life], truth.settled[life], truth.paired[life]) == (lost, settled, paired)
        # The thresholds are of single precision, which holds seven digits.
        assert truth.expected[life] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert flipped > 15


def test_truth_of_a_harmful_stream_is_that_of_a_run_with_one_situation_flipped_to_met() -> None:
    rules = RULES["eight"]
    hazards, streams, zero, end = drawn(rules, 30, 8)
    run = sim.crises(rules, hazards, hazards.ratio)
    arrests = streams[sim.HARMFUL]
    stream = sim.STREAMS[sim.HARMFUL]
    truth = sim._stream_truth(stream, hazards, run, arrests, zero, end)
    compared = 0
    for life in range(30):
        happened = [at for at, _ in slow_life(rules, hazards, life, rules.ratio)[0]]
        answers = arrests.responses.at[arrests.responses.of(life)].tolist()
        paired = 0
        for at in arrests.situations.at[arrests.situations.of(life)].tolist():
            landmark = at + 7 * DAY
            free = not any(at < c <= landmark for c in happened) and not any(at < f <= landmark for f in answers)
            if zero <= at and landmark < end and free:
                compared += 1
                changed = hazards.threshold.copy()
                changed[landmark + 1 : landmark + 30 * DAY + 1, life] *= stream.ratio
                met = [c for c, _ in slow_life(rules, replace(hazards, threshold=changed), life, rules.ratio)[0]]
                inside = [any(landmark < c <= landmark + 30 * DAY for c in run) for run in (happened, met)]
                paired += inside[0] - inside[1]
        assert truth.paired[life] == paired
    assert compared > 30


def test_without_an_effect_crises_are_the_same_whoever_is_followed_up() -> None:
    for rules in (Rules(mean=12), Rules(mean=12, spells=True, in_spell=-1.0, burst=0.5)):
        hazards, _, _, _ = drawn(rules, 60, 1)
        always, never = (
            sim.crises(rules, replace(hazards, odds=np.full(60, odds)), hazards.ratio) for odds in (50.0, -50.0)
        )
        assert always.life.tolist() == never.life.tolist()
        assert always.at.tolist() == never.at.tolist()
        assert not always.absent.any()
        assert never.absent.all()


def test_without_an_effect_nothing_is_avoidable() -> None:
    for name, world in WORLDS.items():
        if name.startswith("null") and world.rules.pool == 1:
            truth = sim.live(world.rules, 20, [np.random.default_rng(2)]).truth[sim.REAL]
            assert not (truth.expected.any() or truth.paired.any() or truth.averted.any())


def test_planted_ratio_is_that_of_crises_over_time_at_risk() -> None:
    """Of people who are alike, where no bursts are, rates need no model."""
    rules = Rules(ratio=1.7, shape=math.inf)
    hazards, _, _, end = drawn(rules, 3000, 4)
    run = sim.crises(rules, hazards, hazards.ratio)
    later = np.minimum(run.next_after(run.life, run.at), end)
    begin = run.at + sim.WINDOW
    stop = np.minimum(begin + sim.HORIZON, later)
    rates = []
    for missed in (True, False):
        rows = (run.absent == missed) & (begin < later) & (begin < end)
        crises = ((later <= begin + sim.HORIZON) & (later < end))[rows].sum()
        rates.append((crises, crises / (stop - begin)[rows].sum()))
    (missed_crises, missed_rate), (met_crises, met_rate) = rates
    # Three standard errors of the logarithm of a ratio of two counts.
    error = 3 * math.sqrt(1 / missed_crises + 1 / met_crises)
    assert abs(math.log(missed_rate / met_rate / 1.7)) < error < 0.08


def test_expected_and_counted_avoidable_crises_agree_in_the_mean() -> None:
    for name in ("1.7, bursts", "1.7, hidden spells", table.EIGHT):
        rules = WORLDS[name].rules
        truth = sim.live(rules, 100, [np.random.default_rng((7, r)) for r in range(10)]).truth
        for juncture in (sim.REAL, sim.HARMFUL) if rules.eight else (sim.REAL,):
            off = truth[juncture].paired - truth[juncture].expected
            assert abs(off.mean()) < 3 * off.std() / math.sqrt(off.size)
            assert truth[juncture].expected.sum() * (1 if juncture == sim.REAL else -1) > 0


def test_the_chosen_meet_the_rule_and_their_rates_fall_by_themselves() -> None:
    rules = WORLDS["null, chosen by the rule"].rules
    lives = sim.live(rules, 40, [np.random.default_rng(r) for r in range(2)])
    year, before = 365 * DAY, 0
    for own in lives.people:
        assert own.size == 40
        for life in own.tolist():
            crises, answers = (p.at[p.of(life)] for p in (lives.run, lives.follow_ups))
            crises, answers = crises[crises < lives.zero], answers[answers < lives.zero]
            starts = [*crises.tolist(), *answers.tolist()]
            windows = [[((s <= p) & (p < s + year)).sum() for p in (crises, answers)] for s in starts]
            assert any(c >= 3 and f >= 2 for c, f in windows)
            before += crises.size
    chosen = np.concatenate(lives.people)
    mine = np.isin(lives.run.life, chosen) & (lives.run.at >= lives.zero) & (lives.run.at < lives.end)
    assert mine.sum() / sim.DAYS < 0.9 * before / sim.SELECTION_DAYS


def test_the_analyst_finds_the_openings_that_were_planted() -> None:
    world = World(RULES["eight"])
    terms = cohorts.agreement(world)
    rng = np.random.default_rng(6)
    lives = sim.live(world.rules, 30, [rng])
    study = cohorts.cohort(lives, 0, world, terms, rng)
    assert study.draws == 1
    for name in (sim.REAL, *sim.STREAMS):
        found = [(p, o) for _, p, o in all_openings(terms.juncture[name], study)]
        points, answers = (
            (sim.Points(lives.run.life[lives.run.opens], lives.run.at[lives.run.opens]), lives.follow_ups)
            if name == sim.REAL
            else (lives.streams[name].situations, lives.streams[name].responses)
        )
        inside = (points.at >= lives.zero) & (points.at < lives.end)
        planted = sim.Points(points.life[inside], points.at[inside])
        assert [(p, o.at_h) for p, o in found] == list(
            zip(planted.life.tolist(), (6 * (planted.at - lives.zero)).tolist(), strict=True)
        )
        window = terms.juncture[name].response.within_days * DAY
        later = lives.run.next_after(planted.life, planted.at)
        evaluable = (later > planted.at + window) & (planted.at + window < lives.end)
        assert [o.fate is Fate.EVALUABLE for _, o in found] == evaluable.tolist()
        answer = answers.next_after(planted.life, (planted.at // DAY + 1) * DAY - 1)
        met = answer <= planted.at + window
        assert [o.met for _, o in found if o.fate is Fate.EVALUABLE] == met[evaluable].tolist()


def test_losses_take_as_much_as_they_say() -> None:
    loss = Loss(files=0.2, files_women=0.3, records=0.1, police_records=0.05, unsure=0.3, draws=20)
    world = World(Rules(), loss)
    rng = np.random.default_rng(9)
    lives = sim.live(world.rules, 1500, [rng])
    study = cohorts.cohort(lives, 0, world, cohorts.agreement(world), rng)
    wanted = {agency: loss.whole(agency) for agency in ("clinic", "police")}
    for agency, points in (("clinic", lives.follow_ups), ("police", lives.run)):
        for sex, stratum in (("female", "women"), ("male", "men")):
            people = [p for p, person in enumerate(study.people) if person.sex == sex]
            inside = points.at[np.isin(points.life, people) & (points.at < lives.end)].size
            told = sum(len(r.contacts) for r in study.refs if r.agency == agency and study.people[r.person].sex == sex)
            # Files are lost in halves and swapped whole, so the share of records is known to some points only.
            assert told / inside == pytest.approx(wanted[agency][stratum], abs=0.05)
    unsure = [r for r in study.refs if r.agency == "clinic" and r.probability < 1]
    assert len(unsure) / 1500 == pytest.approx(0.3, abs=0.04)  # three standard errors
    assert study.draw_refs.shape[0] == 20
    assert study.chosen.mean() == pytest.approx(1 - 0.3 * 0.3, abs=0.02)


def test_a_run_that_was_stopped_goes_on_and_says_the_same(tmp_path: Path) -> None:
    name = "null, people alike"
    first, second = tmp_path / "first", tmp_path / "second"
    runner.begin(first, {"command": "test"})
    wanted = list(runner.tasks([name], [20], 3, 2))
    assert wanted == [(name, 20, 0, 2), (name, 20, 2, 3)]
    runner.run(first, wanted[:1], 1, math.inf)
    (first / "raw" / "stopped.1.part").write_text("half a li")
    written = runner.path_of(first, wanted[0]).stat().st_mtime_ns
    runner.begin(first, {"command": "test"})
    runner.run(first, wanted, 1, math.inf)
    assert runner.path_of(first, wanted[0]).stat().st_mtime_ns == written
    assert not list((first / "raw").glob("*.part"))
    runner.begin(second, {"command": "test"})
    runner.run(second, list(runner.tasks([name], [20], 3, 3)), 1, math.inf)
    records = [table.read(folder)[name, 20] for folder in (first, second)]
    assert json.dumps(records[0]) == json.dumps(records[1])
    assert [r["replicate"] for r in records[0]] == [0, 1, 2]
    runner.run(second, wanted, 1, 0.0)
    assert len(list((second / "raw").iterdir())) == 1
    about = json.loads((first / "run.json").read_text())
    (first / "run.json").write_text(json.dumps({**about, "code": "other"}))
    with pytest.raises(SystemExit, match="other code"):
        runner.begin(first, {"command": "test"})


def test_figures_with_their_errors() -> None:
    assert table.mean([1.0, 2.0, math.nan, 3.0]) == table.Figure(2.0, pytest.approx(1 / math.sqrt(3)))
    assert table.geometric([1.0, 4.0]).value == pytest.approx(2.0)
    assert table.share([True, False, False, False]) == table.Figure(0.25, pytest.approx(math.sqrt(3 / 8 * 5 / 8 / 4)))
    intervals = [[1.0, 0.5, 2.0, 0.9], [3.0, 2.5, 4.0, 0.01], [1.0, math.nan, math.nan, math.nan]]
    assert table.cover(intervals, 1.7, least=2).value == 0.5
    assert math.isnan(table.cover(intervals, 1.7).value)
    assert table.planted("2.2 of women, 1.2 of men", sim.REAL, "women") == 2.2
    assert math.isnan(table.planted("2.2 of women, 1.2 of men", sim.REAL))
    assert table.planted(table.EIGHT, sim.HARMFUL) == pytest.approx(1 / 1.7)
    assert not table.alike(WORLDS["null, women followed up less"].rules)("follow_ups")
    assert table.alike(WORLDS["null, women followed up less"].rules)("hazard_ratio:follow_up_7d")
