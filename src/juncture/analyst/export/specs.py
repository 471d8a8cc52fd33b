"""The tables of a study as a researcher gets them, in a notebook and in an export: every column and what it means.

One unit of time throughout: days on the person's own clock, 0 at the start of the follow-up, in steps of a quarter
(a time told by the day or week stands at the start of its day). Names fit Stata: at most 32 letters, digits and ``_``.
"""

from __future__ import annotations

from juncture.agreement.vocabulary import ContactRole, JunctureFamily, Sex
from juncture.analyst.export.fields import Field, FieldType, TableSpec
from juncture.analyst.findings.openings import PLACEBO_DAYS, Fate

INTEGER, NUMBER, BOOLEAN, STRING = FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.STRING
#: Stands in ``draw`` for the best matching; draws are numbered from 0, as in ``study.duckdb``.
BEST = -1
CLOCK = "days from the start of the follow-up"
SETTLED_BY = ("nothing", "response", "crisis")

_DRAW = Field("draw", INTEGER, f"The matching: {BEST} is the best one, 0 and above are the drawn ones.", low=BEST)
_PERSON = Field("person", INTEGER, "The person, as a number from 0 within this study.", low=0)
_SEX = Field(
    "sex", STRING, "As most of the person's files say.", missing="files say nothing or differ evenly",
    words=tuple(sex.value for sex in Sex),
)  # fmt: skip

PEOPLE = TableSpec(
    "people",
    "People",
    "A row for each person of the cohort who can be studied under the matching: who meets the rule, whose envelopes "
    "opened, and of whom some follow-up was observed at every agency.",
    (
        _DRAW,
        _PERSON,
        Field("study_id", STRING, "Random id in hex; nobody can compute it from anything."),
        _SEX,
        Field("age_band", STRING, "As most of the person's files say.", missing="files say nothing or differ evenly"),
        Field("start_day", NUMBER, "First moment of the follow-up observed at every agency.", CLOCK, low=0),
        Field("stop_day", NUMBER, "End of the follow-up observed at every agency.", CLOCK, low=0),
        Field("at_risk_days", NUMBER, "Of that time, what was spent in no institution.", "days", low=0),
        Field("contacts", INTEGER, "Contacts in the time observed at every agency, selection window included.", low=0),
        Field("crises", INTEGER, "Crises that began in the time at risk.", low=0),
    ),
    ("draw", "person"),
)
CONTACTS = TableSpec(
    "contacts",
    "Contacts",
    "A row for each contact in the time that every agency observed, selection window (days below 0) included.",
    (
        _DRAW,
        _PERSON,
        Field("contact", INTEGER, "Number of the contact within the person, by start.", low=0),
        Field("start_day", NUMBER, "When it began.", CLOCK),
        Field("end_day", NUMBER, "When it ended.", CLOCK, missing="no end was told"),
        Field("agency", STRING, "The agency that told of it."),
        Field("kind", STRING, "Its kind, as agency.word."),
        Field(
            "role", STRING, "The person's part in it.", missing="not told", words=tuple(r.value for r in ContactRole)
        ),
        Field("crisis", INTEGER, "Number of the crisis that it belongs to.", missing="it belongs to none", low=0),
    ),
    ("draw", "person", "contact"),
    {"people": ("draw", "person")},
)
CRISES = TableSpec(
    "crises",
    "Crises",
    "A row for each crisis: contacts of the agreement's crisis kinds, at whichever agency, that belong to one episode.",
    (
        _DRAW,
        _PERSON,
        Field("crisis", INTEGER, "Number of the crisis within the person, by start.", low=0),
        Field("start_day", NUMBER, "When its first contact began.", CLOCK),
        Field("end_day", NUMBER, "Latest end of its contacts, at most 3 days after its start.", CLOCK),
        Field("contacts", INTEGER, "Contacts that it consists of.", low=1),
        Field("at_risk", BOOLEAN, "Whether it began in the follow-up, outside any institution: whether it counts."),
    ),
    ("draw", "person", "crisis"),
    {"people": ("draw", "person")},
)
AT_RISK = TableSpec(
    "at_risk",
    "Time at risk",
    "A row for each stretch of a person's follow-up that every agency observed and that was spent in no institution. "
    "As in a counting process, what happens at start_day is outside and at stop_day inside; only in the very first "
    "hours of a person's follow-up does start_day belong to it.",
    (
        _DRAW,
        _PERSON,
        Field("start_day", NUMBER, "When it begins.", CLOCK, low=0),
        Field("stop_day", NUMBER, "When it ends.", CLOCK, low=0),
    ),
    ("draw", "person", "start_day"),
    {"people": ("draw", "person")},
)
OPENINGS = TableSpec(
    "openings",
    "Openings",
    "A row for each time at which a juncture's situation happened to a person during the follow-up. Effects use those "
    "whose fate is evaluable; the missed share uses all.",
    (
        _DRAW,
        Field("juncture", STRING, "Name of the juncture; the table declared says what it is."),
        _PERSON,
        Field("opening", INTEGER, "Number of the opening within juncture and person, by time.", low=0),
        Field("start_day", NUMBER, "When the situation that opened it began.", CLOCK),
        Field("at_day", NUMBER, "When it opened: t, from which the response's window runs.", CLOCK, low=0),
        Field(
            "fate", STRING, "evaluable, or what came before the landmark: " + "; ".join(
                f"{fate.name.lower()}: {fate.value}" for fate in Fate if fate is not Fate.EVALUABLE
            ) + ".", words=tuple(fate.name.lower() for fate in Fate),
        ),
        Field("missed", BOOLEAN, "Whether no response came within its window."),
        Field("days", NUMBER, "From the landmark to the first crisis, or to where none could be seen any more: the "
              "horizon, an institution, the end.", "days", missing="the opening is not evaluable", low=0),
        Field("crisis", BOOLEAN, "Whether days ends in a crisis.", missing="the opening is not evaluable"),
        Field("before_days", NUMBER, f"The same backwards from start_day, over {PLACEBO_DAYS} days, for the placebo.",
              "days", low=0, high=PLACEBO_DAYS),
        Field("before_crisis", BOOLEAN, "Whether before_days ends in a crisis."),
        Field("settled_days", NUMBER, "From t to the first of response, crisis and end of observation within the "
              "window.", "days", low=0),
        Field("settled_by", STRING, "Which of them it was; nothing: none came.", words=SETTLED_BY),
        Field("told_by", STRING, "Agencies whose contacts open it, separated by a space."),
        Field("answered_by", STRING, "Agency of the response that settled it.", missing="no response settled it"),
    ),
    ("draw", "juncture", "person", "opening"),
    {"people": ("draw", "person"), "declared": ("juncture",)},
)  # fmt: skip
LINKS = TableSpec(
    "links",
    "Links",
    "A row for each file (the shared person of one agency) that the matching gives to a person who meets the rule. "
    "These are what differs between draws.",
    (
        _DRAW,
        _PERSON,
        Field("file", INTEGER, "The file, as a number within this study; the same in every draw.", low=0),
        Field("agency", STRING, "The agency that it came from."),
        Field("link_probability", NUMBER, "How probable it is that the file is of this person.", low=0, high=1),
        Field("opened", BOOLEAN, "Whether its envelope opened; a person with one that did not is left out of people."),
    ),
    ("draw", "person", "file"),
)
DECLARED = TableSpec(
    "declared",
    "Declared junctures",
    "A row for each juncture that the agreement declares.",
    (
        Field("juncture", STRING, "Its name."),
        Field("title", STRING, "Its title."),
        Field("family", STRING, "What sort of juncture it is.", words=tuple(f.value for f in JunctureFamily)),
        Field("intercept", INTEGER, "Its place in the Sequential Intercept Model.", low=0, high=5),
        Field("index_kinds", STRING, "Kinds of contact that open it, separated by a space."),
        Field("index_count", INTEGER, "How many of them it takes.", low=1),
        Field("index_within_days", INTEGER, "Within how many days, where it takes several.", "days", low=0),
        Field("response_kinds", STRING, "Kinds of contact that meet it, separated by a space."),
        Field("response_within_days", INTEGER, "The response's window; 0 where the response must fall in the opening's "
              "own episode.", "days", low=0),
        Field("same_day", BOOLEAN, "Whether a response on the opening's own day counts."),
        Field("outcome_kinds", STRING, "crisis, or the kinds of contact that count as outcome, separated by a space."),
        Field("horizon_days", INTEGER, "How long after the landmark the outcome counts.", "days", low=1),
    ),
    ("juncture",),
)  # fmt: skip
TABLES = (PEOPLE, CONTACTS, CRISES, AT_RISK, OPENINGS, LINKS, DECLARED)
