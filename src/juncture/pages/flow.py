"""The picture of who passed what to whom, with people where the table ``flow`` tells of them.

Boxes and arrows are computed here in user units (1 unit = 1 CSS pixel at full size) and drawn by a template, wide and
narrow. Nothing in the picture depends on a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import PartyRole
from juncture.formats.tables import ColumnKind, ReleasedTable
from juncture.pages import declared
from juncture.pages.charts import NARROW, WIDE, wrap
from juncture.pages.tables import label, record_of
from juncture.pages.words import about, figure

TITLE_STEP, LINE_STEP, BETWEEN, PADDING = 19, 17, 5, 14
#: Width of a character of the body text, in units, on the safe side.
CHARACTER = 7.0


@dataclass(frozen=True)
class Box:
    """A party: its place, its title lines and what it did."""

    x: float
    y: float
    width: float
    titles: tuple[str, ...]
    paragraphs: tuple[tuple[str, ...], ...]

    @property
    def height(self) -> float:
        """From edge to edge."""
        lines = sum(len(paragraph) for paragraph in self.paragraphs)
        return 2 * PADDING + TITLE_STEP * len(self.titles) + LINE_STEP * lines + BETWEEN * len(self.paragraphs) - 4

    def texts(self) -> tuple[tuple[float, str, bool], ...]:
        """Baseline, text and whether it is a title, of every line."""
        found = []
        y = self.y + PADDING + 11
        for title in self.titles:
            found.append((y, title, True))
            y += TITLE_STEP
        for paragraph in self.paragraphs:
            y += BETWEEN
            for line in paragraph:
                found.append((y, line, False))
                y += LINE_STEP
        return tuple(found)

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.y + self.height


@dataclass(frozen=True)
class Arrow:
    """A line through ``points`` that ends in a head, with a label beside it."""

    points: tuple[tuple[float, float], ...]
    label: tuple[str, ...]
    x: float
    y: float
    anchor: str = "start"

    @property
    def path(self) -> str:
        """As SVG path data."""
        return "M" + "L".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Drawing:
    """One layout of the picture."""

    name: str
    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True)
class Step:
    """A row of ``flow``: what it counts and how many people, None where that is hidden."""

    words: str
    people: float | None


#: The stage of ``flow`` that tells of the people studied.
CHOSEN = "Chosen for the study"


def steps(agreement: Agreement, table: ReleasedTable | None) -> tuple[Step, ...]:
    """Rows of ``flow`` in order; none where the table is missing or counts no people."""
    if table is None:
        return ()
    counted = [c.name for c in table.columns if c.kind is ColumnKind.PEOPLE]
    labels = [c.name for c in table.columns if c.kind is ColumnKind.LABEL]
    if not counted or not labels:
        return ()
    records = [record_of(table, i) for i in range(len(table.rows))]
    return tuple(
        Step(
            words=", ".join(label(agreement, c, r[c]) for c in labels if r[c]),
            people=figure(r[counted[0]]),
        )
        for r in records
    )


def drawings(agreement: Agreement, found: Sequence[Step]) -> tuple[Drawing, Drawing]:
    """The wide and the narrow picture."""
    parts = _parts(agreement, found)
    return _wide(parts), _narrow(parts)


def in_words(agreement: Agreement) -> str:
    """The picture for those who do not see it."""
    return (
        f"{' and '.join(declared.agencies(agreement))} send coded people without names to the linker, and sealed "
        "contacts without names to the analyst. The linker tells the analyst which sealed files belong together and "
        "may be opened. The analyst sends tables to the checker. The checker releases what is safe to the public."
    )


def _parts(agreement: Agreement, found: Sequence[Step]) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    told = {step.words: step.people for step in found if step.people}
    agency_lines = []
    for title in declared.agencies(agreement):
        people = told.get(f"Shared by {title}")
        agency_lines += [title] if people is None else [f"{title}: shared {about(people)}"]
    studied = [f"{about(told[CHOSEN]).capitalize()} chosen."] if CHOSEN in told else []
    return {
        "agencies": ("The agencies", ("Hold names, and take them out.", *agency_lines)),
        "linker": (
            declared.title_of(agreement, agreement.sole(PartyRole.LINKER)),
            ("Compares codes.", "Sees no name and no event."),
        ),
        "analyst": (
            declared.title_of(agreement, agreement.sole(PartyRole.ANALYST)),
            (*studied, "Opens only the chosen files.", "Sees no name and no true date."),
        ),
        "checker": (
            declared.title_of(agreement, agreement.sole(PartyRole.CHECKER)),
            (f"Hides groups under {agreement.disclosure.threshold} people.", "Sees tables only."),
        ),
        "public": ("Everybody", ("Reads this report.",)),
    }


def _box(part: tuple[str, tuple[str, ...]], x: float, y: float, width: float) -> Box:
    room = int((width - 2 * PADDING) / CHARACTER)
    paragraphs = tuple(tuple(wrap(line, room)) for line in part[1])
    return Box(x, y, width, tuple(wrap(part[0], int(room * 0.85))), paragraphs)


def _wide(parts: Mapping[str, tuple[str, tuple[str, ...]]]) -> Drawing:
    gap, top = 62, 4
    first, second, third = 202, 190, WIDE - 2 * 62 - 2 - 202 - 190
    middle, right = 1 + first + gap, 1 + first + second + 2 * gap
    linker = _box(parts["linker"], middle, top, second)
    below = linker.bottom + 74
    analyst = _box(parts["analyst"], middle, below, second)
    checker = _box(parts["checker"], right, below, third)
    public = _box(parts["public"], right, top, third)
    agencies = _box(parts["agencies"], 1, top, first)
    # The box of the agencies faces both linker and analyst.
    lowest = max(analyst.bottom, checker.bottom, agencies.bottom)
    low_y = analyst.y + analyst.height / 2
    high_y = linker.y + linker.height / 2
    turn = agencies.right + gap / 2
    from_low = min(low_y, agencies.bottom - 16)
    centre = middle + second / 2
    arrows = (
        Arrow(((agencies.right, high_y), (middle - 3, high_y)), ("codes",), turn, high_y - 8, "middle"),
        Arrow(
            ((agencies.right, from_low), (turn, from_low), (turn, low_y), (middle - 3, low_y))
            if from_low != low_y
            else ((agencies.right, low_y), (middle - 3, low_y)),
            ("sealed", "contacts"),
            turn - 6 if from_low != low_y else turn,
            low_y + 18,
            "end" if from_low != low_y else "middle",
        ),
        Arrow(
            ((centre, linker.bottom), (centre, below - 3)),
            ("which files belong", "to the chosen people"),
            centre + 10,
            linker.bottom + 32,
        ),
        Arrow(((analyst.right, low_y), (right - 3, low_y)), ("tables",), analyst.right + gap / 2, low_y - 8, "middle"),
        Arrow(
            ((right + third / 2, below), (right + third / 2, public.bottom + 3)),
            ("what is safe", "to tell"),
            right + third / 2 - 10,
            (public.bottom + below) / 2 - 4,
            "end",
        ),
    )
    return Drawing("wide", WIDE, lowest + 6, (agencies, linker, analyst, checker, public), arrows)


def _narrow(parts: Mapping[str, tuple[str, tuple[str, ...]]]) -> Drawing:
    side, width, gap = 56, NARROW - 58, 52
    boxes: list[Box] = []
    y = 4.0
    for name in ("agencies", "linker", "analyst", "checker", "public"):
        box = _box(parts[name], 1, y, width)
        boxes.append(box)
        y = box.bottom + gap
    agencies, linker, analyst, checker, public = boxes
    centre, lane = 60.0, width + side / 2 + 6
    low_y, start = analyst.y + 24, agencies.bottom - 20

    def down(a: Box, b: Box, *words: str) -> Arrow:
        return Arrow(((centre, a.bottom), (centre, b.y - 3)), words, centre + 12, a.bottom + gap / 2 + 4)

    arrows = (
        down(agencies, linker, "codes"),
        down(linker, analyst, "which files may be opened"),
        down(analyst, checker, "tables"),
        down(checker, public, "what is safe to tell"),
        Arrow(
            ((agencies.right, start), (lane, start), (lane, low_y), (analyst.right + 3, low_y)),
            ("sealed contacts",),
            lane - 8,
            agencies.bottom + gap / 2 + 4,
            "end",
        ),
    )
    return Drawing("narrow", NARROW, public.bottom + 4, tuple(boxes), arrows)
