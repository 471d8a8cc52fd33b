"""Everybody whom an agency knows, women and men, beside those who were chosen for many contacts.

Rates in the selected cohort are conditional on selection: that women and men in it are met as often says nothing of
women and men at large, nor how many of each are met often. The agency's own suppressed counts say it. What it hid stays
empty; people without a contact in the selection window are left out, since those whom nobody met are not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from juncture.agreement.vocabulary import BAND_LABELS
from juncture.analyst.findings.model import NAN, EveryoneRow
from juncture.analyst.statistics.arrays import over
from juncture.analyst.study.model import Study
from juncture.formats.release import BandTotals, HistogramRow


def everyone_rows(study: Study) -> tuple[EveryoneRow, ...]:
    """A row an agency, sex and band of contacts in the selection window, from one contact on."""
    return tuple(
        row
        for agency, told in study.everyone.items()
        for sex in dict.fromkeys(total.sex for total in told.totals)
        for row in _of_sex(agency, sex, [t for t in told.totals if t.sex == sex], told.histogram)
    )


def _of_sex(
    agency: str, sex: str, totals: Sequence[BandTotals], histogram: Sequence[HistogramRow]
) -> list[EveryoneRow]:
    people = {total.selection: _number(total.people) for total in totals}
    none = {
        row.selection: _number(row.people) for row in histogram if row.sex == sex and row.follow_up == BAND_LABELS[0]
    }
    every = sum(people.values())
    rows = []
    for place, total in enumerate(totals):
        count = people[total.selection]
        rows.append(
            EveryoneRow(
                agency=agency,
                sex=sex,
                band=total.selection,
                people=count,
                before=over(_number(total.contacts), count),
                after=over(_number(total.later), count),
                none_after=over(none.get(total.selection, NAN), count),
                at_least=over(sum(people[t.selection] for t in totals[place:]), every),
            )
        )
    return rows


def _number(told: int | None) -> float:
    return NAN if told is None else float(told)
