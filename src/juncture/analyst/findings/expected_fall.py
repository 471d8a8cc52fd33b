"""How much less often the people studied were met after they were chosen, beside the fall to be expected by itself.

``observed``: from the selection window to the follow-up, by agency. It is told only beside an expected fall.
``expected``: what people with as many contacts at this agency did, by everybody's band means (:class:`BandMeans`). A
    person's contacts in the observed part of the selection window are taken to the length of the whole. What the other
    agency knows of a person is not in it: somebody who is often met by both rather stays so.
``lagged``: the second way, from the timelines alone. Of the people studied, those who met the rule before the last year
    of the selection window were chosen whatever that year brought; it is the washout year. Their rate in it, which
    nobody was chosen for, over their rate in the whole selection window. No follow-up enters, so no intervention can.
``since_washout``: of the same people, the fall from the washout year to the follow-up: what changed, free of selection.

Contacts are counted by time observed, stays in an institution included, since agencies count everybody's contacts so.
Crises, whose expected fall no agency can tell, have the second way alone, by time at risk. Falls are shares: 1 - ratio
of rates. Figures are combined over the matchings; below 20 people none is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from juncture.agreement.vocabulary import BAND_EDGES, BAND_LABELS, Sex
from juncture.analyst.findings.before_after import AFTER, BEFORE, WASHOUT, Counted, kinds_of_rule
from juncture.analyst.findings.matchings import Combined, Matchings, combine
from juncture.analyst.findings.model import NAN, Estimate, ExpectedFallFinding, Stratum
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.regression_to_the_mean import (
    LEAST_BANDS,
    BandMeans,
    Change,
    change,
    expected_change,
)
from juncture.analyst.study.model import HOURS_A_DAY, HOURS_A_YEAR, Everyone, Study

CRISES = "crises"
#: Of the people studied, the share that must be in bands of which the agency tells.
LEAST_TOLD = 0.75
#: Expected falls that differ by more contradict each other.
APART = 0.10
SEXES = {Stratum.WOMEN: (Sex.FEMALE.value,), Stratum.MEN: (Sex.MALE.value,)}
TOO_FEW = "too few people to say"
NOT_TOLD = "the agency's counts of everyone are hidden where most of these people belong"
NO_CRISES = "nobody counts everyone's crises, so only the second way is there"
NO_SECOND = "too few people met the rule a year earlier for the second way"
TOO_SHORT = "the selection window is too short for the second way"
THEMSELVES = "most people with as many contacts are the ones studied, so the first way expects what they did"
BOTH = (
    "the rule asks something of another agency, too, of which the first way does not know: it expects too large a fall"
)
QUOTA = "the quota left out people with fewer contacts, so the second way expects too small a fall"
DISAGREE = "the two ways to expect a fall differ by more than 10 points"


def expected_falls(study: Study, matchings: Matchings) -> tuple[ExpectedFallFinding, ...]:
    """Rows by agency and of crises, of everybody, women and men; none where no agency tells of everyone."""
    if not any(told.totals for told in study.everyone.values()) or not study.timelines:
        return ()
    agreement = study.agreement
    counted = Counted.of(study)
    findings = []
    for place, name in enumerate((*agreement.agencies, CRISES)):
        for stratum in Stratum:
            everyone = study.everyone.get(name)
            bands = None if everyone is None else told_bands(everyone, stratum, agreement.disclosure.round_to)
            findings.append(_fall(name, stratum, counted, place, bands, study, matchings))
    return tuple(findings)


def told_bands(everyone: Everyone, stratum: Stratum, round_to: int) -> tuple[tuple[int, ...], BandMeans] | None:
    """Bands (places in ``BAND_EDGES``) of which the agency tells sums of this stratum, and their means; None below two.

    Those of everybody add up the sexes that are told of each band.
    """
    sums: dict[int, Vector] = {}
    for row in everyone.totals:
        parts = (row.people, row.contacts, row.later, row.later_squares)
        wanted = stratum is Stratum.ALL or row.sex in SEXES[stratum]
        if wanted and row.people and None not in parts:
            band = BAND_LABELS.index(row.selection)
            sums[band] = sums.get(band, np.zeros(4)) + np.array(parts, dtype=np.float64)
    if len(sums) < LEAST_BANDS:
        return None
    bands = tuple(sorted(sums))
    people, before, after, squares = np.array([sums[band] for band in bands]).T
    # A mean lies in its band, whatever was rounded: a band of one number is known exactly, and means rise.
    last = [*(edge - 1 for edge in BAND_EDGES[1:]), np.inf]
    edges = np.array([(BAND_EDGES[band], last[band]) for band in bands])
    before = np.clip(before, *(people[:, None] * edges).T)
    return bands, BandMeans.of(people, before, after, squares, round_to=round_to)


def _fall(
    name: str,
    stratum: Stratum,
    counted: Counted,
    place: int,
    bands: tuple[tuple[int, ...], BandMeans] | None,
    study: Study,
    matchings: Matchings,
) -> ExpectedFallFinding:
    members = matchings.members(stratum)
    chosen = [matching[members & (matching >= 0)] for matching in matchings.distinct]
    people = _mean([len(timelines) for timelines in chosen], matchings)
    early = [timelines[counted.early[timelines]] for timelines in chosen]
    people_lagged = _mean([len(timelines) for timelines in early], matchings)
    if people < SMALLEST_INFORMATIVE:
        return ExpectedFallFinding(name, stratum, people, notes=(TOO_FEW,))
    events, years = counted.events[:, place], counted.years[:, place]
    windows = study.agreement.windows
    whole = _years(windows.selection), _years(windows.follow_up)
    notes: list[str] = []

    def fall(timelines: Sequence[Integers], first: int, second: int) -> Estimate:
        changes = [change(events[t, first], events[t, second], years[t, first], years[t, second]) for t in timelines]
        return _combined(changes, [len(t) for t in timelines], matchings)

    expected = lagged = since = Estimate()
    if name == CRISES:
        notes.append(NO_CRISES)
    elif bands is None:
        notes.append(NOT_TOLD)
    else:
        numbers, means = bands
        counts = [events[t, BEFORE] / np.maximum(years[t, BEFORE], 1e-9) * whole[0] for t in chosen]
        told, themselves = _shares(counts, numbers, _told_people(study.everyone[name], stratum), matchings)
        if told < LEAST_TOLD:
            notes.append(NOT_TOLD)
        else:
            changes = [expected_change(means, c, *whole) for c in counts]
            expected = _combined(changes, [len(c) for c in counts], matchings)
            if any(
                not kind.startswith(f"{name}.") for kinds in kinds_of_rule(study.agreement).values() for kind in kinds
            ):
                notes.append(BOTH)
            if themselves > 0.5:
                notes.append(THEMSELVES)
    if not counted.parted:
        notes.append(TOO_SHORT)
    elif people_lagged < SMALLEST_INFORMATIVE:
        notes.append(NO_SECOND)
    else:
        lagged, since = fall(early, BEFORE, WASHOUT), fall(early, WASHOUT, AFTER)
        if study.report.eligible > len(study.people):
            notes.append(QUOTA)
    if abs(expected.value - lagged.value) > APART:
        notes.append(DISAGREE)
    beside = np.isfinite(expected.value) or np.isfinite(lagged.value)
    return ExpectedFallFinding(
        agency=name,
        stratum=stratum,
        people=people,
        before=_rate(events, years, chosen, BEFORE, matchings) if beside else NAN,
        after=_rate(events, years, chosen, AFTER, matchings) if beside else NAN,
        observed=fall(chosen, BEFORE, AFTER) if beside else Estimate(),
        expected=expected,
        lagged=lagged,
        since_washout=since,
        people_lagged=people_lagged,
        largest_share=_largest(events, matchings, members),
        notes=tuple(notes),
    )


def _combined(changes: Sequence[Change], sizes: Sequence[int], matchings: Matchings) -> Estimate:
    """A fall over the matchings, from the changes in each distinct one."""
    done: Combined = combine(
        matchings.over_draws([c.log_ratio for c in changes]),
        matchings.over_draws([c.standard_error for c in changes]),
        matchings.over_draws([float(n - 1) for n in sizes]),
    )
    ratio = done.exponential()
    return Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low, ratio.p_value)


def _shares(
    counts: Sequence[Vector], bands: Sequence[int], people: Mapping[int, int], matchings: Matchings
) -> tuple[float, float]:
    """Of the people studied, the share in ``bands``; and how far the people of their bands are they themselves.

    ``people``: of everybody, by band. Whoever has less than one contact in the part that was observed is in the first.
    """
    told, themselves = [], []
    for count in counts:
        band = np.maximum(np.searchsorted(BAND_EDGES, np.round(count), side="right") - 1, 1)
        own = np.bincount(band, minlength=len(BAND_EDGES))
        told.append(own[list(bands)].sum() / max(own.sum(), 1))
        share = np.array([min(own[b] / people[b], 1.0) if people.get(b) else 1.0 for b in range(len(BAND_EDGES))])
        themselves.append(float(own @ share) / max(own.sum(), 1))
    return float(matchings.weights @ np.array(told)), float(matchings.weights @ np.array(themselves))


def _told_people(everyone: Everyone, stratum: Stratum) -> dict[int, int]:
    found: dict[int, int] = {}
    for row in everyone.totals:
        if row.people and (stratum is Stratum.ALL or row.sex in SEXES[stratum]):
            band = BAND_LABELS.index(row.selection)
            found[band] = found.get(band, 0) + row.people
    return found


def _years(window: tuple[date, date]) -> float:
    return ((window[1] - window[0]).days + 1) * HOURS_A_DAY / HOURS_A_YEAR


def _mean(numbers: Sequence[int], matchings: Matchings) -> int:
    return int(matchings.weights @ np.array(numbers, dtype=np.float64) + 0.5) if numbers else 0


def _rate(events: Vector, years: Vector, chosen: Sequence[Integers], span: int, matchings: Matchings) -> float:
    rates = [events[t, span].sum() / years[t, span].sum() if years[t, span].sum() > 0 else NAN for t in chosen]
    return float(matchings.weights @ np.array(rates))


def _largest(events: Vector, matchings: Matchings, members: Booleans) -> float:
    """The largest share that one person has of the events before, or of those after."""
    by_person = [matchings.by_person(events[:, span]) * members for span in (BEFORE, AFTER)]
    shares = [matchings.largest_share(list(own)) for own in by_person]
    known = [share for share in shares if np.isfinite(share)]
    return max(known, default=NAN)
