"""Closed words for race and ethnicity, so that neither can carry free text out of the agency.

The categories are those of the Office of Management and Budget's Statistical Policy Directive 15 (2024), with
"other" and "two_or_more" for records that say so. Codes of older exports keep ethnicity apart from race.
"""

from __future__ import annotations

from enum import StrEnum


class Race(StrEnum):
    """Race as recorded by the agency."""

    AMERICAN_INDIAN = "american_indian_or_alaska_native"
    ASIAN = "asian"
    BLACK = "black_or_african_american"
    HISPANIC = "hispanic_or_latino"
    MIDDLE_EASTERN = "middle_eastern_or_north_african"
    PACIFIC_ISLANDER = "native_hawaiian_or_pacific_islander"
    WHITE = "white"
    TWO_OR_MORE = "two_or_more"
    OTHER = "other"


class Ethnicity(StrEnum):
    """Ethnicity as recorded by the agency, where it is kept apart from race."""

    HISPANIC = "hispanic_or_latino"
    NOT_HISPANIC = "not_hispanic_or_latino"
