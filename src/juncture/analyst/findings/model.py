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
    comparison within persons learns; ``not_evaluable`` is ``crisis_first + institution_first + end_first``.
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
    for missed and false links as ``links`` says;
    ``preempted_share``: the part of them in which a crisis came first. ``ratio``: hazard of a
    crisis after missed over met openings, within persons; ``placebo``: the same of crises in the 30 days before;
    ``crude_ratio`` without comparing within persons; ``risk_ratio`` of a crisis by the horizon. ``avoidable``,
    ``ceiling``: first crises within the horizon, a year, in the cohort. ``linkage_share``: of the variance of the log
    ratio, what is due to not knowing who is who. ``largest_share``: of the openings, those of the person with most.
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


@dataclass(frozen=True)
class GenderFinding:
    """One measure in women and men. ``people_women``, ``people_men``: people behind it; ``people_with``: people to whom
    it happened, other numbers of people that the measure rests on; ``largest_share``: of the events it counts, those of
    the person with most (NaN where it counts none). ``link_low``, ``link_high``: the ends that the interval reaches
    over the range of the chance, by sex, that something is seen despite missed links (NaN where nothing bounds it)."""

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


@dataclass(frozen=True)
class Findings:
    """Everything one study found; ``agencies`` in order; ``audited``: those of them whose files were audited."""

    agencies: tuple[str, ...]
    cohort: tuple[CohortRow, ...]
    junctures: tuple[JunctureFinding, ...]
    gender: tuple[GenderFinding, ...]
    linkage: tuple[LinkageFinding, ...]
    curves: tuple[CurvePoint, ...]
    people_studied: int
    audited: frozenset[str] = frozenset()
    funnel: tuple[FunnelStep, ...] = ()
