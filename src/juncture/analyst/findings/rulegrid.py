"""How many people other rules would have chosen, as far as the bands and the timelines allow.

``linked``: everyone whom the linker's best matching joins, by the joint histogram of their bands in the selection
window. Cells of few people are hidden and the others rounded, so a rule has a lower and an upper number. ``cohort``: of
the people studied, those who meet a stricter rule by the contacts that their timelines tell of the selection window,
with the share of women and the crises a person-year at risk in the follow-up, over the matchings. Timelines leave out
both ends of what agencies know (:func:`build.observed_days`), so somebody may meet the agreement's rule at the agencies
and not here.

Internal: sums over cells that others see hidden would give these away.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import BAND_EDGES, BAND_LABELS, band_of, kind_fits
from juncture.analyst.findings.gender import years_at_risk
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import NAN, GridRow
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.study.atrisk import during_risk
from juncture.analyst.study.model import HOURS_A_DAY, JoinedTimeline, Study
from juncture.formats.cohort import JointHistogramRow

GRID_LINKED, GRID_COHORT = "linked", "cohort"
#: Shares of the people studied, the most active first.
TOP_SHARES = (0.1, 0.25, 0.5)
RAPID_CONTACTS, RAPID_DAYS = 3, 30
#: Bands beyond the rule's own that a grid goes to.
STEPS_UP = 2
OWN_RULE = "the agreement's rule"
NOT_SHARED = "people below share_from are not shared, so this is a lower bound"


def rule_grid(study: Study, matchings: Matchings) -> tuple[GridRow, ...]:
    """Rows among everyone linked, then among the people studied; those of the agreement's own rule among them."""
    return (*_linked(study), *_cohort(study, matchings))


def _rules(agreement: Agreement) -> list[dict[str, int]]:
    """Least contacts by family: around the agreement's, one band down and two up, in all combinations."""
    choices = []
    for family, least in sorted(agreement.cohort.rule.items()):
        own = band_of(least)
        bands = range(max(own - 1, 0), min(own + STEPS_UP, len(BAND_EDGES) - 1) + 1)
        choices.append([(family, BAND_EDGES[band]) for band in bands])
    return [dict(combination) for combination in itertools.product(*choices)]


def _words(rule: Mapping[str, int], agreement: Agreement) -> str:
    return " and ".join(f"{least}+ {family}" for family, least in rule.items()) + (
        f" in {agreement.cohort.within_days} days"
    )


def _own(rule: Mapping[str, int], agreement: Agreement) -> str:
    return OWN_RULE if rule == dict(agreement.cohort.rule) else ""


def _linked(study: Study) -> list[GridRow]:
    agreement, report = study.agreement, study.report
    if not report.histogram:
        return []
    rows = []
    threshold, round_to = agreement.disclosure.threshold, agreement.disclosure.round_to
    bounds = [(cell, *_bounds(cell, report.histogram, threshold, round_to)) for cell in report.histogram]
    for rule in _rules(agreement):
        inside = [(low, high) for cell, low, high in bounds if _meets(cell, rule, report.families)]
        below = any(least < agreement.cohort.share_from.get(family, 0) for family, least in rule.items())
        low, high = sum(low for low, _ in inside), sum(high for _, high in inside)
        rows.append(
            GridRow(
                among=GRID_LINKED,
                rule=_words(rule, agreement),
                people=NAN,
                people_low=low,
                people_high=NAN if below else high,
                women=NAN,
                crises=NAN,
                note=NOT_SHARED if below else _own(rule, agreement),
            )
        )
    return rows


def _meets(cell: JointHistogramRow, rule: Mapping[str, int], families: Sequence[str]) -> bool:
    band = {family: BAND_LABELS.index(word) for family, word in zip(families, cell.bands, strict=True)}
    return all(band[family] >= band_of(least) for family, least in rule.items())


def _bounds(
    cell: JointHistogramRow, cells: Sequence[JointHistogramRow], threshold: int, round_to: int
) -> tuple[float, float]:
    """The fewest and the most people that a hidden or rounded cell may hold."""
    half = round_to // 2
    if cell.people is not None:
        return max(cell.people - half, threshold), cell.people + half
    shown = [other.people for other in cells if other.people is not None]
    if sum(other.people is None for other in cells) > 2:
        return 1, threshold - 1
    # Of two hidden cells one may be hidden for the other's sake: the smallest that was not small itself.
    return 1, min(shown) + half if shown else NAN


def _cohort(study: Study, matchings: Matchings) -> list[GridRow]:
    if not any(t.entry_h < 0 for t in study.timelines):
        return []
    agreement = study.agreement
    families, width = sorted(agreement.cohort.rule), agreement.cohort.within_days
    days = {family: [_days(t, agreement, [family]) for t in study.timelines] for family in families}
    together = [_days(t, agreement, families) for t in study.timelines]
    most = {family: np.array([most_within(d, width) for d in days[family]]) for family in families}
    total = np.array([len(d) for d in together])
    rapid = np.array([most_within(d, RAPID_DAYS) for d in together])
    people = _People(
        matchings=matchings,
        years=years_at_risk(study.timelines),
        crises=np.array([len(during_risk(t, t.crises)) for t in study.timelines], dtype=np.float64),
    )
    rows = [people.row("everybody studied", np.ones(total.size, dtype=np.bool_))]
    for rule in _rules(agreement):
        if all(least >= agreement.cohort.rule[family] for family, least in rule.items()):
            meets = np.all([most[family] >= least for family, least in rule.items()], axis=0)
            rows.append(people.row(_words(rule, agreement), meets, _own(rule, agreement)))
    words = f"{RAPID_CONTACTS}+ contacts in {RAPID_DAYS} days"
    rows.append(people.row(words, rapid >= RAPID_CONTACTS))
    return rows + [people.top(f"the {share:.0%} with most contacts", total, share) for share in TOP_SHARES]


def _days(timeline: JoinedTimeline, agreement: Agreement, families: Sequence[str]) -> list[int]:
    """Days of the selection window with a contact of ``families``, one entry a contact, in order."""
    patterns = [pattern for family in families for pattern in agreement.cohort.families[family]]
    return [
        contact.start_h // HOURS_A_DAY
        for contact in timeline.contacts
        if contact.start_h < 0 and kind_fits(contact.kind, patterns)
    ]


def most_within(days: Sequence[int], width: int) -> int:
    """The most of ``days`` (sorted) that lie in any ``width`` days in a row."""
    return max((place - bisect_left(days, day - width + 1) + 1 for place, day in enumerate(days)), default=0)


@dataclass(frozen=True, eq=False)
class _People:
    """The people studied, by timeline (t): years at risk and crises in the follow-up."""

    matchings: Matchings
    years: Vector
    crises: Vector

    def top(self, words: str, total: Integers, share: float) -> GridRow:
        """The most active ``share`` of each matching, with everybody who ties with the last of them."""
        bars = []
        for matching in self.matchings.distinct:
            counts = np.sort(total[matching[matching >= 0]])[::-1]
            bars.append(int(counts[math.ceil(share * counts.size) - 1]) if counts.size else 0)
        return self._over_matchings(words, [total >= bar for bar in bars])

    def row(self, words: str, meets: Booleans, note: str = "") -> GridRow:
        """Those whose timeline ``meets`` (t) the rule."""
        return self._over_matchings(words, [meets] * len(self.matchings.distinct), note)

    def _over_matchings(self, words: str, meets: Sequence[Booleans], note: str = "") -> GridRow:
        found = np.zeros((len(meets), 4))
        for counts, matching, mask in zip(found, self.matchings.distinct, meets, strict=True):
            chosen = (matching >= 0) & mask[matching]
            place = matching[chosen]
            women = (self.matchings.group[chosen] == 0).sum()
            counts[:] = place.size, women, self.crises[place].sum(), self.years[place].sum()
        people, women, crises, years = (self.matchings.weights @ found).tolist()
        return GridRow(
            among=GRID_COHORT,
            rule=words,
            people=people,
            people_low=float(found[:, 0].min(initial=np.inf)) if len(found) else NAN,
            people_high=float(found[:, 0].max(initial=0)) if len(found) else NAN,
            women=women / people if people else NAN,
            crises=crises / years if years else NAN,
            note=note,
        )
