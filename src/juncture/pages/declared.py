"""What the agreement declared, in words for readers: who was chosen, what opens and what meets a juncture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from juncture.agreement.model import Agreement, Juncture
from juncture.agreement.vocabulary import (
    AgencyFamily,
    Grain,
    JunctureFamily,
    LinkageProfile,
    PartyRole,
    Purpose,
    ReleaseProfile,
    kinds_of,
)
from juncture.pages.words import listed, plural

PURPOSES = {
    Purpose.SERVICE_IMPROVEMENT_RESEARCH: "research to improve services",
    Purpose.PROGRAM_EVALUATION: "evaluation of a program",
    Purpose.PUBLIC_HEALTH_RESEARCH: "public health research",
}
GRAINS = {Grain.SIX_HOURS: "a quarter of a day", Grain.DAY: "a day", Grain.WEEK: "a week"}
LINKAGE_PROFILES = {
    LinkageProfile.TAGS: "keyed tags of combinations of values, nothing else",
    LinkageProfile.FIELD: "one encoding for each field",
    LinkageProfile.RECORD: "one encoding for all fields together",
}
RELEASE_PROFILES = {
    ReleaseProfile.LIMITED_DATA_SET: "limited data set (45 CFR 164.514(e))",
    ReleaseProfile.SAFE_HARBOR: "Safe Harbor (45 CFR 164.514(b)(2))",
    ReleaseProfile.EXPERT: "expert determination (45 CFR 164.514(b)(1))",
}
FAMILIES = {
    JunctureFamily.MISSED_FOLLOW_UP: "missed follow-up",
    JunctureFamily.MISSED_CO_RESPONSE: "missed co-response",
    JunctureFamily.ESCALATION: "escalation",
    JunctureFamily.SILENCE: "silence",
}


def day(value: date) -> str:
    """A date as a reader in the United States writes it."""
    return f"{value:%B} {value.day}, {value.year}"


def span(window: tuple[date, date]) -> str:
    """First and last day of a window."""
    return f"{day(window[0])} to {day(window[1])}"


def title_of(agreement: Agreement, name: str) -> str:
    """The title of a party, or what it does where it has none."""
    party = agreement.party[name]
    if party.title.strip():
        return party.title.strip()
    return {
        PartyRole.AGENCY: name,
        PartyRole.LINKER: "The linkage unit",
        PartyRole.ANALYST: "The research team",
        PartyRole.CHECKER: "The checker",
    }[party.role]


def agencies(agreement: Agreement) -> tuple[str, ...]:
    """Titles of the agencies."""
    return tuple(title_of(agreement, name) for name in agreement.agencies)


def kind_words(agreement: Agreement, kinds: Sequence[str]) -> str:
    """Kinds of contact as "crisis call or co-response (Example Police Department)", agencies in the order named."""
    by_party: dict[str, list[str]] = {}
    for kind in kinds:
        name, word = kind.split(".", 1)
        by_party.setdefault(name, []).append(_kind_title(agreement, name, word))
    return listed([f"{listed(words, 'or')} ({_agency(agreement, name)})" for name, words in by_party.items()], "or")


def _agency(agreement: Agreement, name: str) -> str:
    return title_of(agreement, name) if name in agreement.party else name


def _kind_title(agreement: Agreement, name: str, word: str) -> str:
    if word == "*":
        return "any contact"
    party = agreement.party.get(name)
    known = kinds_of(party.family if party and party.family else AgencyFamily.POLICE).get(word)
    title = known.title if known else word.replace("_", " ")
    return title[:1].lower() + title[1:]


def opens(agreement: Agreement, juncture: Juncture) -> str:
    """What opens the juncture."""
    what = kind_words(agreement, juncture.index.kinds)
    if juncture.index.count > 1:
        return f"{juncture.index.count} contacts within {plural(juncture.index.within_days, 'day')}: {what}"
    return what


def meets(agreement: Agreement, juncture: Juncture) -> str:
    """What counts as the response."""
    what = kind_words(agreement, juncture.response.kinds)
    if juncture.response.same_episode:
        return f"{what}, in the same episode"
    same_day = "the same day counts" if juncture.response.same_day else "from the next day on"
    return f"{what}, within {plural(juncture.response.within_days, 'day')} ({same_day})"


def then(agreement: Agreement, juncture: Juncture) -> str:
    """What is looked for afterwards."""
    kinds = juncture.outcome.kinds
    what = "any crisis" if kinds == "crisis" else kind_words(agreement, kinds)
    return f"{what}, in the {plural(juncture.outcome.horizon_days, 'day')} after the time for a response is over"


def chosen(agreement: Agreement) -> str:
    """Who could be chosen, as one sentence."""
    cohort = agreement.cohort
    parts = [
        f"at least {plural(least, 'contact')} {_family(agreement, cohort.families[family])}"
        for family, least in cohort.rule.items()
    ]
    period = f"any {plural(cohort.within_days, 'day')} from {span(agreement.windows.selection)}"
    most = plural(cohort.quota, "file")
    return f"People with {listed(parts)} in {period}. At most {most} of each agency could be opened."


def _family(agreement: Agreement, patterns: Sequence[str]) -> str:
    if all(pattern.endswith(".*") for pattern in patterns):
        return f"with {listed([_agency(agreement, pattern[:-2]) for pattern in patterns], 'or')}"
    return f"of these kinds: {kind_words(agreement, patterns)}"


def crises(agreement: Agreement) -> str:
    """What counts as a crisis."""
    gap = plural(agreement.study.episode_gap_hours, "hour")
    return f"{kind_words(agreement, agreement.study.crisis)}; contacts less than {gap} apart are one crisis"
