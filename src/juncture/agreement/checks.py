"""Checks that need more than one section of an agreement, each a function that names what it needs.

A check runs when every section it needs is valid by itself, so that a file with several faults is told of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from juncture.agreement.vocabulary import RESERVED_NAMES, Grain, PartyRole, ReleaseProfile, kinds_of


@dataclass(frozen=True)
class Check:
    """A function of valid sections that yields plain sentences about what does not fit."""

    needs: tuple[str, ...]
    find: Callable[..., list[str]]


def _parties(party: Mapping[str, Any]) -> list[str]:
    found = []
    for role in (PartyRole.LINKER, PartyRole.ANALYST, PartyRole.CHECKER):
        number = sum(p.role is role for p in party.values())
        if number != 1:
            found.append(f"party: there must be one party with role {role.value}, not {number}")
    if sum(p.role is PartyRole.AGENCY for p in party.values()) < 2:
        found.append("party: there must be at least two agencies")
    for name, p in party.items():
        if name in RESERVED_NAMES and p.role.value != name:
            found.append(f"party.{name}: this name is reserved for the party of that role")
        if p.role is not PartyRole.AGENCY and p.role.value != name:
            found.append(f"party.{name}: the party with role {p.role.value} must be named {p.role.value}")
    return found


def _unknown_kinds(where: str, patterns: tuple[str, ...], party: Mapping[str, Any]) -> list[str]:
    found = []
    for pattern in patterns:
        name, word = pattern.split(".", 1)
        owner = party.get(name)
        if owner is None or owner.role is not PartyRole.AGENCY:
            found.append(f"{where}: {pattern} names no agency of this agreement")
        elif word != "*" and word not in kinds_of(owner.family):
            found.append(f"{where}: {pattern} is not a kind of contact that a {owner.family.value} agency has")
    return found


def _kinds(party: Mapping[str, Any], cohort: Any, study: Any, juncture: Mapping[str, Any]) -> list[str]:
    found = []
    for family, patterns in cohort.families.items():
        found += _unknown_kinds(f"cohort.families.{family}", patterns, party)
    found += _unknown_kinds("study.crisis", study.crisis, party)
    for name, j in juncture.items():
        found += _unknown_kinds(f"juncture.{name}.index.kinds", j.index.kinds, party)
        found += _unknown_kinds(f"juncture.{name}.response.kinds", j.response.kinds, party)
        if j.outcome.kinds != "crisis":
            found += _unknown_kinds(f"juncture.{name}.outcome.kinds", j.outcome.kinds, party)
    return found


def _every_agency_shares_somebody(party: Mapping[str, Any], cohort: Any) -> list[str]:
    named = {pattern.split(".", 1)[0] for f in cohort.share_from for pattern in cohort.families[f]}
    agencies = [name for name, p in party.items() if p.role is PartyRole.AGENCY]
    return [
        f"cohort.share_from: says nothing of {name}, so it is not clear whom {name} shares"
        for name in agencies
        if name not in named
    ]


def _dates(expires: Any, windows: Any) -> list[str]:
    if expires <= windows.follow_up[1]:
        return ["expires: must be after the last day of the follow_up window"]
    return []


def _profile(release: Any) -> list[str]:
    if release.profile is ReleaseProfile.SAFE_HARBOR:
        return [
            "release.profile: safe_harbor lets no part of a date leave but the year (45 CFR 164.514(b)(2)(i)(C)), and "
            "shifted days are made from dates; use limited_data_set, or expert with a determination"
        ]
    return []


def _grain(release: Any, juncture: Mapping[str, Any]) -> list[str]:
    if release.start.grain is not Grain.WEEK:
        return []
    return [
        f"juncture.{name}: at release.start.grain = week it cannot be seen whether a response came within "
        f"{j.response.within_days} days; use day or six_hours"
        for name, j in juncture.items()
        if not j.response.same_episode
    ]


CHECKS = (
    Check(("release", "juncture"), _grain),
    Check(("release",), _profile),
    Check(("party",), _parties),
    Check(("party", "cohort", "study", "juncture"), _kinds),
    Check(("party", "cohort"), _every_agency_shares_somebody),
    Check(("expires", "windows"), _dates),
)


def problems(sections: Mapping[str, Any]) -> list[str]:
    """Plain sentences about everything that does not fit between the given valid sections."""
    found: list[str] = []
    for check in CHECKS:
        if all(name in sections for name in check.needs):
            found += check.find(*(sections[name] for name in check.needs))
    return found
