"""Linking: compare what the agencies encoded, choose the cohort by the signed rule, and send it to the analyst.

The linker holds no name, no event and no linkage secret; when the cohort is sealed, the link packages are destroyed.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from juncture.agreement.vocabulary import BAND_LABELS, LinkageProfile, PartyRole
from juncture.base.errors import AgreementForbids, LimitReached, PackageRefused, UsageError
from juncture.base.report import Progress, StepReport, silent
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked
from juncture.formats.cohort import JointHistogramRow, LinkReport, QualityRow
from juncture.formats.link import LinkPayload
from juncture.linker.cohort import AgencyLinks, SexClasses, choose_anchor, choose_cohort, sex_classes
from juncture.linker.compare import LinkInput
from juncture.linker.match import Linkage
from juncture.linker.match import link as link_files

_TAGS_NOTE = (
    "Under the profile `tags` two records of one person that have no tag in common cannot be seen: the expected recall "
    "is of those that have, and more people are missed than it says."
)

#: Groups of (agency, envelope id) that the best matching makes one person.
Groups = tuple[tuple[tuple[str, bytes], ...], ...]


@dataclass(frozen=True)
class Linked:
    """What :func:`link` did; ``groups`` only in a rehearsal that asked for an audit."""

    report: StepReport
    groups: Groups | None


def link(desk: Desk, *, round_number: int = 1, audit: bool = False, progress: Progress = silent) -> Linked:
    """Link the agencies' people and seal the cohort to the analyst.

    Raises ``PackageRefused`` where the agencies do not hold one linkage secret or a payload breaks its format,
    ``LimitReached`` for fewer people than the floor, ``UsageError`` where the round was linked before.
    """
    if audit and not desk.agreement.rehearsal:
        raise AgreementForbids("Only an agreement marked `rehearsal` lets the linkage be audited.")
    # Two runs at once would choose two cohorts; a round has one.
    with locked(desk.folder.round(round_number) / "link"):
        return _link(desk, round_number, audit, progress)


def _link(desk: Desk, round_number: int, audit: bool, progress: Progress) -> Linked:
    agreement = desk.agreement
    analyst = agreement.sole(PartyRole.ANALYST)
    if desk.sent(PackageKind.COHORT, analyst, round_number):
        _destroy(desk, round_number)  # a run that was killed after sealing may have left them
        raise UsageError(
            f"Round {round_number} is linked; its cohort never changes.", remedy=f"Send the package to {analyst}."
        )
    payloads = {agency: _take(desk, agency, round_number) for agency in agreement.agencies}
    _same_secret(payloads)
    _same_encodings(desk, payloads)
    rng = np.random.default_rng(secrets.randbits(256))
    inputs = {name: _input(payload) for name, payload in payloads.items()}
    linkage = link_files(inputs, draws=agreement.linkage.draws, rng=rng, progress=progress)
    desk.note(Act.LINKED, people=sum(payload.people for payload in payloads.values()))
    progress("Choosing the cohort", 0, 0)
    anchor = choose_anchor(agreement, linkage.people)
    links = {name: _from_anchor(linkage, anchor, name) for name in payloads if name != anchor}
    report = _link_report(desk, payloads, linkage)
    cohort, eligible, chosen = choose_cohort(
        agreement, round_number, payloads, anchor, links, report, draws=agreement.linkage.draws
    )
    cohort = replace(cohort, report=replace(report, eligible=eligible))
    package = desk.send(PackageKind.COHORT, analyst, round_number, cohort.to_bytes())
    desk.note(Act.COHORT_CHOSEN, people=chosen)
    _destroy(desk, round_number)
    groups = None
    if audit:
        groups = tuple(
            tuple((name, payloads[name].envelope_id[i].tobytes()) for name, i in members)
            for members in linkage.best_groups()
        )
    counts = {f"people from {name}": payload.people for name, payload in payloads.items()}
    outcome = StepReport(
        title=f"Linked round {round_number}",
        counts={
            **counts,
            "links in the best matching": sum(int(pair.best.sum()) for pair in linkage.pairs),
            "people who meet the rule in some draw": eligible,
            "people chosen within the quota": chosen,
        },
        files=written(package),
        notes=(
            f"Send it to {analyst}. Its size is the same whoever was chosen.",
            *((_TAGS_NOTE,) if agreement.linkage.profile is LinkageProfile.TAGS else ()),
            "The link packages in the inbox were destroyed. Destroy every other copy: the courier's, and the files "
            "that `juncture inbox` took in.",
        ),
        next_command="juncture linker ticket",
    )
    return Linked(report=outcome, groups=groups)


def _take(desk: Desk, agency: str, round_number: int) -> LinkPayload:
    payload = LinkPayload.from_bytes(desk.take(PackageKind.LINK, agency, round_number).payload)
    agreement = desk.agreement
    if (payload.agency, payload.round) != (agency, round_number):
        raise PackageRefused(f"The link payload from {agency} says that it is of another agency or round.")
    if payload.families != tuple(sorted(agreement.cohort.families)):
        raise PackageRefused(f"The link payload from {agency} counts other families than the agreement declares.")
    if payload.profile != agreement.linkage.profile.value:
        raise PackageRefused(f"The link payload from {agency} is encoded under another profile than agreed.")
    if payload.people < agreement.linkage.floor:
        raise LimitReached(
            f"{agency} shares {payload.people} people; the agreement asks for at least {agreement.linkage.floor}."
        )
    return payload


def _same_secret(payloads: Mapping[str, LinkPayload]) -> None:
    confirmations = [payload.confirmation for payload in payloads.values()]
    if not all(hmac.compare_digest(confirmations[0], other) for other in confirmations):
        raise PackageRefused(
            f"{', '.join(payloads)} encoded with different linkage secrets; nobody would match.",
            remedy="The agencies run `juncture keys exchange` anew, then share again.",
        )


def _same_encodings(desk: Desk, payloads: Mapping[str, LinkPayload]) -> None:
    """Raise unless all encode the same fields and keys in the same widths, and no field that was not agreed."""
    agreed = {field.value for field in desk.agreement.linkage.fields}
    if "birth_date" in agreed:
        agreed |= {"birth_year", "birth_month", "birth_day"}
    if "first_name" in agreed:
        agreed.add("first_forms")
    agreed.add("record")
    if desk.agreement.linkage.profile is LinkageProfile.TAGS:
        agreed = set()  # match keys are all that may leave
    shapes = []
    for agency, payload in payloads.items():
        if not set(payload.fields) <= agreed:
            raise PackageRefused(f"The link payload from {agency} encodes a field that the agreement does not name.")
        parts = (("field", payload.fields), ("key", payload.keys))
        shapes.append({(kind, name): part.bits.shape[1] for kind, named in parts for name, part in named.items()})
    if any(shape != shapes[0] for shape in shapes):
        raise PackageRefused(
            f"{', '.join(payloads)} encoded other fields, or in other widths; they cannot be compared.",
            remedy="The agencies need the same version of Juncture, then share again.",
        )


def _input(payload: LinkPayload) -> LinkInput:
    return LinkInput(
        spelling_start=payload.spelling_start,
        # Under the profile `tags` the match keys are all there is to compare.
        fields=payload.fields or payload.keys,
        keys=payload.keys,
        joint_tokens=payload.joint_tokens,
    )


def _from_anchor(linkage: Linkage, anchor: str, other: str) -> AgencyLinks:
    pair = next(pair for pair in linkage.pairs if {pair.a, pair.b} == {anchor, other})

    def turned(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return pairs if pair.a == anchor else [(j, i) for i, j in pairs]

    everyone = np.ones(len(pair.i), dtype=bool)
    return AgencyLinks(
        best=turned(pair.links(pair.best)),
        draws=[turned(pair.links(draw)) for draw in pair.draws],
        probability=dict(zip(turned(pair.links(everyone)), pair.probability.tolist(), strict=True)),
    )


def _link_report(desk: Desk, payloads: Mapping[str, LinkPayload], linkage: Linkage) -> LinkReport:
    classes = sex_classes(payloads)
    several = len(linkage.pairs) > 1
    rows = []
    for pair in linkage.pairs:
        suffix = f"_{pair.a}_{pair.b}" if several else ""
        for quality in pair.quality:
            name = _class_name(quality.sex_class, classes)
            if name is None:
                continue
            estimate, low, high = (
                None if np.isnan(v) else float(v) for v in (quality.estimate, quality.low, quality.high)
            )
            rows.append(QualityRow(f"{quality.measure}{suffix}", name, estimate, low, high))
    notes = tuple(
        f"{pair.a} and {pair.b}: {count:,} {what.replace('_', ' ')}"
        for pair in linkage.pairs
        for what, count in sorted(pair.notes.items())
    )
    disclosure = desk.agreement.disclosure
    return LinkReport(
        people_shared={name: _rounded(payload.people, disclosure.round_to) for name, payload in payloads.items()},
        quality=tuple(rows),
        families=next(iter(payloads.values())).families,
        histogram=_histogram(payloads, linkage, disclosure.threshold, disclosure.round_to),
        eligible=0,
        notes=notes,
    )


def _class_name(tag: str, classes: SexClasses) -> str | None:
    if not tag:
        return "all"
    value = bytes.fromhex(tag)
    return str(classes.values.index(value)) if value in classes.values else None


def _histogram(
    payloads: Mapping[str, LinkPayload], linkage: Linkage, threshold: int, round_to: int
) -> tuple[JointHistogramRow, ...]:
    """Linked people by their highest band of each family; cells of 1 to threshold - 1 hidden, the others rounded.

    How many links there are is told beside it, so a cell never stands hidden alone: the smallest other goes, too.
    """
    cells: Counter[tuple[str, ...]] = Counter()
    for members in linkage.best_groups():
        bands = np.max([payloads[name].bands[i] for name, i in members], axis=0)
        cells[tuple(BAND_LABELS[int(band)] for band in bands)] += 1
    hidden = {bands for bands, people in cells.items() if people < threshold}
    if len(hidden) == 1 and len(cells) > 1:
        hidden.add(min(cells.keys() - hidden, key=lambda bands: (cells[bands], bands)))
    return tuple(
        JointHistogramRow(bands, None if bands in hidden else _rounded(people, round_to))
        for bands, people in sorted(cells.items())
    )


def _rounded(people: int, round_to: int) -> int:
    return round(people / round_to) * round_to


def _destroy(desk: Desk, round_number: int) -> None:
    for agency in desk.agreement.agencies:
        for path, _ in desk.arrived(PackageKind.LINK, agency, round_number):
            path.unlink(missing_ok=True)
