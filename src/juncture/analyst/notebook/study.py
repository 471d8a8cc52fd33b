"""An opened study: its tables under the best matching, each drawn matching beside it, its findings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from html import escape
from pathlib import Path
from statistics import median

from juncture.agreement.vocabulary import Sex
from juncture.analyst.completeness import FILE as COMPLETENESS
from juncture.analyst.completeness import read_completeness
from juncture.analyst.export import specs
from juncture.analyst.export.fields import TableSpec
from juncture.analyst.export.specs import BEST
from juncture.analyst.export.tables import StudyTables
from juncture.analyst.export.write import FileFormat, export_study
from juncture.analyst.findings.compute import compute_findings
from juncture.analyst.findings.linkage import Completeness
from juncture.analyst.notebook.findings import OpenFindings
from juncture.analyst.notebook.table import INTERNAL, Table
from juncture.analyst.steps import STUDY, round_seed
from juncture.analyst.study.build import OPENED
from juncture.analyst.study.duckdb_file import open_study as read_study
from juncture.analyst.study.model import Study
from juncture.base.errors import UsageError
from juncture.base.folder import SETTINGS, PartyFolder
from juncture.base.report import Progress, StepReport, silent


class UnderMatching:
    """The tables of a study under one matching: ``draw`` is its number, -1 the best one."""

    def __init__(self, tables: StudyTables, draw: int) -> None:
        self._tables, self.draw = tables, draw

    @property
    def people(self) -> Table:
        """A row a person who can be studied under this matching."""
        return self._table(specs.PEOPLE)

    @property
    def contacts(self) -> Table:
        """A row a contact, on the person's own clock: days from the start of the follow-up."""
        return self._table(specs.CONTACTS)

    @property
    def crises(self) -> Table:
        """A row a crisis: an episode of the agreement's crisis kinds."""
        return self._table(specs.CRISES)

    @property
    def at_risk(self) -> Table:
        """A row a stretch of time in which a person was observed and in no institution."""
        return self._table(specs.AT_RISK)

    @property
    def links(self) -> Table:
        """A row a file that this matching gives to a person."""
        return self._table(specs.LINKS)

    def openings(self, juncture: str | None = None) -> Table:
        """A row an opening, of one declared ``juncture`` or of all.

        Raises ``UsageError`` where none has that name.
        """
        table = self._table(specs.OPENINGS)
        if juncture is None:
            return table
        declared = self._tables.study.agreement.juncture
        if juncture not in declared:
            raise UsageError(f"No juncture {juncture} is declared.", remedy=f"Declared are: {', '.join(declared)}.")
        return table.where(juncture=juncture)

    def __repr__(self) -> str:
        return f"{self._name[0].upper()}{self._name[1:]} of a study: {len(self.people)} people ({INTERNAL})"

    @property
    def _name(self) -> str:
        return "the best matching" if self.draw == BEST else f"draw {self.draw}"

    def _table(self, spec: TableSpec) -> Table:
        title = spec.title if spec is specs.DECLARED else f"{spec.title} under {self._name}"
        return Table(self._tables.table(spec, [self.draw]), title, spec)


class OpenStudy(UnderMatching):
    """A study as a notebook shows it. Its tables are those of the best matching; ``draws`` holds those of every drawn
    one. Everything in it is about single persons."""

    def __init__(self, study: Study, folder: PartyFolder | None = None) -> None:
        super().__init__(StudyTables(study), BEST)
        self.study, self.folder = study, folder

    @cached_property
    def draws(self) -> tuple[UnderMatching, ...]:
        """The M drawn matchings, each with tables of its own, like M multiply imputed data sets: do an analysis on each
        and combine the results by :func:`juncture.analyst.statistics.combine_matchings`."""
        return tuple(UnderMatching(self._tables, draw) for draw in range(self.study.draws))

    @property
    def declared(self) -> Table:
        """A row a juncture that the agreement declares."""
        return self._table(specs.DECLARED)

    def findings(
        self, *, seed: int | None = None, completeness: Completeness | None = None, progress: Progress = silent
    ) -> OpenFindings:
        """Compute every finding, over all draws. ``progress`` is called as ``progress(label, done, total)``.

        In the analyst's working folder the seed of the round and the completeness of ``completeness.toml`` are those
        of `juncture analyst findings`, so that the figures are the same; elsewhere a ``seed`` must be named, else
        ``UsageError``.
        """
        if self.folder is not None:
            seed = round_seed(self.folder, self.study.round) if seed is None else seed
            if completeness is None:
                completeness = read_completeness(self.folder.root / COMPLETENESS, self.study.agreement.agencies)
        if seed is None:
            raise UsageError(
                "Findings need a seed: the same seed gives the same figures.", remedy="Name one, such as seed=1."
            )
        found = compute_findings(self.study, seed=seed, completeness=completeness, progress=progress)
        return OpenFindings(found, seed)

    def export(
        self, out: Path | str, *, form: str = FileFormat.CSV.value, draws: Iterable[int] = (BEST,)
    ) -> StepReport:
        """Write the tables, one below the other for each of ``draws``, with a codebook into the new folder ``out``.

        ``form``: csv or parquet. Raises as :func:`juncture.analyst.export.export_study` does.
        """
        return export_study(self.study, Path(out), form=FileFormat(form), draws=tuple(draws), folder=self.folder)

    def __repr__(self) -> str:
        rows = self._summary()
        width = max(len(name) for name, _ in rows)
        return "\n".join([self._title, *(f"  {name:<{width}}  {value}" for name, value in rows)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
            f'<td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self._summary()
        )
        return f'<table><caption style="text-align:left">{escape(self._title)}</caption><tbody>{rows}</tbody></table>'

    @property
    def _title(self) -> str:
        return f"Study of {self.study.agreement.project}, round {self.study.round} ({INTERNAL})"

    def _summary(self) -> list[tuple[str, str]]:
        study = self.study
        best = [timeline for _, timeline in study.best_timelines()]
        days = [(stop - start) // 24 for start, stop in (timeline.follow_up_h for timeline in best)]
        of_sex = {sex: sum(person.sex == sex for person in study.people) for sex in (Sex.FEMALE, Sex.MALE)}
        women, men = of_sex.values()
        others = len(study.people) - women - men
        distinct = len({tuple(matching) for matching in study.in_draw.tolist()})
        rows = [
            (
                "people",
                f"{len(study.people):,}: {women:,} women, {men:,} men, {others:,} neither or not known",
            ),
            ("studied", f"{len(best):,} under the best matching"),
            ("contacts", f"{sum(len(timeline.contacts) for timeline in best):,} under the best matching"),
            ("follow-up", f"{median(days):,.0f} days, the median person" if days else "none"),
            ("matchings", f"{study.draws:,} drawn (M), {distinct:,} of them distinct; and the best one"),
            ("agencies", ", ".join(study.agreement.agencies)),
            ("junctures", f"{len(study.agreement.juncture):,} declared"),
        ]
        unusable = [f"{reason}: {number:,}" for reason, number in study.counts.items() if number and reason != OPENED]
        return [*rows, *(("not usable", text) for text in unusable or ["nothing"])]


def open_study(path: Path | str) -> OpenStudy:
    """The study at ``path``: a ``study.duckdb``, or the analyst's working folder that holds one.

    Raises ``InputError`` where there is none.
    """
    given = Path(path)
    file = given / STUDY if given.is_dir() else given
    at_work = (file.parent / SETTINGS).is_file()
    return OpenStudy(read_study(file), PartyFolder.open(file.parent) if at_work else None)
