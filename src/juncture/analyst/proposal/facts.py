"""Sentences on how the figures were made; none holds a number of people or a date of anybody."""

from __future__ import annotations

import math

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import Grain, JunctureFamily
from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW
from juncture.analyst.findings.model import Findings, Stratum
from juncture.analyst.findings.openings import PLACEBO_DAYS
from juncture.analyst.findings.verdicts import BIAS_FACTOR, FALSE_DISCOVERIES, LEAST_PEOPLE
from juncture.analyst.proposal.cells import count, titles_of
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.study.episodes import LONGEST_HOURS
from juncture.analyst.study.model import Study

DAYS_A_MONTH = 365.25 / 12
GRAINS = {
    Grain.SIX_HOURS: "in bands of six hours",
    Grain.DAY: "by the day",
    Grain.WEEK: "by the week",
}


def facts_of(findings: Findings, study: Study) -> dict[str, str]:
    """Facts by name."""
    agreement = study.agreement
    windows, episode = agreement.windows, agreement.study
    months = [count(round((b - a).days / DAYS_A_MONTH), "month") for a, b in (windows.selection, windows.follow_up)]
    shares = [
        f.linkage_share for f in findings.junctures if f.stratum is Stratum.ALL and math.isfinite(f.linkage_share)
    ]
    facts = {
        "windows": f"People were chosen on their contacts in a selection window of {months[0]}; everything counted "
        f"here happened in a follow-up window of {months[1]}. Each person's clock starts at the beginning of "
        "follow-up, moved by a random number of days; true dates are not known to those who studied them.",
        "rule": "A person is chosen who had, within "
        f"{count(agreement.cohort.within_days, 'day')} of the selection window, at least "
        + " and ".join(
            f"{least} contacts of the group {family} ({', '.join(agreement.cohort.families[family])})"
            for family, least in sorted(agreement.cohort.rule.items())
        )
        + ".",
        "grain": f"Times are told {GRAINS[agreement.release.start.grain]}; where a crisis and a response fall in the "
        "same one, the crisis is taken to come first.",
        "crisis": f"A crisis is an episode of contacts of these kinds: {titles_of(agreement, episode.crisis)}. "
        f"Contacts of one person at any agency less than {count(episode.episode_gap_hours, 'hour')} apart are one "
        f"episode, of at most {count(LONGEST_HOURS, 'hour')}. Contacts in which the person only called or looked on do "
        "not count.",
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
        f"that a response is seen at all, as the links' probabilities tell it. {_completeness(findings, agreement)} "
        "Ratios are not corrected: losses spread evenly over a person's openings move them towards 1.",
        "placebo": "The placebo is the same comparison of crises in the "
        f"{count(PLACEBO_DAYS, 'day')} before the opening, which a response cannot have changed, with what became of "
        "the person's opening before held equal. A response that answers two openings close together pulls it below 1 "
        "all by itself. A silent placebo proves nothing.",
        "avoidable": "Avoidable crises are first crises within the horizon, a year, in the people studied, that would "
        "not have happened had missed openings been met, if the ratio were the effect of the response. The interval "
        "resamples people and matchings.",
        "verdict": f"Supported: q at most {FALSE_DISCOVERIES}, the whole interval above {BIAS_FACTOR}, and a silent "
        f"placebo. Harmful: the same below 1/{BIAS_FACTOR}. Too small: fewer than {SMALLEST_INFORMATIVE} informative "
        f"people, or fewer than {LEAST_PEOPLE} with a missed or with a met opening. Otherwise uncertain. Rows of women "
        "or of men have no verdict beyond uncertain.",
        "linkage": f"Every figure is combined over {count(study.draws, 'drawn matching')} of the agencies' files "
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
            answer = f"within {count(days, 'day')}" + (
                ", the same day included" if juncture.response.same_day else ", counted from the next day on"
            )
        index = titles_of(agreement, juncture.index.kinds)
        if juncture.index.count > 1:
            within = count(juncture.index.within_days, "day")
            index = f"{juncture.index.count} contacts within {within} of these kinds: {index}"
        text = f"{juncture.title}. Opened by {index}; met by {titles_of(agreement, juncture.response.kinds)} {answer}."
        if juncture.family is not JunctureFamily.MISSED_CO_RESPONSE and days > LONGEST_EFFECT_WINDOW:
            text += (
                f" A window of more than {count(LONGEST_EFFECT_WINDOW, 'day')} is a measure of process, so no effect "
                "is estimated."
            )
        facts[f"juncture_{name}"] = text
    return facts


def _completeness(findings: Findings, agreement: Agreement) -> str:
    audited = [agreement.party[agency].title for agency in findings.agencies if agency in findings.audited]
    text = f"How whole the files are was audited at {' and '.join(audited)}. " if audited else ""
    if len(audited) < len(findings.agencies):
        text += (
            "How many records of a person an agency keeps under a second person "
            f"{'nobody else tells' if audited else 'is told to nobody'}; the lower end of the interval allows for as "
            "many as the linker expects to have missed of all people."
        )
    return text.strip()
