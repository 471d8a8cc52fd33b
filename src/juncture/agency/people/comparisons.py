"""What is compared between two spellings, what each answer is worth before the data speak, and which pairs are met.

Every condition is DuckDB SQL over the columns of ``nodes.spelling_nodes`` with ``_l`` and ``_r``; the first that holds
decides. The priors are rounded from what is known of administrative files (errors in names 2-6 %, in birth dates
2-4 %, moves frequent; Christen 2012, chapters 3 and 5); they count as ``PRIOR_COUNT`` pairs against the data's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Level:
    """One possible answer: its condition, its share among matches (``m``) and among strangers (``u``), and the column
    whose term frequency sharpens it, if any."""

    label: str
    sql: str
    m: float
    u: float
    term: str = ""


@dataclass(frozen=True)
class Comparison:
    """A field's answers, most alike first, the last one being "none of these".

    ``given_last_name``: asked only where last names agree, so that its ``u`` is that of kin and namesakes.
    """

    name: str
    unknown: str
    levels: tuple[Level, ...]
    given_last_name: bool = False
    fixed: bool = False

    def with_priors(self) -> Comparison:
        """The comparison with shares that sum to one."""
        m, u = sum(level.m for level in self.levels), sum(level.u for level in self.levels)
        return replace(self, levels=tuple(replace(x, m=x.m / m, u=x.u / u) for x in self.levels))

    def with_u(self, seen: Sequence[float], prior_count: float) -> Comparison:
        """``u`` from (expected) counts of the levels among strangers, drawn towards the prior; never rarer than a tenth
        of the prior, since a level that a sample does not hold is not impossible."""
        total = sum(seen) + prior_count
        return replace(
            self,
            levels=tuple(
                replace(x, u=max((n + prior_count * x.u) / total, 0.1 * x.u))
                for x, n in zip(self.levels, seen, strict=True)
            ),
        )

    def with_m(self, learnt: Sequence[float | None], matches: float, prior_count: float) -> Comparison:
        """``m`` as learnt from about ``matches`` matching pairs (``None``: never seen), drawn towards the prior."""
        known = [x for x in learnt if isinstance(x, float)]
        if not known or self.fixed:
            return self
        total = sum(known)
        shares = [x / total if isinstance(x, float) else 0.0 for x in learnt]
        weight = matches / (matches + prior_count)
        return replace(
            self,
            levels=tuple(
                replace(x, m=weight * share + (1 - weight) * x.m) for x, share in zip(self.levels, shares, strict=True)
            ),
        )

    def value_sql(self) -> str:
        """SQL of the comparison value of a pair, -1 where unknown."""
        cases = "".join(f" WHEN {x.sql} THEN {self.value(i)}" for i, x in enumerate(self.levels) if x.sql != "ELSE")
        return f"CASE WHEN {self.unknown} THEN -1{cases} ELSE 0 END"

    def value(self, index: int) -> int:
        """The comparison value that stands for level ``index`` in scored tables."""
        return len(self.levels) - 1 - index

    def level(self, label: str) -> Level:
        """The level of that label."""
        return next(x for x in self.levels if x.label == label)

    def describe(self) -> dict[str, Any]:
        """The comparison in the form that a Splink settings dictionary takes."""
        levels: list[dict[str, Any]] = [
            {"sql_condition": self.unknown, "label_for_charts": "unknown", "is_null_level": True}
        ]
        for x in self.levels:
            level: dict[str, Any] = {
                "sql_condition": x.sql, "label_for_charts": x.label, "m_probability": x.m, "u_probability": x.u
            }  # fmt: skip
            if x.term:
                level |= {"tf_adjustment_column": x.term, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 1e-5}
            levels.append(level)
        return {"output_column_name": self.name, "comparison_levels": levels}


@dataclass(frozen=True)
class Kin:
    """Agreement that members of a household have anyway, taken back from the weights of first name and birth date.

    The other comparisons count first name and birth date as if strangers were compared. Inside a household, namesakes
    (father and son), twins and copied rows are far more common: ``*_share`` are their shares among pairs of different
    people with the same last name and address. The discount is the log of the one chance over the other.
    """

    namesake_share: float = 0.02
    twin_share: float = 0.015
    both_share: float = 2e-4
    #: Father and son share the middle name as often as not.
    middle_share: float = 0.5

    def discount(self, trained: Mapping[str, Comparison]) -> Comparison:
        """The discount as a comparison whose last level is neutral, from trained ``first``, ``middle``, ``birth``."""
        first, birth, middle = (trained[name] for name in ("first", "birth", "middle"))
        same_name, same_birth = first.level("exact").u, birth.level("exact").u
        other_name, other_birth = first.levels[-1].u, birth.levels[-1].u
        namesakes, copied = f"({_FIRST_SAME}) AND ({_BIRTH_OTHER})", f"({_FIRST_SAME}) AND ({_BIRTH_SAME})"
        alone, here = same_name * other_birth, self.namesake_share
        chances = [
            ("copied row", f"address_l = address_r AND {copied}", same_name * same_birth, self.both_share),
            *(
                (f"father and son, middle {x.label}", f"{namesakes} AND {x.sql}", alone * x.u, here * self.middle_share)
                for x in middle.levels[:2]
            ),
            ("father and son", namesakes, alone, here),
            ("twins", f"({_FIRST_OTHER}) AND ({_BIRTH_SAME})", other_name * same_birth, self.twin_share),
        ]
        levels = tuple(Level(label, sql, min(m, u), u) for label, sql, m, u in chances)
        unrelated = f"NOT coalesce({_HOUSEHOLD}, false)"
        return Comparison("kin", unrelated, (*levels, Level("neither", "ELSE", 0.5, 0.5)), fixed=True)


def _either_null(*columns: str) -> str:
    return " OR ".join(f"{c}_{side} IS NULL" for c in columns for side in "lr")


def _edits(column: str, most: int) -> str:
    """At most so many edits; told by the bags of letters where they are further apart (see ``people.bags``)."""
    return (
        f"(coalesce(bit_count(xor({column}_bag_l, {column}_bag_r)) <= {2 * most}, true) "
        f"AND damerau_levenshtein({column}_l, {column}_r) <= {most})"
    )


def _alike(one: str, other: str, similarity: float) -> str:
    """Jaro-Winkler similarity of two columns (with their sides) of at least so much.

    It can only be reached if the two share ``m`` letters with m/a + m/b >= 3J - 1, J being what is left of the
    similarity without the prefix of four (Winkler 1990); the bags of letters tell that without looking at the order.
    """
    shared = 2 * (3 * (1 - (1 - similarity) / 0.6) - 1)
    a, b = f"length({one})", f"length({other})"
    bags = (f"{column[:-2]}_bag{column[-2:]}" for column in (one, other))
    return (
        f"(coalesce(bit_count(xor({', '.join(bags)})) <= {a} + {b} - {shared:.4f} * {a} * {b} / ({a} + {b}) + 0.01, "
        f"true) AND jaro_winkler_similarity({one}, {other}) >= {similarity})"
    )


def _close(column: str, similarity: float) -> str:
    return (
        f"(least(length({column}_l), length({column}_r)) >= 4 "
        f"AND abs(length({column}_l) - length({column}_r)) <= 1 AND {_edits(column, 1)}) "
        f"OR {_alike(f'{column}_l', f'{column}_r', similarity)}"
    )


def _half_swapped(one: str, other: str) -> str:
    """The only name of one side, in the place of ``one``, is the ``other`` name of the other side."""
    return " OR ".join(
        f"({other}_{b} IS NULL AND {_alike(f'{one}_{b}', f'{other}_{a}', 0.92)})" for a, b in ("lr", "rl")
    )


_SWAPPED = (
    "last_name_l = first_name_r AND first_name_l = last_name_r AND last_name_l <> first_name_l "
    "OR last_name_l[1] = first_name_r[1] AND first_name_l[1] = last_name_r[1] "
    f"AND {_alike('last_name_l', 'first_name_r', 0.9)} AND {_alike('first_name_l', 'last_name_r', 0.9)} "
    "AND jaro_winkler_similarity(last_name_l, last_name_r) < 0.75"
)
_MOVED_DAY = "birth_year_l = birth_year_r AND birth_month_l = birth_day_r AND birth_day_l = birth_month_r"
_FULL = "birth_l IS NOT NULL AND birth_r IS NOT NULL"
_YEARS = "birth_year_l IS NOT NULL AND birth_year_r IS NOT NULL"
_FITS = " AND ".join(f"coalesce(birth_{p}_l = birth_{p}_r, true)" for p in ("year", "month", "day"))
# A CASE looks at names only where it is asked to; AND looks at both sides.
_HOUSEHOLD = f"CASE WHEN coalesce(address_l = address_r, true) THEN ({_close('last_name', 0.92)}) ELSE false END"
_LAST_ALIKE = f"last_sound_l = last_sound_r OR {_alike('last_name_l', 'last_name_r', 0.82)}"
_FIRST_ALIKE = f"first_sound_l = first_sound_r OR {_alike('first_name_l', 'first_name_r', 0.82)}"
_INITIAL = (
    "(least(length(first_name_l), length(first_name_r)) <= 2 AND "
    "(starts_with(first_name_l, first_name_r) OR starts_with(first_name_r, first_name_l)))"
)
#: Two names go together in the list of nicknames, or one begins with the other (Sam, Samantha).
_NICKNAME = (
    "list_has_any(roots_l, roots_r) OR (least(length(first_name_l), length(first_name_r)) >= 3 AND "
    "(starts_with(first_name_l, first_name_r) OR starts_with(first_name_r, first_name_l)))"
)
_FIRST_SAME = f"first_name_l = first_name_r OR {_NICKNAME} OR {_close('first_name', 0.92)}"
#: Names of two people: unlike in every way, none hidden in the other (Rea, Andrea), and no middle name shared.
_FIRST_OTHER = (
    f"NOT ({_FIRST_SAME}) AND NOT {_edits('first_name', 2)} AND NOT {_INITIAL} "
    "AND jaro_winkler_similarity(first_name_l, first_name_r) < 0.75 AND first_sound_l <> first_sound_r "
    "AND NOT (length(first_name_l) >= 3 AND contains(first_name_r, first_name_l)) "
    "AND NOT (length(first_name_r) >= 3 AND contains(first_name_l, first_name_r)) "
    "AND NOT coalesce(first_name_l = middle_name_r OR middle_name_l = first_name_r, false) "
    "AND NOT coalesce(middle_name_l[1] = middle_name_r[1], false)"
)
_BIRTH_SAME = "birth_l = birth_r"
_BIRTH_OTHER = f"NOT {_edits('birth', 2)} AND birth_year_l <> birth_year_r"
_ADDRESS_LEVELS = (
    Level("exact", "address_l = address_r", 0.55, 1e-3),
    Level(
        "close",
        f"house_l = house_r AND {_alike('address_l', 'address_r', 0.9)} "
        f"OR abs(length(address_l) - length(address_r)) <= 2 AND {_edits('address', 2)} "
        "OR street_l = street_r AND (house_l IS NULL OR house_r IS NULL)",
        0.08,
        2e-4,
    ),
    Level("other", "ELSE", 0.37, 1.0),
)

COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "last",
        _either_null("last_name"),
        (
            Level("exact", "last_name_l = last_name_r", 0.86, 1.5e-3, "last_name"),
            Level("swapped", _SWAPPED, 0.01, 4e-6),
            Level("close", _close("last_name", 0.92), 0.06, 2e-3),
            Level("a part", "list_has_any(last_parts_l, last_parts_r)", 0.01, 3e-4),
            Level("in the other's place", _half_swapped("last_name", "first_name"), 2e-3, 5e-4),
            Level("similar", _LAST_ALIKE, 0.02, 5e-3),
            Level("other", "ELSE", 0.04, 1.0),
        ),
    ),
    Comparison(
        "first",
        f"{_either_null('first_name')} OR {_SWAPPED}",
        (
            Level("exact", "first_name_l = first_name_r", 0.82, 6e-3, "first_name"),
            Level("nickname", _NICKNAME, 0.05, 2e-3),
            Level("close", _close("first_name", 0.92), 0.06, 3e-3),
            Level(
                "initial",
                _INITIAL,
                0.01,
                3e-3,
            ),
            Level("in the other's place", _half_swapped("first_name", "last_name"), 2e-3, 5e-4),
            Level("middle name", "first_name_l = middle_name_r OR middle_name_l = first_name_r", 0.01, 6e-4),
            Level("similar", _FIRST_ALIKE, 0.02, 8e-3),
            Level("other", "ELSE", 0.03, 1.0),
        ),
    ),
    Comparison(
        "middle",
        _either_null("middle_name"),
        (
            Level("exact", "middle_name_l = middle_name_r AND length(middle_name_l) > 1", 0.6, 8e-3),
            Level("initial", "middle_name_l[1] = middle_name_r[1]", 0.34, 0.07),
            Level("other", "ELSE", 0.06, 0.93),
        ),
    ),
    Comparison(
        "suffix",
        _either_null("suffix"),
        (Level("same", "suffix_l = suffix_r", 0.97, 0.5), Level("other", "ELSE", 0.03, 0.5)),
    ),
    Comparison(
        "birth",
        "(" + " AND ".join(f"({_either_null(f'birth_{p}')})" for p in ("year", "month", "day")) + ")",
        (
            Level("exact", _BIRTH_SAME, 0.88, 5e-5),
            Level("day and month swapped", _MOVED_DAY, 0.01, 4e-5),
            Level("one digit", f"{_FULL} AND {_edits('birth', 1)}", 0.05, 1e-3),
            Level(
                "day and month, no year",
                f"NOT ({_YEARS}) AND {_FITS} AND coalesce(birth_month_l, birth_month_r) IS NOT NULL",
                0.02,
                2e-4,
            ),
            Level("year only", f"NOT ({_FULL}) AND {_YEARS} AND {_FITS}", 0.02, 1e-2),
            Level(
                "two parts",
                f"{_FULL} AND (birth_year_l = birth_year_r)::int + (birth_month_l = birth_month_r)::int "
                "+ (birth_day_l = birth_day_r)::int >= 2",
                0.01,
                4e-3,
            ),
            Level("two digits", f"{_FULL} AND {_edits('birth', 2)}", 5e-3, 1e-2),
            Level("guessed year", f"NOT ({_FULL}) AND {_YEARS} AND abs(birth_year_l - birth_year_r) <= 2", 5e-3, 4e-2),
            Level("other, in part", f"NOT ({_FULL})", 5e-3, 0.05),
            Level("other", "ELSE", 5e-3, 0.94),
        ),
    ),
    Comparison(
        "sex",
        _either_null("sex"),
        (Level("same", "sex_l = sex_r", 0.98, 0.5), Level("other", "ELSE", 0.02, 0.5)),
    ),
    Comparison(
        "home_of_namesakes",
        f"NOT coalesce(last_name_l = last_name_r, false) OR {_either_null('address')}",
        (replace(_ADDRESS_LEVELS[0], u=0.04), replace(_ADDRESS_LEVELS[1], u=0.005), _ADDRESS_LEVELS[2]),
        given_last_name=True,
    ),
    Comparison(
        "home",
        f"coalesce(last_name_l = last_name_r, false) OR {_either_null('address')}",
        (replace(_ADDRESS_LEVELS[0], term="address"), *_ADDRESS_LEVELS[1:]),
    ),
    Comparison(
        "zip",
        f"{_either_null('zip')} OR coalesce(address_l = address_r, false)",
        (Level("same", "zip_l = zip_r", 0.6, 0.05), Level("other", "ELSE", 0.4, 0.95)),
    ),
    # Who live together have one telephone, and kin who do not often write down the same.
    Comparison(
        "phone_of_a_house",
        f"NOT coalesce(address_l = address_r, false) OR {_either_null('phone')}",
        (Level("same", "phone_l = phone_r", 0.8, 0.5), Level("other", "ELSE", 0.2, 0.5)),
        fixed=True,
    ),
    Comparison(
        "phone_of_namesakes",
        "NOT coalesce(last_name_l = last_name_r, false) OR coalesce(address_l = address_r, false) "
        f"OR {_either_null('phone')}",
        (Level("same", "phone_l = phone_r", 0.6, 0.03), Level("other", "ELSE", 0.4, 0.97)),
        given_last_name=True,
    ),
    Comparison(
        "phone",
        "coalesce(last_name_l = last_name_r, false) OR coalesce(address_l = address_r, false) "
        f"OR {_either_null('phone')}",
        (Level("same", "phone_l = phone_r", 0.6, 3e-4), Level("other", "ELSE", 0.4, 1.0)),
    ),
    Comparison(
        "ssn4",
        _either_null("ssn4"),
        (
            Level("same", "ssn4_l = ssn4_r", 0.93, 1.2e-4),
            Level("one digit", "damerau_levenshtein(ssn4_l, ssn4_r) <= 1", 0.04, 4e-3),
            Level("other", "ELSE", 0.03, 0.996),
        ),
    ),
    Comparison(
        "number",
        _either_null("number"),
        (Level("same", "number_l = number_r", 0.7, 5e-4), Level("other", "ELSE", 0.3, 1.0)),
    ),
)

KIN = Kin()
_BIRTH = next(i for i, c in enumerate(COMPARISONS) if c.name == "birth")
#: Evidence of two people in a pair, whatever else it shares: birthdays that no slip explains, and twins; unless a
#: number says that they are one.
CONFLICT = (
    f"CASE WHEN ({COMPARISONS[_BIRTH].value_sql()}) = 0 THEN true "
    f"WHEN ({_BIRTH_SAME}) AND ({_HOUSEHOLD}) AND ({_FIRST_OTHER}) THEN true ELSE false END "
    "AND NOT coalesce(ssn4_l = ssn4_r OR number_l = number_r, false)"
)

#: Columns whose common values are worth less, with the share that a value of that kind usually has.
TERM_FREQUENCIES: Mapping[str, float] = {"last_name": 1.5e-3, "first_name": 6e-3, "address": 1e-3}


@dataclass(frozen=True)
class Block:
    """Spellings with an equal key (``sql`` over one spelling; null = no block) are compared, where they are no more
    than ``most`` (0: the cap of the run)."""

    name: str
    sql: str
    most: int = 0


BLOCKS: tuple[Block, ...] = (
    Block("names", "least(last_name, first_name) || '|' || greatest(last_name, first_name)"),
    Block(
        "birthday",
        "birth_year || '|' || least(birth_month, birth_day) || '|' || greatest(birth_month, birth_day)",
    ),
    Block("last_and_year", "last_name || '|' || birth_year"),
    Block("last_and_day", "last_name || '|' || birth_month || '|' || birth_day"),
    Block("last_and_initial", "last_name || '|' || coalesce(first_name[1], '')"),
    Block("first_and_letters", "first_name || '|' || last_name[1:2]", 100),
    Block("first_and_end", "first_name || '|' || right(last_name, 2)", 100),
    Block("last_and_letter", "last_sound || '|' || first_name[1]", 100),
    Block("first_and_year", "roots[1] || '|' || birth_year || '|' || coalesce(sex, '')"),
    Block("first_and_day", "first_name || '|' || birth_month || '|' || birth_day"),
    Block("sounds", "last_sound || '|' || first_sound"),
    Block("address", "address", 200),
    Block("phone", "phone"),
    Block("ssn4", "ssn4 || '|' || birth_year"),
    Block("number", "number"),
)
#: By what a block that is too large is split.
REFINEMENTS: Mapping[str, str] = {
    "names": "birth_year::varchar",
    "birthday": "last_name[1]",
    "last_and_year": "first_name[1]",
    "first_and_letters": "birth_year::varchar",
    "first_and_end": "birth_year::varchar",
    "last_and_letter": "birth_year::varchar",
    "last_and_day": "first_name[1]",
    "last_and_initial": "birth_year::varchar",
    "first_and_year": "last_name[1]",
    "first_and_day": "last_name[1]",
    "sounds": "birth_year::varchar",
    "address": "coalesce(first_name[1], '')",
    "phone": "last_name",
    "ssn4": "last_name[1]",
    "number": "birth_year::varchar",
}
