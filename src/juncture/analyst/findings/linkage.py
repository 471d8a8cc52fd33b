"""How probable it is that an opening's response would be seen, given that its person is in the cohort: q.

A response at agency a to an opening that a's own contacts did not open is seen if the link is right and the file whole:

    q = right x whole

``right``: the mean probability that the files which a drawn matching joins at an opening are one person's, read from
    the cohort package. Where the rule asks something of a by itself, whoever has no file of a is not in the cohort, so
    that people whom the linkage lost change who is studied, not the share. Where it does not, they are in it and look
    missed: ``right`` is then at most the linkage's own recall.
``whole``: the chance that a record of a person at a is in a file that was joined, if one of theirs is. Agencies split
    people in two, and the other half may link to nobody. No package says how often. Who knows it, from the agency or
    from an audit, gives it as ``Completeness``. Else it is taken to lie between the linkage's recall and 1: an agency
    joins its own records, in clear text, no worse than a linker joins encodings.

An opening that a itself told needs no link: q = whole. A stranger's file answers by chance, and how often is counted on
the files of the other people of the cohort. Recall is the linker's expectation, or what joint contacts say of it where
their interval lies below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Agreement, Juncture
from juncture.analyst.findings.cohort import sex_classes
from juncture.analyst.findings.model import Stratum
from juncture.analyst.findings.openings import Opening
from juncture.analyst.statistics.arrays import Booleans, Vector
from juncture.analyst.statistics.misclassification import NAN, Chance, pooled, strangers_answer
from juncture.analyst.study.model import Study
from juncture.formats.cohort import QualityRow

EXPECTED, BY_JOINT_CONTACTS = "expected_recall", "recall_by_joint_contacts"
#: Of a person's records at an agency, the chance that one is in a joined file if another is, by agency and stratum.
Completeness = Mapping[str, Mapping[Stratum, Chance]]
SURE = Chance(1.0)


@dataclass(frozen=True)
class Linkage:
    """What is known of the linkage of a study. ``right`` (timelines, agencies): probability that the agency's files of
    a timeline are the person's, 0 where it has none; ``recall``: by agency and stratum, where the linker told it."""

    agreement: Agreement
    agencies: tuple[str, ...]
    right: Vector
    recall: Mapping[tuple[str, Stratum], Chance]
    completeness: Completeness

    @classmethod
    def of(cls, study: Study, completeness: Completeness) -> Linkage:
        """Read it from the packages."""
        agencies = study.agreement.agencies
        right = np.zeros((len(study.timelines), len(agencies)))
        for t, timeline in enumerate(study.timelines):
            for a, agency in enumerate(agencies):
                own = [study.refs[r] for r in timeline.refs if study.refs[r].agency == agency]
                if own:
                    contacts = [1 + len(ref.contacts) for ref in own]
                    right[t, a] = np.average([ref.probability for ref in own], weights=contacts)
        named = {word: name for name, word in sex_classes(study).items()}
        recall = {}
        for stratum in Stratum:
            for agency in agencies:
                if found := _recall(study.report.quality, named.get(stratum.value, "all"), agency, agencies):
                    recall[agency, stratum] = found
        return cls(study.agreement, agencies, right, recall, completeness)

    def asked_of(self, agency: str) -> bool:
        """Whether the rule asks something of ``agency`` by itself, so that everybody studied has a file there."""
        cohort = self.agreement.cohort
        return any({kind.split(".", 1)[0] for kind in cohort.families[name]} == {agency} for name in cohort.rule)

    def whole(self, agency: str, stratum: Stratum) -> Chance:
        """The chance that a record is in a joined file if another of the person's is."""
        told = self.completeness.get(agency, {})
        if known := told.get(stratum, told.get(Stratum.ALL)):
            return known
        recall = self.recall.get((agency, stratum))
        return Chance(1.0, 0.0, min(recall.low, 1.0) if recall else NAN)

    def found(self, agency: str, stratum: Stratum) -> Chance:
        """The chance that a person of the cohort who is in the agency's files was linked to them at all."""
        return SURE if self.asked_of(agency) else self.recall.get((agency, stratum), SURE)

    def seen(self, agency: str, stratum: Stratum) -> Chance:
        """The chance that a contact of a person of the cohort is seen at all, whoever's else are seen beside it."""
        return self.whole(agency, stratum).times(self.found(agency, stratum))


@dataclass(frozen=True)
class Seen:
    """q of one juncture in some openings; ``right``: mean over those that need a link, NaN where none does;
    ``by_chance``: share of the openings that a stranger's file answered."""

    chance: Chance
    right: float
    by_chance: float


@dataclass(frozen=True, eq=False)
class Links:
    """Of each opening (n): ``told`` (n, agencies): whose contacts open it; ``answered`` (n): place of the agency whose
    response settled it, -1 for none; ``right`` and ``stranger`` (n, agencies): probability that the files which tell of
    opening and response are one person's, and that a stranger's file there would answer. ``responding``: places of the
    agencies that may respond."""

    told: Booleans
    answered: Vector
    right: Vector
    stranger: Vector
    responding: tuple[int, ...]

    @classmethod
    def of(
        cls, juncture: Juncture, openings: Sequence[tuple[int, int, Opening]], study: Study, linkage: Linkage
    ) -> Links:
        """``openings``: place of the timeline, person and opening."""
        agencies, count = linkage.agencies, len(openings)
        place = {agency: a for a, agency in enumerate(agencies)}
        told = np.zeros((count, len(agencies)), dtype=np.bool_)
        for row, (_, _, opening) in zip(told, openings, strict=True):
            row[[place[a] for a in opening.told_by]] = True
        timeline = np.array([t for t, _, _ in openings], dtype=np.int64)
        person = np.array([p for _, p, _ in openings], dtype=np.int64)
        files = linkage.right[timeline]
        # The anchor's own files are the person's by definition, so of two agencies one is always 1.
        right = files * np.max(np.where(told, files, 0.0), axis=1, keepdims=True, initial=0.0)
        responding = tuple(sorted({place[kind.split(".", 1)[0]] for kind in juncture.response.kinds}))
        stranger = np.zeros(right.shape)
        first, last = [o.answer_first_h for _, _, o in openings], [o.answer_last_h for _, _, o in openings]
        for a in responding:
            answers = [
                (ref.person, [c.start_h for c in ref.contacts if c.kind in juncture.response.kinds])
                for ref in study.refs
                if ref.agency == agencies[a] and ref.best and ref.observed is not None
            ]
            stranger[:, a] = strangers_answer(person, first, last, answers)
        answered = np.array([-1 if o.answered_by is None else place[o.answered_by] for _, _, o in openings])
        return cls(told, answered, right, stranger, responding)

    def seen(self, rows: Booleans, stratum: Stratum, linkage: Linkage) -> Seen | None:
        """q over the openings ``rows`` (n) of ``stratum``; None where there are none.

        Agencies, and openings that need a link and those that do not, are pooled by where responses were seen.
        """
        if not rows.any():
            return None
        chances, seen, openings, by_chance, rights = [], [], [], 0.0, []
        for a in self.responding:
            agency = linkage.agencies[a]
            whole, found = linkage.whole(agency, stratum), linkage.found(agency, stratum)
            own, other = rows & self.told[:, a], rows & ~self.told[:, a]
            joined = other & (self.right[:, a] > 0)
            right = min(float(self.right[joined, a].mean()), 1.0) if joined.any() else 1.0
            by_chance += float(((1 - self.right[joined, a]) * self.stranger[joined, a]).sum())
            across = found if found.value < right else Chance(right)
            for mine, chance in ((own, whole), (other, whole.times(across))):
                chances.append(chance)
                seen.append(float((self.answered[mine] == a).sum()))
                openings.append(float(mine.sum()))
            rights += self.right[joined, a].tolist()
        weights = seen if sum(seen) > 0 else openings
        return Seen(pooled(weights, chances), float(np.mean(rights)) if rights else NAN, by_chance / rows.sum())


def _recall(rows: Sequence[QualityRow], sex_class: str, agency: str, agencies: Sequence[str]) -> Chance | None:
    """The linker's expected recall, of several pairs of agencies the smallest in which ``agency`` takes part; what
    joint contacts say where their interval lies below it. What is not told of ``sex_class`` is taken from everyone."""
    others = [other for other in agencies if other != agency]
    pairs = {pair for other in others for pair in (f"_{agency}_{other}", f"_{other}_{agency}")}

    def least(measure: str) -> QualityRow | None:
        # The linker may tell of parts of the linkage, too, under names that begin alike.
        names = {measure, *(measure + pair for pair in pairs)}
        mine = [row for row in rows if row.estimate and row.measure in names and row.sex_class in {sex_class, "all"}]
        own = [row for row in mine if row.sex_class == sex_class]
        return min(own or mine, key=lambda row: row.estimate or 0.0, default=None)

    expected, joint = least(EXPECTED), least(BY_JOINT_CONTACTS)
    if joint and expected and joint.high is not None and joint.high < (expected.estimate or 0.0):
        expected = joint
    if expected is None or expected.estimate is None:
        return None
    return Chance.known(expected.estimate, *(NAN if v is None else v for v in (expected.low, expected.high)))
