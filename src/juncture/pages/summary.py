"""The report in a few sentences, and the sentences about women and men and about the links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import LinkageProfile
from juncture.pages import declared, words
from juncture.pages.findings.falls import expected, lagged
from juncture.pages.findings.gender import stem_of, titled
from juncture.pages.findings.junctures import JunctureView
from juncture.pages.findings.released import Record, Tables, records, shown, text_of, title_of_juncture
from juncture.pages.flow import CHOSEN, Step
from juncture.pages.words import Verdict, figure

FALSE_DISCOVERIES = 0.05
JUST_BELOW_ALL = 0.9999


def different_rates(tables: Tables) -> str:
    """Which rates and shares differ between women and men, by q-value."""
    if not any(not stem_of(r) for r, _ in records(tables.get("gender"))):
        return "No table of rates was released."
    rates: dict[str, list[str]] = {"Women": [], "Men": []}
    shares: dict[str, list[str]] = {"Women": [], "Men": []}
    for record in shown(tables.get("gender")):
        q, ratio = figure(record.get("q_value")), figure(record.get("ratio"))
        if q is None or ratio is None or q > FALSE_DISCOVERIES or stem_of(record) not in ("", "share"):
            continue
        who, what = "Women" if ratio > 1 else "Men", words.lowered(titled(record))
        if not stem_of(record):
            rates[who].append(what)
            continue
        women, men = figure(record.get("women")), figure(record.get("men"))
        told = "" if women is None or men is None else f" (women {words.percent(women)}, men {words.percent(men)})"
        shares[who].append(what + told)
    said = [f"{who} had clearly more {words.listed(what)}." for who, what in rates.items() if what]
    if not said:
        said = [
            "No rate differs clearly between women and men. In a group this size only large differences would show."
        ]
    said += [
        f"Clearly a larger share among {who.lower()}: {words.listed(what)}." for who, what in shares.items() if what
    ]
    if any((*rates.values(), *shares.values())):
        said.append("These are people chosen because they met both agencies often, not women and men at large.")
    return " ".join(said)


def different_junctures(agreement: Agreement, tables: Tables) -> str:
    """Whether a juncture matters differently to women and men: by the test of the difference alone."""
    prefix = "hazard_ratio:"
    found = [
        (str(r["measure"]).removeprefix(prefix), figure(r.get("q_value")))
        for r, why in records(tables.get("gender"))
        if not why and str(r.get("measure") or "").startswith(prefix)
    ]
    if not any(q is not None for _, q in found):
        return "Whether a juncture matters more to women or to men cannot be told: too few people of one or the other."
    titles = [title_of_juncture(agreement, name) for name, q in found if q is not None and q <= FALSE_DISCOVERIES]
    return words.difference_sentence(titles)


def links(agreement: Agreement, tables: Tables) -> str:
    """How good the linkage is said to be, in counts of twenty."""
    found = {str(r.get("measure") or ""): r for r, why in records(tables.get("linkage")) if not why}
    right, kept = (
        next((figure(r.get("estimate")) for m, r in sorted(found.items()) if m.startswith(stem)), None)
        for stem in ("expected_precision", "expected_recall")
    )
    # Released figures are rounded: a share of 1 is one just below it.
    right, kept = (share if share is None else min(share, JUST_BELOW_ALL) for share in (right, kept))
    if right is None and kept is None:
        return "How good the links between the agencies’ records are is not told."
    said = []
    if right is not None:
        said.append(f"we expect {words.of_every(right)} links to be right")
    if kept is not None:
        said.append(f"we expect to have found {words.of_every(kept)} people who are in both files")
    unseen = ""
    if kept is not None and agreement.linkage.profile is LinkageProfile.TAGS:
        # Two records without a common tag cannot be compared, so no share of them is known.
        unseen = " People whose records have too little in common to be compared are not in that count."
    return f"Names and dates are often misspelled, so the links are not perfect: {words.listed(said)}.{unseen}"


def falls_alone(tables: Tables) -> list[str]:
    """How far contacts fall by themselves; nothing where that is not told."""
    told = [
        f"{fall} fewer {words.lowered(text_of(record, 'title', 'agency'))}"
        for record in shown(tables.get("expected_fall"))
        if record.get("stratum") == "all" and (fall := _by_itself(record))
    ]
    if not told:
        return []
    return [
        "People who are chosen at a hard time are met less often later, with or without help: here about "
        f"{words.listed(told)}. A fall that is no larger shows nothing."
    ]


def _by_itself(record: Record) -> str:
    """The fall by itself as both ways tell it, "6% to 12%"; "" where the first tells none or either a rise."""
    first, second = expected(record).value, lagged(record).value
    if first is None or first <= 0 or (second is not None and second <= 0):
        return ""
    ends = [words.percent(fall) for fall in sorted((first, first if second is None else second))]
    return " to ".join(dict.fromkeys(ends))


def people_studied(found: Sequence[Step]) -> float | None:
    """People in the cohort, as the table ``flow`` tells."""
    return next((s.people for s in found if s.words == CHOSEN), None)


def in_short(
    agreement: Agreement, tables: Tables, views: Sequence[JunctureView], found: Sequence[Step]
) -> tuple[str, ...]:
    """Up to six paragraphs that hold what the study says and what it leaves open."""
    who = words.listed(declared.agencies(agreement))
    people = people_studied(found)
    lead = f"We studied {words.about(people)}" if people is not None else "We studied a small group of people"
    said = [f"{lead} whom {who} both met, again and again, from {declared.span(agreement.windows.selection)}."]
    by = {v: [x.title for x in views if x.verdict is v] for v in Verdict}
    if by[Verdict.SUPPORTED]:
        what = words.listed([_often(v) for v in views if v.verdict is Verdict.SUPPORTED])
        signal = (
            f"The clearest signal that help could have come earlier: {what}. When the response was missed there, "
            "the same people’s next crisis came sooner. That is a reason to look closer, not proof of a cause."
        )
    else:
        # A hidden verdict is not known to a reader, so nothing is said of it either way.
        untold = sum(view.verdict is None for view in views)
        where = "At no juncture" + (" that can be told of" if untold else "")
        signal = f"{where} was there a clear signal that a missed response is followed by more crises."
        if views and untold == len(views):
            signal = (
                "Where help could have come earlier cannot be told: no figure of any juncture was released. “What is "
                "hidden, and why” says more. That is a result too."
            )
    if by[Verdict.HARMFUL]:
        what = words.listed([f"“{title}”" for title in by[Verdict.HARMFUL]])
        signal += f" At {what} it was the other way round: crises came sooner after the response was given."
    said.append(signal)
    said += _open_verdicts(views, by)
    said.append(different_junctures(agreement, tables))
    said += falls_alone(tables)
    said.append(links(agreement, tables))
    return tuple(said)


def _often(juncture: JunctureView) -> str:
    often = "" if juncture.dots is None else f" (missed {juncture.dots} of every {words.EVERY} times)"
    return f"“{juncture.title}”{often}"


def _open_verdicts(views: Sequence[JunctureView], by: Mapping[Verdict, Sequence[str]]) -> list[str]:
    uncertain, small = len(by[Verdict.UNCERTAIN]), len(by[Verdict.TOO_SMALL])
    untold = sum(v.verdict is None for v in views)
    parts = []
    if uncertain:
        parts.append(f"at {words.small(uncertain)} we cannot tell whether missing the response matters")
    if small:
        parts.append(f"at {words.small(small)} there are too few people to say")
    if untold == 1:
        parts.append("one is hidden, as too few people stand behind it")
    elif untold:
        parts.append(f"{words.small(untold)} are hidden, as too few people stand behind them")
    if not parts or untold == len(views):
        return []
    looked_at = f"{words.small(len(views))} juncture{'s' if len(views) != 1 else ''}"
    return [f"Of the {looked_at} looked at, {words.listed(parts)}. That is a result too."]
