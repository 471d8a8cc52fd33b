"""What the study found, as frozen types. NaN means not estimable; intervals are of 95 %.

Everything here is internal to the analyst: it is unsuppressed, and :mod:`juncture.analyst.proposal` decides what the
checker is asked to release.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAN = float("nan")


class Stratum(StrEnum):
    """Whom a row is about. Those neither female nor male are in ``all``."""

    ALL = "all"
    WOMEN = "women"
    MEN = "men"


class Verdict(StrEnum):
    """What can be said of a juncture."""

    SUPPORTED = "supported"  # missing it went with clearly more crises, and the placebo is silent
    HARMFUL = "harmful"  # missing it went with clearly fewer crises, and the placebo is silent
    UNCERTAIN = "uncertain"
    TOO_SMALL = "too_small"


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval and p."""

    value: float = NAN
    low: float = NAN
    high: float = NAN
    p_value: float = NAN


@dataclass(frozen=True)
class Counts:
    """Openings and people, means over the matchings, rounded; ``all`` is the sum of its groups.

    ``openings`` are the evaluable ones and ``openings_missed`` those of them that were missed; people are those with
    such an opening (a person may have missed one and met another); ``people_informative`` are those from whom the
    comparison within persons learns; ``not_evaluable`` is ``crisis_first + institution_first + end_first``, and
    ``people_left`` the people with such an opening. ``people_crisis`` have a crisis after a missed opening.
    """

    openings: int
    openings_missed: int
    crises: int
    people: int
    people_informative: int
    people_missed: int
    people_met: int
    people_any: int
    crisis_first: int
    institution_first: int
    end_first: int
    people_left: int = 0
    people_crisis: int = 0

    @property
    def not_evaluable(self) -> int:
        """Openings with a crisis, an institution or an end of observation before their landmark."""
        return self.crisis_first + self.institution_first + self.end_first


@dataclass(frozen=True)
class LinkSensitivity:
    """What missed and false links may have done to one juncture in one stratum.

    ``q``: the chance that an opening's response is seen, with its range; ``right``: the mean probability of the links
    that openings needed; ``by_chance``: share of openings that a stranger's file answered. ``seen``: the missed share
    as it was seen. ``ratio``: the ratio if losses were spread evenly over each person's openings; ``ratio_low``,
    ``ratio_high``: where it lies over the range of q, however they are spread. ``note``: why something is empty or has
    no bound.
    """

    q: float = NAN
    q_low: float = NAN
    q_high: float = NAN
    right: float = NAN
    by_chance: float = NAN
    seen: Estimate = Estimate()
    ratio: float = NAN
    ratio_low: float = NAN
    ratio_high: float = NAN
    note: str = ""


@dataclass(frozen=True)
class JunctureFinding:
    """One declared juncture in one stratum.

    ``missed_share``: of all openings, those to which no response came within the window before a crisis did, corrected
    for missed and false links as ``links`` says; ``preempted_share``: the part of them in which a crisis came first.
    ``ratio``: hazard of a crisis after missed over met openings, within persons; ``placebo``: the same of crises in the
    30 days before, with what became of the person's opening before held equal; ``crude_ratio`` without comparing within
    persons; ``risk_ratio`` of a crisis by the horizon.

    In first crises within the horizon, a year, in the cohort: ``avoidable`` by the model; ``ceiling``: all that
    followed missed openings; ``bound_low``, ``bound_high`` without a model; ``avoidable_link_low``,
    ``avoidable_link_high``: the model over the range of q; ``attributed``: what junctures with more avoidable crises
    leave of the model's.

    ``lead``: median days from t to the crisis, of missed openings that one followed within the horizon.
    ``linkage_share``: of the variance of the log ratio, what is due to not knowing who is who. ``largest_share``: of
    the openings, those of the person with most.
    """

    juncture: str
    stratum: Stratum
    counts: Counts
    response_within_days: int
    outcome: str
    horizon_days: int
    missed_share: Estimate
    ratio: Estimate
    placebo: Estimate
    crude_ratio: float
    risk_ratio: float
    avoidable: Estimate
    ceiling: float
    linkage_share: float
    largest_share: float
    q_value: float = NAN
    preempted_share: float = NAN
    rank: int | None = None
    prob_top3: float = NAN
    verdict: Verdict = Verdict.TOO_SMALL
    links: LinkSensitivity = LinkSensitivity()
    bound_low: float = NAN
    bound_high: float = NAN
    attributed: Estimate = Estimate()
    lead: Estimate = Estimate()
    avoidable_link_low: float = NAN
    avoidable_link_high: float = NAN


class Variant(StrEnum):
    """Another way to compute a juncture's ratio: see :mod:`juncture.analyst.findings.sensitivity`."""

    PRIMARY = "primary"
    CRISES = "crises_7_30d"
    PRIOR = "prior_response"
    ALL_ADJUSTED = "all_adjusted"
    TIME_DEPENDENT = "time_dependent"
    ALL_CRISES = "all_crises"
    GAP_6H = "gap_6h"
    GAP_24H = "gap_24h"
    GAP_72H = "gap_72h"
    SCCS = "sccs"


@dataclass(frozen=True)
class SensitivityFinding:
    """One juncture's ratio computed in another way, of everybody. Counts are those of the openings that this variant
    rests on; ``missed_share`` (corrected) where the variant has openings of its own; ``note``: why there is no
    interval; ``largest_share``: of the openings, those of the person with most."""

    juncture: str
    variant: Variant
    ratio: Estimate
    openings: int
    people: int
    people_missed: int
    people_met: int
    people_informative: int
    missed_share: float
    largest_share: float
    note: str


@dataclass(frozen=True)
class GridRow:
    """People under another rule. ``rule``: in words; ``among``: whom it chooses from (``GRID_LINKED`` or
    ``GRID_COHORT`` of :mod:`findings.rulegrid`); ``people_low``, ``people_high``: what hidden and rounded counts leave
    open, or the least and the most over the matchings; ``women``: their share; ``crises``: a person-year at risk."""

    among: str
    rule: str
    people: float
    people_low: float
    people_high: float
    women: float
    crises: float
    note: str


@dataclass(frozen=True)
class GenderFinding:
    """One measure in women and men. ``people_women``, ``people_men``: people behind it; ``people_with``: people to whom
    it happened, other numbers of people that the measure rests on; ``largest_share``: of the events it counts, those of
    the person with most (NaN where it counts none). ``link_low``, ``link_high``: the ends that the interval reaches
    over the range of the chance, by sex, that something is seen despite missed links (NaN where nothing bounds it).
    ``people_rest``: women and men of what no share of its sort tells, where these add up to 1 with it."""

    measure: str
    women: float
    men: float
    ratio: Estimate
    people_women: int
    people_men: int
    people_with: tuple[int, ...]
    largest_share: float
    q_value: float = NAN
    link_low: float = NAN
    link_high: float = NAN
    people_rest: tuple[int, ...] = ()


@dataclass(frozen=True)
class CurvePoint:
    """Mean number of crises a person by the end of ``day`` of the follow-up; ``people_with``: people who had one by
    then; ``largest_share``: of the crises by then, those of the person with most."""

    group: Stratum
    day: int
    mean: Estimate
    at_risk: int
    people_with: int
    largest_share: float


@dataclass(frozen=True)
class LinkageFinding:
    """A measure of the linkage as the linker told it, of all or of women or men."""

    measure: str
    value: Estimate


@dataclass(frozen=True)
class CohortRow:
    """One person under the best matching. ``contacts`` by agency, in both windows; ``link_probability`` of the least
    certain of the person's files, NaN where the best matching gives files of one agency only."""

    study_id: str
    sex: str | None
    age_band: str | None
    contacts: dict[str, int]
    link_probability: float


class FunnelStage(StrEnum):
    """Where an opening stands on its way from coming up to a crisis after it was missed."""

    OPENED = "opened"
    CRISIS_FIRST = "crisis_first"
    INSTITUTION_FIRST = "institution_first"
    END_FIRST = "end_first"
    EVALUABLE = "evaluable"
    MISSED = "missed"
    CRISIS = "crisis"


@dataclass(frozen=True)
class FunnelStep:
    """Openings of a juncture at one stage and the people who have such an opening, means over the matchings.

    ``people_left``: by earlier stage, people with an opening at that stage that is not at this one; ``largest_share``:
    of the openings, those of the person with most.
    """

    juncture: str
    stage: FunnelStage
    openings: int
    people: int
    people_left: dict[FunnelStage, int]
    largest_share: float


class LastContactMeasure(StrEnum):
    """What is told of the last contact before a crisis."""

    KIND = "kind"  # with whom and of what kind it was
    DAYS = "days"  # how many days before it was


@dataclass(frozen=True)
class LastContactFinding:
    """Crises whose last contact was of one ``value`` (or one of several), beside referent times of the same persons.

    ``people`` have such a crisis; ``people_behind``: people with a crisis after another last contact, with such a
    referent time, with another referent time; ``people_informative``: those from whom the odds learn. ``share``: of the
    crises; ``referent_share``: of the referent times, every crisis counting once. ``odds``: ratio of the odds of this
    last contact before crises over before referent times, within persons, of everybody only. ``median_days``: before
    the crisis. ``largest_share``: of the crises, those of the person with most.
    """

    measure: LastContactMeasure
    value: str
    stratum: Stratum
    crises: int
    people: int
    people_behind: tuple[int, ...]
    people_informative: int
    share: float
    referent_share: float
    odds: Estimate
    median_days: float
    largest_share: float


@dataclass(frozen=True)
class ExpectedFallFinding:
    """Contacts with one agency, or crises, a year before and after people were chosen; falls are shares, 1 - the ratio.

    ``observed``: from before to after, NaN where neither expected fall stands beside it; ``expected``: by everybody's
    counts; ``lagged``: by the year before the follow-up of the ``people_lagged`` who had met the rule by then;
    ``since_washout``: what these fell from that year to the follow-up. ``largest_share``: of the events before, or of
    those after, those of the person with most. ``notes``: why something is empty, and what to mind.
    """

    agency: str
    stratum: Stratum
    people: int
    before: float = NAN
    after: float = NAN
    observed: Estimate = Estimate()
    expected: Estimate = Estimate()
    lagged: Estimate = Estimate()
    since_washout: Estimate = Estimate()
    people_lagged: int = 0
    largest_share: float = NAN
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EveryoneRow:
    """People whom an agency knows, by sex and band of contacts in the selection window; NaN where the agency hid it.

    ``before``, ``after``: mean contacts in the two windows; ``none_after``: the share without any in the follow-up;
    ``at_least``: of those with a contact, the share with this band's or more.
    """

    agency: str
    sex: str
    band: str
    people: float
    before: float
    after: float
    none_after: float
    at_least: float


@dataclass(frozen=True)
class Findings:
    """Everything one study found; ``agencies`` in order; ``audited``: those of them whose files were audited;
    ``last_contact_pooled``: values of the last contact that are about too few people by themselves, put together."""

    agencies: tuple[str, ...]
    cohort: tuple[CohortRow, ...]
    junctures: tuple[JunctureFinding, ...]
    gender: tuple[GenderFinding, ...]
    linkage: tuple[LinkageFinding, ...]
    curves: tuple[CurvePoint, ...]
    people_studied: int
    audited: frozenset[str] = frozenset()
    funnel: tuple[FunnelStep, ...] = ()
    last_contact: tuple[LastContactFinding, ...] = ()
    last_contact_pooled: tuple[LastContactFinding, ...] = ()
    sensitivities: tuple[SensitivityFinding, ...] = ()
    rule_grid: tuple[GridRow, ...] = ()
    expected_falls: tuple[ExpectedFallFinding, ...] = ()
    everyone: tuple[EveryoneRow, ...] = ()
