"""A plan in words and tables for whoever has to decide whether a study is worth its trouble."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from scipy import stats

from juncture.analyst.findings.verdicts import BIAS_FACTOR
from juncture.analyst.power.detect import POWER, Size
from juncture.analyst.power.plan import Detectable, Plan
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE

WIDTH = 79
GROUPS = {"all": "everybody", "women": "women", "men": "men", "women over men": "women over men"}
CSV_HEADER = ("figure", "group", "value", "monte_carlo_error", "told")


def report(plan: Plan) -> list[str]:
    """Lines of at most 79 letters: what was assumed, two tables, and what it comes to."""
    lines = _wrapped(_assumed(plan))
    if plan.effects:
        lines += ["", "How many times as frequent crises must be after missed openings:", "", *_ratio_table(plan)]
    lines += ["", "How well the share of openings missed will be known:", "", *_share_table(plan)]
    lines += ["", "In words:", ""]
    for sentence in _sentences(plan):
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return lines


def csv_rows(plan: Plan) -> Iterator[tuple[str, str, str, str, str]]:
    """Every figure of the plan, one a row under :data:`CSV_HEADER`; empty where there is none."""
    for effect in plan.effects:
        for figure, size in (
            ("ratio_seen", effect.seen),
            ("ratio_seen_half", effect.half),
            ("ratio_seen_if_told", effect.if_told),
            ("ratio_supported", effect.supported),
        ):
            yield figure, effect.stratum, _number(size.ratio), _number(size.error), _number(effect.told)
        yield "informative_people", effect.stratum, _number(effect.informative), "", _number(effect.told)
    yield "rate_ratio_seen", "women over men", _number(plan.rate.ratio), _number(plan.rate.error), ""
    for share in plan.shares:
        yield "missed_share", share.stratum, _number(share.true), "", ""
        yield "missed_share_width", share.stratum, _number(share.width), _number(share.error), ""
    for audit in plan.audits:
        name = f"audit_of_{audit.checked}" if audit.checked else "no_audit"
        for part, value in (("estimate", audit.estimate), ("low", audit.low), ("high", audit.high)):
            yield f"{name}_{part}", "all", _number(value), "", ""
        yield f"{name}_width", "all", _number(audit.width), _number(audit.error), ""


def _assumed(plan: Plan) -> str:
    design = plan.design
    people = f"{design.people} people, {design.women} women and {design.men} men"
    after = (
        f"a response within {_days(design.window)}" if design.window else "a response that is part of the crisis itself"
    )
    return (
        f"A study of {people}, each seen for {design.days} days. Assumed: {design.crises_per_year:g} crises a year "
        f"each on average, every one an opening of the juncture; {_percent(design.missed)} of openings without "
        f"{after}; first crises counted in the {_days(design.horizon)} after that. People differ in how often they are "
        "in crisis and in how often anybody responds"
        + (
            f", and have bad spells in which crises are {design.burst:g} times as frequent."
            if design.burst > 1
            else "."
        )
    )


def _ratio_table(plan: Plan) -> list[str]:
    head = ("", "people", "informative", "can be told", "is seen", "is supported")
    rows = [
        (
            GROUPS[effect.stratum],
            str(effect.people),
            f"{effect.informative:.0f}",
            f"in {100 * effect.told:.0f} of 100",
            _with_error(effect.seen),
            _with_error(effect.supported) if effect.stratum != "women over men" else "",
        )
        for effect in plan.effects
    ]
    return _columns([head, *rows])


def _share_table(plan: Plan) -> list[str]:
    rows = [("", "share", "interval", "wide")]
    for share in plan.shares:
        if math.isfinite(share.width):
            rows.append((f"{GROUPS[share.stratum]}, all linked", _percent(share.true), "", _points(share.width)))
        else:
            rows.append((f"{GROUPS[share.stratum]}, all linked", "-", "", "too few to say"))
    for audit in plan.audits:
        name = f"audit of {audit.checked}" if audit.checked else f"{_percent(plan.design.recall)} linked, no audit"
        if math.isfinite(audit.width):
            interval = f"{100 * audit.low:.0f} to {100 * audit.high:.0f} %"
            rows.append(
                (f"  {name}" if audit.checked else name, _percent(audit.estimate), interval, _points(audit.width))
            )
        else:
            rows.append((name, "-", "", "too few to say"))
    return _columns(rows)


def _sentences(plan: Plan) -> Iterator[str]:
    design = plan.design
    if not plan.effects:
        yield (
            f"A wait of {_days(design.window)} is a process that is measured, not an effect that is estimated: no "
            "ratio is planned for it."
        )
    for effect in plan.effects:
        if effect.stratum == "all":
            yield from _of_everybody(effect)
        elif effect.stratum != "women over men":
            yield _of_a_group(effect)
        else:
            yield _of_a_comparison(effect)
    if math.isfinite(plan.rate.ratio):
        yield (
            f"Women's contacts a year must be {plan.rate.ratio:.2f} times men's, or {1 / plan.rate.ratio:.2f} times, "
            "for the difference to be seen, where contacts are as frequent as crises are here."
        )
    known = [share for share in plan.shares if math.isfinite(share.width)]
    if known:
        told = ", ".join(f"{_reach(share.width)} for {GROUPS[share.stratum]}" for share in known)
        yield f"Were every response linked, the share missed would be known to within so many points: {told}."
    yield from _of_audits(plan)
    yield _of_luck(plan)


def _of_everybody(effect: Detectable) -> Iterator[str]:
    if not math.isfinite(effect.seen.ratio):
        yield _nothing(effect)
        return
    below = (
        f" A ratio of {effect.half.ratio:.2f} you will see in half of them; a smaller one you will most likely not see."
        if math.isfinite(effect.half.ratio)
        else ""
    )
    yield (
        f"With {effect.people} people you will most likely see a ratio of {effect.seen.ratio:.2f} or more between "
        f"missed and met openings: its interval lies above 1 in 80 of 100 such studies.{below}"
    )
    if math.isfinite(effect.supported.ratio):
        yield (
            f"To be called supported, which asks that the whole interval lies above {BIAS_FACTOR:g}, the ratio must be "
            f"{effect.supported.ratio:.2f}."
        )


def _of_a_group(effect: Detectable) -> str:
    if math.isfinite(effect.seen.ratio):
        return f"Among the {effect.people} {effect.stratum} alone the ratio must be {effect.seen.ratio:.2f}."
    return _nothing(effect)


def _of_a_comparison(effect: Detectable) -> str:
    if math.isfinite(effect.seen.ratio):
        return (
            f"Women's ratio must be {effect.seen.ratio:.2f} times men's, or {1 / effect.seen.ratio:.2f} times, for the "
            "difference between them to be seen. Where one is seen and the other is not, that is no difference."
        )
    if effect.told >= POWER:
        return "A difference between women's and men's ratio will most likely not be seen, whatever it is."
    return (
        f"Whether women's and men's ratios differ can be told in {100 * effect.told:.0f} of 100 such studies only, "
        "whatever the difference is: on one side too few are informative."
    )


def _nothing(effect: Detectable) -> str:
    name = "" if effect.stratum == "all" else f" {effect.stratum}"
    if effect.told >= POWER:
        return f"Among the {effect.people}{name or ' people'} no ratio will most likely be seen, whatever it is."
    needed = _people_needed(effect.informative / effect.people)
    more = f" It takes about {needed}{name or ' people'}." if needed else ""
    whom = f"Of the {effect.people}{name or ' people'}" if effect.people != 1 else "Of the one person"
    return (
        f"{whom}, {effect.informative:.0f} will be informative: had crises, and "
        f"openings both missed and met. Below {SMALLEST_INFORMATIVE} no interval is told, and that will be so in "
        f"{100 * (1 - effect.told):.0f} of 100 such studies.{more}"
    )


def _people_needed(chance: float) -> int:
    """How many people make 20 or more informative in 80 of 100 studies; 0 where it would be thousands."""
    if not chance > 0.01:
        return 0
    people = SMALLEST_INFORMATIVE
    while stats.binom.sf(SMALLEST_INFORMATIVE - 1, people, chance) < POWER:
        people += 1
    return people


def _of_audits(plan: Plan) -> Iterator[str]:
    recall = plan.design.recall
    told = {audit.checked: audit for audit in plan.audits if math.isfinite(audit.width)}
    if 0 not in told or recall == 1:
        return
    blind = told[0]
    yield (
        f"Where the linkage finds {_percent(recall)} of the responses and nobody has checked, a response that was not "
        f"linked looks missed: the share is told as {_percent(blind.estimate)} where it is {_percent(_true(plan))} "
        f"(crises that come first count as missed, too), and all one can say is that it lies between "
        f"{100 * blind.low:.0f} and {100 * blind.high:.0f} %, if the "
        "recall that the linker tells is right."
    )
    checked = 40 if 40 in told else next((number for number in told if number), None)
    if checked is None:
        return
    audit = told[checked]
    change = blind.width - audit.width
    size = f"{100 * abs(change):.1f} points {'narrower' if change > 0 else 'wider'}"
    same = abs(change) < 2 * math.hypot(blind.error, audit.error)
    most = told[max(told)]
    further = (
        f" One of {most.checked} brings it to {100 * most.low:.0f} to {100 * most.high:.0f} %."
        if most.checked > checked
        else ""
    )
    yield (
        f"An audit of {checked} links takes the bias out: {_percent(audit.estimate)}, from {100 * audit.low:.0f} to "
        f"{100 * audit.high:.0f} %, {'as wide as before' if same else size}, and no longer at the mercy of the "
        f"recall.{further}"
    )


def _of_luck(plan: Plan) -> str:
    known = [effect.seen.error for effect in plan.effects if math.isfinite(effect.seen.error)]
    moved = f" A ratio is known to about {max(known):.2f} (one standard error)." if known else ""
    return (
        f"These figures come from {plan.cohorts} made-up cohorts at each planted ratio, seed {plan.seed}.{moved} They "
        "hold for what was assumed; change it, and see what they hang on."
    )


def _true(plan: Plan) -> float:
    return next((share.true for share in plan.shares if share.stratum == "all"), plan.design.missed)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [f"  {row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _with_error(size: Size) -> str:
    return f"{size.ratio:.2f} ± {size.error:.2f}" if math.isfinite(size.ratio) else "no ratio"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(width: float) -> str:
    return f"{100 * width:.1f} points"


def _reach(width: float) -> str:
    return f"± {100 * width / 2:.0f}"


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
