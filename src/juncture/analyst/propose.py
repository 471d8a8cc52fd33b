"""What the analyst asks the checker to release: tables of groups of people, and sentences about how they were made.

Each row carries every number of people that it tells or rests on, so that the checker can hide what is about too few.
Nothing here is about one person, and no fact holds a number of people or a date of anybody.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import Grain, JunctureFamily, Sex, kinds_of
from juncture.analyst.findings import records
from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW
from juncture.analyst.findings.model import Findings, LinkageFinding, Stratum, Verdict
from juncture.analyst.findings.openings import PLACEBO_DAYS
from juncture.analyst.findings.verdicts import BIAS_FACTOR, FALSE_DISCOVERIES, LEAST_PEOPLE
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.study.episodes import LONGEST_HOURS
from juncture.analyst.study.model import Study
from juncture.formats.tables import Cell, Column, ColumnKind, Proposal, ProposedRow, ProposedTable

DAYS_A_MONTH = 365.25 / 12
SEXES = {Sex.FEMALE.value: "women", Sex.MALE.value: "men"}
GRAINS = {
    Grain.SIX_HOURS: "in bands of six hours",
    Grain.DAY: "by the day",
    Grain.WEEK: "by the week",
}
LINKS, EXPECTED, JOINT_PAIRS, BY_JOINT = "links", "expected_", "joint_contact_pairs", "recall_by_joint_contacts"
#: What a juncture's row says of an effect; all of it is left out where there are too few people to say.
EFFECT_COLUMNS = (
    *(
        "people_informative",
        "hazard_ratio",
        "hazard_low",
        "hazard_high",
        "placebo_ratio",
        "placebo_low",
        "placebo_high",
    ),
    *("crude_ratio", "risk_ratio", "p_value", "q_value", "avoidable", "avoidable_low", "avoidable_high", "ceiling"),
    *("rank", "prob_top3"),
)


def proposal(findings: Findings, study: Study, round: int) -> Proposal:
    """The tables and facts that ``round`` proposes to release."""
    return Proposal(
        project=study.agreement.project,
        round=round,
        facts=_facts(findings, study),
        tables=(
            _flow(study),
            _cohort(study),
            _junctures(findings, study.agreement),
            _gender(findings, study.agreement),
            _linkage(findings),
            _curves(findings, study),
        ),
    )


def _columns(*columns: tuple[str, str, ColumnKind]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in columns)


LABEL, PEOPLE, EVENTS, ESTIMATE = ColumnKind.LABEL, ColumnKind.PEOPLE, ColumnKind.EVENTS, ColumnKind.ESTIMATE


def _flow(study: Study) -> ProposedTable:
    report, chosen = study.report, len(study.people)
    rows = [
        ProposedRow((f"Shared by {study.agreement.party[agency].title}", people), (people,))
        for agency, people in sorted(report.people_shared.items())
    ]
    # A reader can subtract one stage from the next, so the differences are numbers of people as well.
    rows += [
        ProposedRow(("Meet the rule of the agreement at all agencies", report.eligible), (report.eligible,)),
        ProposedRow(("Chosen for the study", chosen), (chosen, max(report.eligible - chosen, 0))),
    ]
    # How many timelines opened is told nowhere: hidden or shown, such a row would tell an agency that spoils one
    # envelope whether its person was chosen.
    return ProposedTable(
        name="flow",
        title="From the agencies' files to the people studied",
        note="Agencies share only people who meet their own side of the rule. People are chosen up to a fixed quota, "
        "the most active first and at random among equals.",
        columns=_columns(("stage", "Stage", LABEL), ("people", "People", PEOPLE)),
        rows=tuple(rows),
    )


def _cohort(study: Study) -> ProposedTable:
    release, threshold = study.agreement.release, study.agreement.disclosure.threshold
    # Only large groups are named, and nothing that they would have to add up to: whether a rare group is there at all
    # would tell an agency, which may know or plant the one person of that kind, whether that person was chosen.
    groups: list[tuple[str, str, int]] = []
    if release.sex is not None:
        sexes = Counter(p.sex for p in study.people)
        groups += [("Sex", title, sexes[word]) for word, title in SEXES.items()]
    if release.birth_date is not None:
        ages = Counter(p.age_band for p in study.people)
        groups += [("Age", word, ages[word]) for word in release.birth_date.words]
    return ProposedTable(
        name="cohort",
        title="The people studied",
        note="Everybody chosen for the study, by what most of their files say. Groups of fewer than "
        f"{threshold} people are left out, so the groups need not add up to everybody.",
        columns=_columns(("attribute", "Attribute", LABEL), ("value", "Group", LABEL), ("people", "People", PEOPLE)),
        rows=tuple(ProposedRow(group, (group[-1],)) for group in groups if group[-1] >= threshold),
    )


def _junctures(findings: Findings, agreement: Agreement) -> ProposedTable:
    columns = _columns(
        ("juncture", "Juncture", LABEL),
        ("title", "What was missed", LABEL),
        ("stratum", "Group", LABEL),
        ("response_within_days", "Days for the response", LABEL),
        ("outcome", "Outcome", LABEL),
        ("horizon_days", "Days over which crises count", LABEL),
        ("people", "People with an opening that can be evaluated", PEOPLE),
        ("people_informative", "People whom the comparison within persons learns from", PEOPLE),
        ("openings", "Openings that can be evaluated", EVENTS),
        ("not_evaluable", "Openings that cannot", EVENTS),
        ("missed", "Of those that can, missed", EVENTS),
        ("missed_share", "Share of all openings missed", ESTIMATE),
        ("missed_low", "from", ESTIMATE),
        ("missed_high", "to", ESTIMATE),
        ("hazard_ratio", "Crises after missed over met (ratio of hazards)", ESTIMATE),
        ("hazard_low", "from", ESTIMATE),
        ("hazard_high", "to", ESTIMATE),
        ("placebo_ratio", "The same ratio of crises before the opening", ESTIMATE),
        ("placebo_low", "from", ESTIMATE),
        ("placebo_high", "to", ESTIMATE),
        ("crude_ratio", "Ratio without comparing within persons", ESTIMATE),
        ("risk_ratio", "Ratio of the risks of a crisis", ESTIMATE),
        ("p_value", "p", ESTIMATE),
        ("q_value", "q", ESTIMATE),
        ("avoidable", "Avoidable crises a year", ESTIMATE),
        ("avoidable_low", "from", ESTIMATE),
        ("avoidable_high", "to", ESTIMATE),
        ("ceiling", "At most, if a response prevented every one", ESTIMATE),
        ("rank", "Rank", ESTIMATE),
        ("prob_top3", "Chance of being among the first three", ESTIMATE),
        ("verdict", "Verdict", ESTIMATE),
    )
    rows = []
    for finding in findings.junctures:
        counts = finding.counts
        record = records.juncture_record(finding) | records.detail_record(finding)
        record["title"] = agreement.juncture[finding.juncture].title
        behind = [counts.people, counts.people_any, counts.people_missed, counts.people_met]
        if finding.verdict is Verdict.TOO_SMALL:
            # "Too small to say" is the result: no estimate without an interval, and no count of those few.
            record |= dict.fromkeys(EFFECT_COLUMNS)
        elif finding.stratum is Stratum.ALL:
            behind.append(counts.people_informative)
        if finding.stratum is not Stratum.ALL:
            # Told for everybody only: beside the whole, it would tell of the few informative people of the other sex.
            record["people_informative"] = None
        rows.append(
            ProposedRow(
                cells=_cells(record, columns),
                people=tuple(behind),
                part_of=finding.juncture,
                is_total=finding.stratum is Stratum.ALL,
                largest_share=_plain_share(finding.largest_share),
            )
        )
    return ProposedTable(
        name="junctures",
        title="Where help could have come earlier",
        note="A ratio above 1 means that missing the response went with more crises. Avoidable crises of different "
        "junctures must not be added up: one crisis may be counted under several.",
        columns=columns,
        rows=tuple(rows),
    )


def _gender(findings: Findings, agreement: Agreement) -> ProposedTable:
    columns = _columns(
        ("measure", "Measure", LABEL),
        ("title", "What is compared", LABEL),
        ("women", "Women", ESTIMATE),
        ("men", "Men", ESTIMATE),
        ("ratio", "Women over men", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
        ("p_value", "p", ESTIMATE),
        ("q_value", "q", ESTIMATE),
        ("link_low", "Allowing for missed links, from", ESTIMATE),
        ("link_high", "to", ESTIMATE),
        ("people_women", "Women behind it", PEOPLE),
        ("people_men", "Men behind it", PEOPLE),
    )
    rows = []
    for finding in findings.gender:
        behind = (finding.people_women, finding.people_men)
        record = records.gender_record(finding)
        if finding.measure.startswith("hazard_ratio") and not math.isfinite(finding.ratio.low):
            # Too few to compare: no estimate without interval.
            record |= dict.fromkeys(("women", "men", "ratio", "link_low", "link_high"))
        record |= {
            "title": _measure_title(finding.measure, agreement),
            "people_women": behind[0],
            "people_men": behind[1],
        }
        rows.append(
            ProposedRow(
                _cells(record, columns),
                (*behind, *finding.people_with),
                largest_share=_plain_share(finding.largest_share),
            )
        )
    return ProposedTable(
        name="gender",
        title="Women and men",
        note="Rates are a person-year at risk, among people chosen for much contact, so they say nothing of women and "
        "men at large. That a juncture matters more to one sex is claimed from the ratio of the two ratios alone. "
        "Links are missed more often where names change; where the interval that allows for it holds 1, there may be "
        "no difference.",
        columns=columns,
        rows=tuple(rows),
    )


def _measure_title(measure: str, agreement: Agreement) -> str:
    fixed = {
        "crises": "Crisis episodes a year",
        "co_responses": "Crisis episodes with a co-response a year",
        "arrests": "Arrests a year",
        "follow_ups": "Follow-ups a year",
        "institution_stays": "Stays in an institution a year",
        **{f"{a}_contacts": f"Contacts with {agreement.party[a].title} a year" for a in agreement.agencies},
    }
    kind, _, juncture = measure.partition(":")
    if not juncture:
        return fixed[measure]
    start = "Share missed" if kind == "missed_share" else "Crises after missed over met"
    return f"{start}: {agreement.juncture[juncture].title}"


def _linkage(findings: Findings) -> ProposedTable:
    """Links and pairs with a joint contact are people; what is expected of links is about those of its group, and what
    joint contacts tell about these. Measures by completeness stay inside: nobody tells how many people they are of."""
    counts = {row.measure: row.value.value for row in findings.linkage if row.measure.startswith((LINKS, JOINT_PAIRS))}

    def behind(row: LinkageFinding) -> tuple[int, ...]:
        if row.measure.startswith(BY_JOINT):
            number = counts.get(JOINT_PAIRS + row.measure.removeprefix(BY_JOINT), math.nan)
        else:
            group = next((f"_{word}" for word in SEXES.values() if row.measure.endswith(f"_{word}")), "")
            number = counts.get(row.measure, counts.get(LINKS + group, math.nan))
        return (int(number),) if math.isfinite(number) else ()

    rows = []
    for row in findings.linkage:
        if not row.measure.startswith((LINKS, EXPECTED, JOINT_PAIRS, BY_JOINT)):
            continue
        people = behind(row)
        told = (row.value.value, row.value.low, row.value.high)
        is_count = row.measure in counts
        cells: tuple[Cell, ...] = (
            row.measure,
            people[0] if is_count and people else None,
            *(None if is_count else _plain(value) for value in told),
        )
        part = LINKS if row.measure.startswith(LINKS) else ""
        rows.append(ProposedRow(cells, people, part_of=part, is_total=row.measure == LINKS))
    return ProposedTable(
        name="linkage",
        title="How well the agencies' files were linked",
        note="As the linker expects from the links' probabilities; nobody knows the truth.",
        columns=_columns(
            ("measure", "Measure", LABEL),
            ("people", "People linked", PEOPLE),
            ("estimate", "Estimate", ESTIMATE),
            ("low", "from", ESTIMATE),
            ("high", "to", ESTIMATE),
        ),
        rows=tuple(rows),
    )


def _curves(findings: Findings, study: Study) -> ProposedTable:
    """Women beside men where there are enough of both, else everybody: never all three, from which others follow."""
    columns = _columns(
        ("stratum", "Group", LABEL),
        ("day", "Day of follow-up", LABEL),
        ("crises_per_person", "Crises a person by then", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
        ("at_risk", "People at risk", PEOPLE),
    )
    threshold = study.agreement.disclosure.threshold
    first: dict[Stratum, int] = {}
    for point in findings.curves:
        first.setdefault(point.group, point.at_risk)
    sexes = (Stratum.WOMEN, Stratum.MEN)
    shown = sexes if all(first.get(sex, 0) >= threshold for sex in sexes) else (Stratum.ALL,)
    rows = []
    for point in findings.curves:
        if point.group in shown:
            record = records.curve_record(point)
            share = _plain_share(point.largest_share)
            people = (point.at_risk, point.people_with)
            rows.append(ProposedRow(_cells(record, columns), people, largest_share=share))
    return ProposedTable(
        name="mcf",
        title="Crises a person over the follow-up",
        note="The mean cumulative number of crisis episodes, in steps of 30 days.",
        columns=columns,
        rows=tuple(rows),
    )


def _facts(findings: Findings, study: Study) -> dict[str, str]:
    agreement = study.agreement
    windows, episode = agreement.windows, agreement.study
    months = [_count(round((b - a).days / DAYS_A_MONTH), "month") for a, b in (windows.selection, windows.follow_up)]
    shares = [
        f.linkage_share for f in findings.junctures if f.stratum is Stratum.ALL and math.isfinite(f.linkage_share)
    ]
    facts = {
        "windows": f"People were chosen on their contacts in a selection window of {months[0]}; everything counted "
        f"here happened in a follow-up window of {months[1]}. Each person's clock starts at the beginning of "
        "follow-up, moved by a random number of weeks; true dates are not known to those who studied them.",
        "rule": "A person is chosen who had, within "
        f"{_count(agreement.cohort.within_days, 'day')} of the selection window, at least "
        + " and ".join(
            f"{least} contacts of the group {family} ({', '.join(agreement.cohort.families[family])})"
            for family, least in sorted(agreement.cohort.rule.items())
        )
        + ".",
        "grain": f"Times are told {GRAINS[agreement.release.start.grain]}; where a crisis and a response fall in the "
        "same one, the crisis is taken to come first.",
        "crisis": f"A crisis is an episode of contacts of these kinds: {_kinds(agreement, episode.crisis)}. Contacts "
        f"of one person at any agency less than {_count(episode.episode_gap_hours, 'hour')} apart are one episode, "
        f"of at most {_count(LONGEST_HOURS, 'hour')}. Contacts in which the person only called or looked on do not "
        "count.",
        "at_risk": "A person is at risk while all agencies observe them and they are in no institution. What was not "
        "observed is not counted as nothing.",
        "method": "An opening is met if the response comes within its window, and missed if not. Time runs from the "
        "end of the window to the first crisis. Missed and met openings of the same person are compared with each "
        "other (Cox regression stratified by person, variance by person with a small-sample correction); this removes "
        "what is constant about a person, not bad spells. Intervals are of 95 %.",
        "not_evaluable": "Openings with a crisis, an institution or the end of observation before their window is "
        "over cannot be evaluated and are counted beside the others.",
        "missed_share": "The share missed is of all openings. Those in which a crisis came before the response "
        "count as missed, like those in which neither came. "
        "A follow-up in a file that was not linked looks like a missed one, so the share is corrected by the chance "
        "that a response is seen at all, as the links' probabilities tell it. How many records of a person an agency "
        "keeps under a second person is told to nobody; the lower end of the interval allows for as many as the linker "
        "expects to have missed of all people. Ratios are not corrected: losses spread evenly over a person's openings "
        "move them towards 1.",
        "placebo": "The placebo is the same comparison of crises in the "
        f"{_count(PLACEBO_DAYS, 'day')} before the opening, which a response cannot have changed. A response that "
        "answers two openings close together pulls it below 1 all by itself. A silent placebo proves nothing.",
        "avoidable": "Avoidable crises are first crises within the horizon, a year, in the people studied, that would "
        "not have happened had missed openings been met, if the ratio were the effect of the response. The interval "
        "resamples people and matchings.",
        "verdict": f"Supported: q at most {FALSE_DISCOVERIES}, the whole interval above {BIAS_FACTOR}, and a silent "
        f"placebo. Harmful: the same below 1/{BIAS_FACTOR}. Too small: fewer than {SMALLEST_INFORMATIVE} informative "
        f"people, or fewer than {LEAST_PEOPLE} with a missed or with a met opening. Otherwise uncertain. Rows of women "
        "or of men have no verdict beyond uncertain.",
        "linkage": f"Every figure is combined over {_count(study.draws, 'drawn matching')} of the agencies' files "
        "(Rubin's rules)"
        + (
            f"; up to {max(shares):.0%} of the variance of a ratio is due to not knowing who is who." if shares else "."
        ),
        "intervention": "Nothing here was assigned at random. A ratio says what went with a missed response, not what "
        "a response would have done.",
    }
    for name, juncture in agreement.juncture.items():
        days = juncture.response.within_days
        if juncture.response.same_episode:
            answer = "in the same episode"
        else:
            answer = f"within {_count(days, 'day')}" + (
                ", the same day included" if juncture.response.same_day else ", counted from the next day on"
            )
        index = _kinds(agreement, juncture.index.kinds)
        if juncture.index.count > 1:
            within = _count(juncture.index.within_days, "day")
            index = f"{juncture.index.count} contacts within {within} of these kinds: {index}"
        text = f"{juncture.title}. Opened by {index}; met by {_kinds(agreement, juncture.response.kinds)} {answer}."
        if juncture.family is not JunctureFamily.MISSED_CO_RESPONSE and days > LONGEST_EFFECT_WINDOW:
            text += (
                f" A window of more than {_count(LONGEST_EFFECT_WINDOW, 'day')} is a measure of process, so no effect "
                "is estimated."
            )
        facts[f"juncture_{name}"] = text
    return facts


def _kinds(agreement: Agreement, kinds: Sequence[str]) -> str:
    """Kinds by title, with the agency's."""
    told = []
    for kind in kinds:
        name, word = kind.split(".", 1)
        party = agreement.party[name]
        title = kinds_of(party.family)[word].title if party.family is not None else word
        told.append(f"{title.lower()} ({party.title})")
    return ", ".join(told)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


def _cells(record: records.Record, columns: Sequence[Column]) -> tuple[Cell, ...]:
    return tuple(_plain(record[column.name]) for column in columns)


def _plain(value: records.Value) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain_share(share: float) -> float | None:
    return share if math.isfinite(share) else None
