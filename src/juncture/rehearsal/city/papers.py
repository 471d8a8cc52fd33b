"""The papers that go with the exports: a source file for each agency, and the unsigned agreement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from juncture.agreement.library import juncture_toml, library
from juncture.agreement.model import Party
from juncture.agreement.vocabulary import AgencyFamily, PartyRole
from juncture.rehearsal.city.exports import CLINIC_SEX, ENCOUNTERS, NATURES, POLICE_SEX
from juncture.rehearsal.city.life import Planted

POLICE_EXPORT, CLINIC_EXPORT = "police_rms_export.csv", "clinic_encounters.csv"
RULE = {"police": 3, "clinic": 2}
WITHIN_DAYS = 365
JUNCTURE = "co_response_without_follow_up_7d"
#: Their responses change nothing in what follows.
NULL_JUNCTURES = ("arrest_without_crisis_team_14d", "victimisation_without_outreach_14d")
#: The rest of the library. Their responses are partly those of the planted one, so something of it shows in them.
OTHER_JUNCTURES = tuple(e.name for e in library() if e.name not in (JUNCTURE, *NULL_JUNCTURES))
AGENCIES = {
    "police": Party(role=PartyRole.AGENCY, family=AgencyFamily.POLICE, title="Made-up City Police Department"),
    "clinic": Party(role=PartyRole.AGENCY, family=AgencyFamily.CRISIS_TEAM, title="Made-up City Crisis Team"),
}


def police_source() -> str:
    """The police department's source file (TOML)."""
    return f"""\
agency   = "police"
[[table]]
path       = "{POLICE_EXPORT}"
contact_id = "INCIDENT_NO"
[table.person]
last_name   = "LAST_NAME"
first_name  = "FIRST_NAME"
middle_name = "MI"
alias       = ["AKA1"]
birth_date  = {{ column = "DOB", format = ["%m/%d/%Y"] }}
sex         = {{ column = "SEX", map = {_map({v: k for k, v in POLICE_SEX.items()})} }}
address     = "ADDR"
[table.contact]
start       = {{ column = "REPORTED", format = "%m/%d/%Y %H:%M" }}
role        = {{ column = "ROLE", map = {_map({r.upper(): r for r in _ROLES})}, default = "subject" }}
kind        = {{ column = "NATURE", map = {_map({v: k for k, v in NATURES.items()})}, other = "other_police" }}
"""


def clinic_source() -> str:
    """The crisis team's source file (TOML)."""
    return f"""\
agency   = "clinic"
[[table]]
path       = "{CLINIC_EXPORT}"
contact_id = "encounter_id"
[table.person]
last_name   = "patient_last"
first_name  = "patient_first"
birth_date  = {{ column = "birth_date", format = ["%Y-%m-%d"] }}
sex         = {{ column = "gender", map = {_map({v: k for k, v in CLINIC_SEX.items()})} }}
address     = "street"
[table.contact]
start       = {{ column = "start", format = "%Y-%m-%dT%H:%M:%S" }}
end         = {{ column = "end", format = "%Y-%m-%dT%H:%M:%S" }}
kind        = {{ column = "encounter_type", map = {_map({v: k for k, v in ENCOUNTERS.items()})} }}
"""


_ROLES = ("subject", "victim", "caller", "witness", "suspect")


def _map(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f'"{left}" = "{right}"' for left, right in table.items()) + " }"


def agreement(
    selection: tuple[date, date], follow_up: tuple[date, date], planted: Planted, *, quota: int, floor: int
) -> str:
    """The draft agreement of a rehearsal (TOML); keys are filled in by whoever plays the parties."""
    return f"""\
format    = 1
project   = "made-up-city"
purpose   = "service_improvement_research"
rehearsal = true
time_zone = "America/New_York"
expires   = 2099-12-31
at_expiry = "destroy"

[party.police]
role   = "agency"
family = "police"
title  = "{AGENCIES["police"].title}"
keys   = "sha384:..."
[party.clinic]
role   = "agency"
family = "crisis_team"
title  = "{AGENCIES["clinic"].title}"
keys   = "sha384:..."
[party.linker]
role = "linker"
keys = "sha384:..."
[party.analyst]
role = "analyst"
keys = "sha384:..."
[party.checker]
role = "checker"
keys = "sha384:..."

[linkage]
profile = "tags"
fields  = ["last_name", "first_name", "middle_name", "birth_date", "sex", "address"]
draws   = 20
floor   = {floor}
attack_ceiling = 0.01

[release]
profile     = "limited_data_set"
start       = {{ transform = "shift", grain = "six_hours" }}
kind        = {{ transform = "keep" }}
role        = {{ transform = "keep" }}
sex         = {{ transform = "keep" }}
birth_date  = {{ transform = "band", years = 10, top = 90 }}
trim_weeks  = 8

[windows]
selection = [{selection[0]}, {selection[1]}]
follow_up = [{follow_up[0]}, {follow_up[1]}]
washout_weeks = 13

[cohort]
quota = {quota}
within_days = {WITHIN_DAYS}
families = {{ police_any = ["police.*"], clinic_any = ["clinic.*"] }}
share_from = {{ police_any = 2, clinic_any = 1 }}
rule       = {{ police_any = {RULE["police"]}, clinic_any = {RULE["clinic"]} }}

[study]
crisis = ["police.co_response", "police.crisis_call", "clinic.co_response", "clinic.crisis_evaluation", \
"clinic.mobile_crisis"]
episode_gap_hours = 24

[disclosure]
threshold = 11
round_to  = 5

{_junctures(planted)}
"""


def _junctures(planted: Planted) -> str:
    """The default library for the city's agencies; the planted juncture has the windows that it was planted with."""
    window, horizon = int(planted.within_days), int(planted.horizon_days)
    told = []
    for entry in library():
        juncture = entry.of(AGENCIES)
        if juncture is None:
            continue
        if entry.name == JUNCTURE:
            changed = {
                "title": f"Co-response with no follow-up within {window} days",
                "response": juncture.response.model_copy(update={"within_days": window}),
                "outcome": juncture.outcome.model_copy(update={"horizon_days": horizon}),
            }
            juncture = juncture.model_copy(update=changed)
        told.append(juncture_toml(entry.name, juncture))
    return "\n\n".join(told)
