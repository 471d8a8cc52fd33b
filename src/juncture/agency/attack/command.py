"""The step ``juncture attack``: every attack on what is staged, also with a list that the agency supplies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from juncture.agency.attack.people_list import read_list
from juncture.agency.attack.staged import REMEDY, keep_report, measure, recall_people, rows, sentences, too_weak
from juncture.agency.encoding.encode import Encoding
from juncture.agency.share import staged_pair
from juncture.base.report import Progress, StepReport, silent
from juncture.exchange.desk import Desk
from juncture.exchange.locks import locked
from juncture.formats.link import LinkPayload


@dataclass(frozen=True)
class Attacked:
    """``table``: rows of texts, the head first; ``report`` says what they mean."""

    table: list[tuple[str, ...]]
    report: StepReport


def attack_staged(
    desk: Desk, *, round_number: int = 1, list_file: Path | None = None, progress: Progress = silent
) -> Attacked:
    """Attack the staged link package, and keep the report that approval asks for.

    Raises ``UsageError`` where nothing is staged, ``KeyTrouble`` where what is staged was changed, ``InputError`` for a
    list that is none.
    """
    supplied = read_list(list_file) if list_file is not None else None
    place = desk.folder.round(round_number)
    with locked(place / "staged"):
        link, _, digest = staged_pair(desk, place)
        spellings, shared = recall_people(desk, place, digest)
        payload = LinkPayload.from_bytes(link)
        package = Encoding(payload.spelling_start, payload.fields, payload.keys)
        found = measure(desk, package, spellings, shared, supplied=supplied, worst_case=True, progress=progress)
        beyond = keep_report(desk, place, digest, found)
    ceiling = desk.agreement.linkage.attack_ceiling
    passed = beyond <= ceiling
    report = StepReport(
        title=f"Attacked what {desk.party} staged for round {round_number}; nothing has left",
        counts={
            "people attacked": found.worst.people,
            "identified beyond a guesser's (worst, held against the ceiling)": f"{beyond:.2%}",
            "ceiling of the agreement": f"{ceiling:.2%}",
        },
        notes=sentences(found),
        warnings=() if passed else (too_weak(beyond, ceiling), REMEDY),
        next_command="juncture agency approve" if passed else "",
    )
    return Attacked(rows(found), report)
