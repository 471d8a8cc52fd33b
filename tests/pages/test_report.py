"""The report as a file: whole, inert, and a plain sentence wherever something is missing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from juncture.agreement.model import Agreement
from juncture.formats.tables import Column, ColumnKind, ReleasedTable
from juncture.pages import report as module
from juncture.pages.report import report_html
from juncture.pages.svg import accessible
from tests.pages import made_up

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 77*77 }}</title></style>&lt;b&gt;"


class Page(HTMLParser):
    """Elements, attributes and text of a page; a tag that is not closed where it must be is a fault."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} is closed where it is not open")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def having(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.elements if name in attrs]


@pytest.fixture(scope="module")
def html() -> str:
    return made_up.report()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_tags_are_balanced(page: Page) -> None:
    assert page.faults == []


def test_one_file_that_needs_nothing(html: str, page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base"}
    assert not page.having("style")
    assert all(h.startswith("#") for h in page.having("href"))
    assert not re.search(r"url\((?!#)|@import|https?:", html)
    assert len(html.encode()) < 600_000


def test_the_policy_allows_this_style_and_nothing_else(html: str, page: Page) -> None:
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy") or ""
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_ids_are_unique_and_what_refers_to_them_finds_them(page: Page) -> None:
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    named = [n for k in ("aria-labelledby", "aria-describedby") for value in page.having(k) for n in value.split()]
    assert set(named) | {h[1:] for h in page.having("href")} <= set(ids)


def test_headings_are_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_limits_stand_before_findings(html: str) -> None:
    places = [
        html.index(f'id="{name}"')
        for name in (
            *("limits", "short", "done", "funnel", "junctures", "last", "falls", "crises", "rates", "variants"),
            "links",
            "methods",
        )
    ]
    assert places == sorted(places)


def test_pictures_and_tables_are_named(page: Page) -> None:
    pictures = [a for t, a in page.elements if t == "svg"]
    assert len(pictures) >= 10
    assert all(a.get("role") == "img" and a.get("aria-labelledby") for a in pictures)
    tags = [t for t, _ in page.elements]
    assert tags.count("caption") == tags.count("table")
    assert tags.count("svg") == tags.count("title") - 1
    assert all(a.get("scope") in {"row", "col"} for t, a in page.elements if t == "th")


def test_in_short_has_three_to_six_parts_in_plain_words(page: Page, html: str) -> None:
    short = html.split('class="short"')[1].split("</ul>")[0]
    said = Page(f"<ul{'>'}{short.split('>', 1)[1]}</ul>").text
    assert 3 <= short.count("<li>") <= 6
    assert "We studied about 80 people whom River Town Crisis Team and River Town Police Department both met" in said
    assert "“Co-response with no follow-up within 7 days” (missed 11 of every 20 times)" in said
    assert "“Emergency department discharge with no follow-up within 7 days” it was the other way round" in said
    assert "at five we cannot tell" in said
    assert "at one there are too few people to say and one is hidden" in said
    assert "We cannot say that any juncture matters more to women than to men" in said
    assert "19 of every 20 links to be right" in said


def test_a_hidden_juncture_tells_no_number(html: str) -> None:
    """The made-up juncture has 11 people, of whom 10 missed it: fewer than the threshold of 11."""
    name = "three_contacts_without_crisis_team"
    table = made_up.tables()["junctures"]
    reasons = [why for r, why in zip(table.records(), table.hidden, strict=True) if r["juncture"] == name]
    assert len(reasons) == 3
    assert all(reasons)
    said = article(html, name)
    assert "Hidden, to protect people" in said
    assert "The numbers" not in said, "tables of nothing but 'hidden' are pages of print"
    # What is left are the numbers of the declaration: 3 contacts in 14 days, a response in 7, a crisis in 30.
    assert set(re.findall(r"\d+", said)) <= {"3", "7", "14", "30", "95"}


def test_a_juncture_that_is_too_small_says_so(html: str) -> None:
    said = article(html, "section12_without_follow_up")
    assert "Too few people to say." in said
    assert "times the pace" not in said


def article(html: str, name: str) -> str:
    """The text of a juncture."""
    inside = html.split(f'aria-labelledby="j-{name}">')[1].split("</article>")[0]
    return Page(f"<article>{inside}</article>").text


def told(page: Page) -> str:
    """The text of a page but for the words of one kind of last contact."""
    return page.text.replace("None in the 28 days before", "")


def bare_report(made: Agreement | None = None, tables: Mapping[str, ReleasedTable] | None = None) -> str:
    """A report of ``tables`` only, of none where none are given."""
    made = made or made_up.agreement()
    return report_html(made, made_up.AGREEMENT_ID, tables or {}, {}, made_up.RELEASED_ON, version="1")


def test_a_rehearsal_says_so_and_a_real_study_does_not() -> None:
    assert "It says nothing about any real city or person." in bare_report()
    real = made_up.agreement(made_up.AGREEMENT.replace("rehearsal = true", "rehearsal = false"))
    assert "It says nothing about any real city" not in bare_report(real)


def test_one_linker_and_analyst_is_told() -> None:
    warning = "One protection is gone."
    made = made_up.agreement()
    for one in (True, False):
        html = report_html(made, made_up.AGREEMENT_ID, {}, {}, made_up.RELEASED_ON, version="1", one_linker_analyst=one)
        assert (warning in html) == one


def test_the_same_release_gives_the_same_report(html: str) -> None:
    assert made_up.report() == html


@pytest.mark.parametrize("only", module.KNOWN)
def test_one_table_alone_and_the_sentences_for_the_others(only: str) -> None:
    page = Page(bare_report(tables={only: made_up.tables()[only]}))
    assert page.faults == []
    assert re.search(r"(was|were) released|not told|No released table tells", page.text)
    assert "None" not in told(page)
    assert "nan" not in page.text.split()


@pytest.mark.parametrize("empty", [False, True])
def test_nothing_released_or_all_hidden(empty: bool) -> None:
    made = made_up.agreement()
    hide_all = {name: _all_hidden(table) for name, table in made_up.tables(made).items()}
    page = Page(bare_report(made, {} if empty else hide_all))
    assert page.faults == []
    assert "There is nothing to draw: no ratio was released." in page.text
    assert "cannot be told: no figure of any juncture was released." in page.text
    assert "was there a clear signal" not in page.text, "a reader cannot know what a hidden verdict is"
    assert "None" not in told(page)


def test_tables_without_rows() -> None:
    made = made_up.agreement()
    tables = {name: replace(table, rows=(), hidden=()) for name, table in made_up.tables(made).items()}
    page = Page(bare_report(made, tables))
    assert page.faults == []
    assert "None" not in told(page)


def hostile_report() -> str:
    """Every text that comes from a file is hostile."""
    made = made_up.agreement()
    data = made.model_dump()
    for name in ("police", "clinic"):
        data["party"][name]["title"] = HOSTILE
    for juncture in data["juncture"].values():
        juncture["title"] = HOSTILE
    hostile = Agreement.model_validate(data)
    tables = {
        name: replace(table, title=HOSTILE, note=HOSTILE, hidden=tuple(HOSTILE if h else "" for h in table.hidden))
        for name, table in made_up.tables(hostile).items()
    }
    columns = (Column("stage", HOSTILE, ColumnKind.LABEL), Column(HOSTILE, HOSTILE, ColumnKind.ESTIMATE))
    tables["linkage"] = ReleasedTable(
        "linkage",
        HOSTILE,
        HOSTILE,
        (Column("measure", HOSTILE, ColumnKind.LABEL), Column("estimate", HOSTILE, ColumnKind.ESTIMATE)),
        ((HOSTILE, HOSTILE), ("expected_recall", HOSTILE)),
        ("", ""),
    )
    tables[HOSTILE] = ReleasedTable(HOSTILE, HOSTILE, HOSTILE, columns, ((HOSTILE, HOSTILE),), ("",))
    return report_html(hostile, HOSTILE, tables, {HOSTILE: HOSTILE}, made_up.RELEASED_ON, version=HOSTILE)


def test_hostile_text_is_inert() -> None:
    html = hostile_report()
    page = Page(html)
    assert page.faults == []
    assert not {"script", "img", "b"} & {tag for tag, _ in page.elements}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert "{{ 77*77 }}" in page.text
    assert "5929" not in page.text


def test_svg_keeps_nothing_of_the_library_but_the_drawing() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" class="marks" width="9" height="9" viewBox="0 0 9 9">'
        '<defs><clipPath id="clip0"><path d="M0,0h9"/></clipPath></defs><g clip-path="url(#clip0)" role="note">'
        '<text aria-label="x" style="color:red" font-family="serif" transform="translate(1.23456,2)">a &lt; b</text>'
        '<path d="" display="none"/></g></svg>'
    )
    assert accessible(drawn, "p", "A & B", "C") == (
        '<svg viewBox="0 0 9 9" role="img" aria-labelledby="p-title" aria-describedby="p-desc" class="chart">'
        '<title id="p-title">A &amp; B</title><desc id="p-desc">C</desc>'
        '<defs><clipPath id="p-clip0"><path d="M0,0h9"></path></clipPath></defs><g clip-path="url(#p-clip0)">'
        '<text transform="translate(1.23,2)">a &lt; b</text></g></svg>'
    )


def _all_hidden(table: ReleasedTable) -> ReleasedTable:
    labels = [column.kind is ColumnKind.LABEL for column in table.columns]
    return replace(
        table,
        rows=tuple(
            tuple(c if is_label else None for c, is_label in zip(row, labels, strict=True)) for row in table.rows
        ),
        hidden=tuple("fewer than 11 people" for _ in table.rows),
    )


def grade(text: str) -> float:
    """Flesch-Kincaid grade (Kincaid et al. 1975): 0.39 words a sentence + 11.8 syllables a word - 15.59. A syllable is
    a run of vowels; an e at the end is none."""
    sentences = [part for part in re.split(r"[.!?]\s", f"{text} ") if part.strip()]
    found = [re.sub(r"[^a-z]", "", word.lower()) for word in re.findall(r"[A-Za-z’'-]+", text)]
    stems = [re.sub(r"(?<=[^aeiouyl])e[sd]?$", "", word) if len(word) > 3 else word for word in found]
    syllables = sum(max(len(re.findall(r"[aeiouy]+", stem)), 1) for stem in stems)
    return 0.39 * len(found) / len(sentences) + 11.8 * syllables / len(found) - 15.59


def test_the_grade_is_that_of_a_count_by_hand() -> None:
    """12 words in 2 sentences, 16 syllables: 0.39 * 6 + 11.8 * 16 / 12 - 15.59 = 2.4833."""
    assert grade("The officer came home late. The window was open and it rained.") == pytest.approx(2.4833, abs=1e-4)


@pytest.mark.parametrize(
    "section",
    ["limits", "short", "done", "funnel", "junctures", "last", "falls", "crises", "rates", "variants", "links"],
)
def test_a_ninth_grader_can_read_it(html: str, section: str) -> None:
    """Paragraphs, list items and captions of charts; tables, and what opens, are for those who check."""
    inside = html.split(f'<section aria-labelledby="{section}"')[1].split("</section>")[0]
    inside = re.sub(r"<(details|svg|table|dl)\b.*?</\1>", "", inside, flags=re.S)
    parts = re.findall(r"<(p|li|figcaption)\b[^>]*>(.*?)</\1>", inside, re.S)
    text = " ".join(re.sub(r"<[^>]+>", "", part) for _, part in parts)
    assert len(text.split()) > 25
    assert grade(text) <= 9.0
