"""``report.html``: one file for the public that needs no script, no network and no other file.

It is written for a member of a city council and can be checked by a methodologist. It draws released tables only, by
type; the sentences in it are made from their cells.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import PartyRole
from juncture.formats.tables import ReleasedTable
from juncture.pages import charts, declared, flow, summary, words
from juncture.pages.findings import crises, falls, funnels, gender, junctures, last_contact, linkage, sensitivity
from juncture.pages.tables import hidden_rows, view

KNOWN = (
    *("flow", "cohort", "funnel", "junctures", "last_contact", "expected_fall", "mcf", "gender", "everyone"),
    *("sensitivity", "linkage"),
)


def report_html(
    agreement: Agreement,
    agreement_id: str,
    tables: Mapping[str, ReleasedTable],
    facts: Mapping[str, str],
    released_on: date,
    *,
    version: str,
    one_linker_analyst: bool = False,
) -> str:
    """The report as HTML.

    ``tables`` by name; of those named in :data:`KNOWN` each has its section, others are listed at the end, and one
    that is missing is said to be. ``facts`` are the analyst's sentences on how the figures were made. Text in both is
    escaped. ``one_linker_analyst``: both are played by one holder of keys, and the report says what that takes away.
    Needs the extra ``analyst`` or ``checker`` (Altair, vl-convert, Jinja).
    """
    style = _style()
    steps = flow.steps(agreement, tables.get("flow"))
    views = junctures.juncture_views(agreement, tables)
    main_title, main_funnel, main_words = funnels.main_funnel(agreement, tables)
    return (
        _environment()
        .get_template("report.html")
        .render(
            style=Markup(style),
            style_hash=base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii"),
            agreement=agreement,
            one_linker_analyst=one_linker_analyst,
            agreement_id=agreement_id,
            purpose=declared.PURPOSES[agreement.purpose],
            released_on=declared.day(released_on),
            expires=declared.day(agreement.expires),
            version=version,
            selection=declared.span(agreement.windows.selection),
            follow_up=declared.span(agreement.windows.follow_up),
            agencies=declared.agencies(agreement),
            parties=_parties(agreement),
            chosen=declared.chosen(agreement),
            crises=declared.crises(agreement),
            grain=declared.GRAINS[agreement.release.start.grain],
            release_profile=declared.RELEASE_PROFILES[agreement.release.profile],
            linkage_profile=declared.LINKAGE_PROFILES[agreement.linkage.profile],
            in_short=summary.in_short(agreement, tables, views, steps),
            few=summary.people_studied(steps),
            steps=steps,
            drawings=flow.drawings(agreement, steps),
            drawing_words=flow.in_words(agreement),
            flow_table=_whole(agreement, tables, "flow"),
            cohort_table=_whole(agreement, tables, "cohort"),
            main_title=main_title,
            main_funnel=main_funnel,
            main_words=main_words,
            funnels=charts.funnels(funnels.funnel_rows(agreement, tables)),
            funnel_table=funnels.funnel_view(agreement, tables),
            junctures=views,
            junctures_note=tables["junctures"].note if "junctures" in tables else "",
            ranking_words=junctures.ranking_words(tables),
            ranked_table=junctures.ranked_view(agreement, tables),
            added_up=junctures.added_up(tables),
            forest=charts.forest(junctures.forest_groups(agreement, tables)),
            avoidable=junctures.avoidable_chart(agreement, tables),
            last_words=last_contact.last_contact_words(tables),
            last_charts=last_contact.last_contact_charts(tables),
            last_tables=last_contact.last_contact_views(agreement, tables),
            fall_words=falls.fall_words(tables),
            falls=falls.fall_chart(tables),
            fall_table=falls.fall_view(agreement, tables),
            curves=charts.curves(crises.curve_points(tables)),
            curve_table=crises.curve_view(tables),
            rate_words=summary.different_rates(tables),
            difference_words=summary.different_junctures(agreement, tables),
            rates=gender.pair_chart(tables, ""),
            shares=gender.pair_chart(tables, "share"),
            difference_charts=gender.difference_charts(tables),
            gender_tables=gender.gender_views(agreement, tables),
            everyone_tables=gender.everyone_views(tables),
            everyone_note=tables["everyone"].note if "everyone" in tables else "",
            variants=sensitivity.variant_chart(agreement, tables),
            variant_tables=sensitivity.variant_views(agreement, tables),
            variant_note=tables["sensitivity"].note if "sensitivity" in tables else "",
            links=summary.links(agreement, tables),
            linkage_table=linkage.linkage_view(agreement, tables),
            facts=_facts(agreement, facts),
            hidden=hidden_rows(agreement, tables),
            others=[view(agreement, table) for name, table in sorted(tables.items()) if name not in KNOWN],
        )
    )


def _whole(agreement: Agreement, tables: Mapping[str, ReleasedTable], name: str) -> Any:
    table = tables.get(name)
    return view(agreement, table) if table is not None and table.rows else None


def _parties(agreement: Agreement) -> dict[str, str]:
    return {
        role.value: declared.title_of(agreement, agreement.sole(role))
        for role in (PartyRole.LINKER, PartyRole.ANALYST, PartyRole.CHECKER)
    }


def _facts(agreement: Agreement, facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Facts with their names in words; those of a declared juncture stand with the juncture."""
    return [
        (words.readable(name), text)
        for name, text in facts.items()
        if name.removeprefix("juncture_") not in agreement.juncture
    ]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("juncture.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["inline_svg"] = Markup  # only for SVG that juncture.pages.svg wrote, whose text is escaped
    return made


@cache
def _style() -> str:
    """The style sheet as it stands between the tags: its hash is what the page allows."""
    text = files("juncture.pages").joinpath("report.css").read_text(encoding="utf-8")
    return "\n" + text.replace("\r\n", "\n").strip() + "\n"
