"""What the columns of the tables of results mean, for ``docs/reference/results.md`` and for a notebook.

A test holds these to the columns that :func:`juncture.analyst.findings.files.result_tables` makes.
"""

from __future__ import annotations

from juncture.analyst.export.fields import Field, FieldType, TableSpec
from juncture.analyst.findings.last_contact import LOOK_BACK_DAYS
from juncture.analyst.findings.model import FunnelStage, LastContactMeasure, Stratum, Variant, Verdict
from juncture.analyst.findings.rulegrid import GRID_COHORT, GRID_LINKED

INTEGER, NUMBER, STRING = FieldType.INTEGER, FieldType.NUMBER, FieldType.STRING
NONE = "there is no estimate"
FEW = "under 20 informative persons, or no estimate"
A_YEAR = "crises a year, of the whole stratum"

_JUNCTURE = Field("juncture", STRING, "Name of the juncture in the agreement.")
_STRATUM = Field(
    "stratum", STRING, "Whom the row is about. Those neither female nor male, or not known, are in all.",
    words=tuple(s.value for s in Stratum),
)  # fmt: skip
_MISSED_SHARE = Field(
    "missed_share", NUMBER, "Share of all openings to which no response came within its window before a crisis did, "
    "corrected for missed and false links.", missing=NONE, low=0, high=1,
)  # fmt: skip


def _share(name: str, what: str, missing: str = NONE) -> Field:
    return Field(name, NUMBER, what, missing=missing, low=0, high=1)


def _ratio(name: str, what: str, missing: str = NONE) -> Field:
    return Field(name, NUMBER, what, missing=missing, low=0)


def _interval(stem: str, of: str, unit: str = "", missing: str = NONE) -> tuple[Field, Field]:
    joint = f"{stem}_" if stem else ""
    return (
        Field(f"{joint}low", NUMBER, f"Lower end of the 95 % interval of {of}.", unit, missing),
        Field(f"{joint}high", NUMBER, f"Upper end of the 95 % interval of {of}.", unit, missing),
    )


def _count(name: str, what: str) -> Field:
    return Field(name, INTEGER, what, low=0)


_ALL = (
    TableSpec(
        "cohort",
        "People of the cohort under the best matching",
        "A row a person.",
        (
            Field("study_id", STRING, "Random id of the person in hex."),
            Field("sex", STRING, "As most of the files say.", missing="files say nothing or differ evenly"),
            Field("age_band", STRING, "As most of the files say.", missing="files say nothing or differ evenly"),
            _count("contacts", "Contacts at all agencies, in both windows."),
            _count("contacts_*", "The same at one agency; a column an agency."),
            _share("link_probability", "How probable it is that the least certain of the person's files is theirs.",
                   "the best matching gives files of one agency only"),
        ),
        ("study_id",),
    ),
    TableSpec(
        "junctures",
        "Junctures: the primary figures",
        "A row a declared juncture and stratum. Counts are means over the matchings, rounded.",
        (
            _JUNCTURE,
            _STRATUM,
            _count("openings", "Evaluable openings."),
            _count("not_evaluable", "Openings with a crisis, an institution or the end of observation before their "
                   "landmark."),
            _count("people", "People with an evaluable opening."),
            _count("people_informative", "People from whom the comparison within persons learns."),
            _count("missed", "Evaluable openings that were missed."),
            _MISSED_SHARE,
            *_interval("missed", "the missed share"),
            Field("response_within_days", INTEGER, "The response's window; 0 where the response must fall in the "
                  "opening's own episode.", "days", low=0),
            Field("outcome", STRING, "crisis, or the kinds of contact that count as outcome."),
            Field("horizon_days", INTEGER, "How long after the landmark the outcome counts.", "days", low=1),
            _ratio("hazard_ratio", "Hazard of a crisis after missed over met openings, within persons: above 1, "
                   "missing it went with more crises.", "no estimate, or a window above 14 days"),
            *_interval("hazard", "the hazard ratio", missing=FEW),
            _ratio("placebo_ratio", "The same of crises in the 30 days before the opening, which a response cannot "
                   "have changed, with what became of the person's opening before held equal."),
            *_interval("placebo", "the placebo ratio", missing=FEW),
            _share("p_value", "p of a hazard ratio of 1.", FEW),
            _share("q_value", "p corrected for the number of declared junctures (Benjamini-Hochberg).",
                   "strata other than all, or no p"),
            Field("avoidable", NUMBER, "Crises within the horizon that a response at every missed opening would have "
                  "spared, by the model.", A_YEAR, NONE),
            *_interval("avoidable", "avoidable crises", A_YEAR, FEW),
            Field("rank", INTEGER, "Place by avoidable crises; 1 is the most.",
                  missing="strata other than all, or fewer than six junctures that are not too small", low=1),
            _share("prob_top3", "Chance of being among the first three.", "as rank"),
            Field("verdict", STRING, "What can be said.", words=tuple(v.value for v in Verdict)),
        ),
        ("juncture", "stratum"),
    ),
    TableSpec(
        "juncture_details",
        "Junctures: what stands beside the primary figures",
        "A row a declared juncture and stratum.",
        (
            _JUNCTURE,
            _STRATUM,
            _count("openings_with_crisis", "Evaluable openings with a crisis within the horizon."),
            _count("people_any_opening", "People with any opening, evaluable or not."),
            _count("people_missed", "People with a missed evaluable opening."),
            _count("people_met", "People with a met evaluable opening."),
            _share("preempted_share", "Part of the missed share in which a crisis came first."),
            _count("not_evaluable_crisis", "Openings with a crisis before their landmark."),
            _count("not_evaluable_institution", "Openings with an institution before their landmark."),
            _count("not_evaluable_end", "Openings whose observation ended before their landmark."),
            _ratio("crude_ratio", "The hazard ratio without comparing within persons."),
            _ratio("risk_ratio", "Ratio of the shares with a crisis by the horizon, missed over met."),
            Field("ceiling", NUMBER, "First crises within the horizon of missed openings: as if a response prevented "
                  "all. A crisis after several counts once.", A_YEAR, NONE, low=0),
            Field("bound_low", NUMBER, "Crises that meeting them avoids at the least, whatever the effect is.", A_YEAR,
                  NONE),
            Field("bound_high", NUMBER, "The same at the most.", A_YEAR, NONE),
            Field("attributed", NUMBER, "Avoidable crises that junctures with more of them leave to this one.", A_YEAR,
                  "there is no estimate, or the juncture is too small"),
            *_interval("attributed", "these", A_YEAR, FEW),
            Field("avoidable_link_low", NUMBER, "Where the avoidable crises lie at the least over the range of q, "
                  "however losses are spread.", A_YEAR, "nothing bounds it"),
            Field("avoidable_link_high", NUMBER, "Where they lie at the most.", A_YEAR, "nothing bounds it"),
            Field("lead_days", NUMBER, "Median time from a missed opening to the crisis, of those with one within the "
                  "horizon.", "days", "no crisis followed", low=0),
            *_interval("lead", "it", "days", "fewer than 20 people had such a crisis"),
            _share("linkage_share", "Of the variance of the log hazard ratio, what is due to not knowing who is who.",
                   "a single matching, or no interval"),
        ),
        ("juncture", "stratum"),
    ),
    TableSpec(
        "juncture_sensitivity",
        "Junctures: the ratio computed in other ways",
        "A row a declared juncture and variant, of everybody.",
        (
            _JUNCTURE,
            Field("variant", STRING, "How the ratio was computed.", words=tuple(v.value for v in Variant)),
            _ratio("hazard_ratio", "The ratio of this variant, missed over met."),
            *_interval("", "it", missing=FEW),
            _share("p_value", "p of a ratio of 1.", FEW),
            _count("openings", "Openings that this variant rests on."),
            _count("people_informative", "People from whom it learns."),
            _share("missed_share", "The missed share of these openings.", "the variant has no openings of its own"),
            Field("note", STRING, "Why there is no interval.", missing="there is nothing to say"),
        ),
        ("juncture", "variant"),
    ),
    TableSpec(
        "funnel",
        "Openings on their way",
        "A row a declared juncture and stage, from coming up to a crisis after it was missed.",
        (
            _JUNCTURE,
            Field("stage", STRING, "Where the openings stand.", words=tuple(s.value for s in FunnelStage)),
            _count("openings", "Openings at this stage."),
            _count("people", "People with such an opening."),
        ),
        ("juncture", "stage"),
    ),
    TableSpec(
        "linkage_sensitivity",
        "Junctures: what linkage error may have done",
        "A row a declared juncture and stratum.",
        (
            _JUNCTURE,
            _STRATUM,
            _share("q", "Chance that an opening's response is seen, given that its person is in the cohort."),
            _share("q_low", "The least that it may be."),
            _share("q_high", "The most that it may be."),
            _share("link_right", "Mean probability of the links that openings needed."),
            _share("met_by_chance", "Share of openings that a stranger's file answered."),
            _share("missed_seen", "The missed share as it was seen."),
            *_interval("missed_seen", "the missed share as it was seen"),
            _MISSED_SHARE,
            *_interval("missed", "the corrected missed share"),
            _ratio("hazard_seen", "The hazard ratio as it was seen."),
            _ratio("hazard_ratio", "The ratio if losses were spread evenly over each person's openings."),
            _ratio("hazard_link_low", "Where the ratio lies at the least over the range of q, however losses are "
                   "spread.", "nothing bounds it"),
            _ratio("hazard_link_high", "Where it lies at the most.", "nothing bounds it"),
            Field("note", STRING, "Why something is empty or has no bound.", missing="there is nothing to say"),
        ),
        ("juncture", "stratum"),
    ),
    TableSpec(
        "gender",
        "Women beside men",
        "A row a measure. AGENCY_contacts: contacts of any role a person-year at risk; crises, co_responses, arrests, "
        "follow_ups, institution_stays: the same of these; share:NAME: roles, pathways and timing, as "
        "how-sure-are-the-findings lists them; missed_share:JUNCTURE: share of openings missed; hazard_ratio:JUNCTURE: "
        "missed over met, whose ratio women over men is the interaction.",
        (
            Field("measure", STRING, "What is compared."),
            Field("women", NUMBER, "The measure in women.", missing=NONE),
            Field("men", NUMBER, "The measure in men.", missing=NONE),
            _ratio("ratio", "Women over men."),
            *_interval("", "the ratio"),
            _share("p_value", "p of a ratio of 1."),
            _share("q_value", "p corrected for the number of measures of its family."),
            _ratio("link_low", "The least that the interval reaches over what linkage error may have hidden, by sex.",
                   "nothing bounds it"),
            _ratio("link_high", "The most that it reaches. Where the two hold 1, the linkage may have made the "
                   "difference.", "nothing bounds it"),
        ),
        ("measure",),
    ),
    TableSpec(
        "last_contact",
        "The last contact before a crisis",
        "A row a measure, value and stratum: crises whose last contact before was of one kind, or so long before.",
        (
            Field("measure", STRING, "What is told of the last contact.",
                  words=tuple(m.value for m in LastContactMeasure)),
            Field("last_contact", STRING, "Its value: a kind as agency.word, or a band of days; none: there was none "
                  f"in {LOOK_BACK_DAYS} days."),
            _STRATUM,
            _count("crises", "Crises with such a last contact."),
            _count("people", "People who have such a crisis."),
            _share("share", "Their share of the crises."),
            _share("referent_share", "The same share of the referents, of the same persons."),
            _ratio("odds_ratio", "Odds at crises over odds at referents, within persons."),
            *_interval("", "the odds ratio", missing=FEW),
            _share("p_value", "p of an odds ratio of 1.", FEW),
            Field("median_days", NUMBER, "Median time from the last contact to the crisis.", "days", NONE, low=0),
        ),
        ("measure", "last_contact", "stratum"),
    ),
    TableSpec(
        "rule_grid",
        "People under other rules",
        "A row a rule, to see how much hangs on the one that was signed.",
        (
            Field("among", STRING, "Whom the rule chooses from: everyone linked, or the people studied.",
                  words=(GRID_LINKED, GRID_COHORT)),
            Field("rule", STRING, "The rule, in words."),
            Field("people", NUMBER, "People whom it chooses.", missing="hidden", low=0),
            Field("people_low", NUMBER, "The least that they may be.", missing="hidden", low=0),
            Field("people_high", NUMBER, "The most that they may be.", missing="hidden", low=0),
            _share("women_share", "Share of women among them.", "not known"),
            Field("crises_per_year", NUMBER, "Crises a person-year at risk.", "a person and year", "not known", low=0),
            Field("note", STRING, "What else there is to say.", missing="there is nothing to say"),
        ),
        ("among", "rule"),
    ),
    TableSpec(
        "expected_fall",
        "Falls after people were chosen, beside what was to be expected",
        "A row an agency (its contacts) or crises, and a stratum. Falls are shares: 1 less the ratio of rates, below 0 "
        "where it rose. People chosen for many contacts have fewer later with no help at all, so an observed fall "
        "stands here only beside an expected one.",
        (
            Field("agency", STRING, "The agency whose contacts are counted, or crises."),
            _STRATUM,
            _count("people", "People studied."),
            Field("before", NUMBER, "In the selection window.", "a person and year", NONE, low=0),
            Field("after", NUMBER, "In the follow-up.", "a person and year", NONE, low=0),
            Field("observed_fall", NUMBER, "From before to after.", missing="no expected fall stands beside it"),
            *_interval("observed", "the observed fall"),
            Field("expected_fall", NUMBER, "What choosing alone makes of it, by the agency's counts of everyone.",
                  missing=NONE),
            *_interval("expected", "the expected fall"),
            Field("lagged_fall", NUMBER, "What choosing alone makes of it, by the last year before the follow-up of "
                  "those who had met the rule before that year.", missing=NONE),
            *_interval("lagged", "the lagged fall"),
            _count("people_lagged", "People who had met the rule before the last year of the selection window."),
            Field("since_washout", NUMBER, "Fall of these people from that last year to the follow-up.", missing=NONE),
            *_interval("since_washout", "that fall"),
            Field("note", STRING, "Why something is empty, and what to mind.", missing="there is nothing to say"),
        ),
        ("agency", "stratum"),
    ),
    TableSpec(
        "everyone",
        "Everyone whom an agency knows",
        "A row an agency, sex and band of contacts in the selection window, as the agency suppressed and rounded it.",
        (
            Field("agency", STRING, "The agency."),
            Field("sex", STRING, "As the agency recorded it."),
            Field("band", STRING, "Contacts in the selection window."),
            Field("people", NUMBER, "People.", missing="the agency hid it", low=0),
            Field("before", NUMBER, "Mean contacts in the selection window.", "contacts a person", "not known", low=0),
            Field("after", NUMBER, "Mean contacts in the follow-up window.", "contacts a person", "not known", low=0),
            _share("none_after", "Share without any in the follow-up window.", "not known"),
            _share("at_least", "Of those with a contact, the share with this band's or more.", "not known"),
        ),
        ("agency", "sex", "band"),
    ),
    TableSpec(
        "linkage",
        "How good the linkage was, as the linker tells it",
        "A row a measure, of everybody and by sex where classes of sex could be named.",
        (
            Field("measure", STRING, "What is measured."),
            Field("estimate", NUMBER, "Its value.", missing=NONE),
            *_interval("", "it"),
        ),
        ("measure",),
    ),
    TableSpec(
        "mcf",
        "Mean number of crises a person",
        "A row a stratum and day on a 30-day grid: the mean cumulative function.",
        (
            _STRATUM,
            Field("day", INTEGER, "Day of the follow-up.", "days", low=0),
            Field("crises_per_person", NUMBER, "Mean number of crises a person by the end of the day.", missing=NONE,
                  low=0),
            *_interval("", "it"),
            _count("at_risk", "People then at risk."),
        ),
        ("stratum", "day"),
    ),
)  # fmt: skip
#: By name of the table.
RESULTS = {spec.name: spec for spec in _ALL}
