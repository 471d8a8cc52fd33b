"""What is planted in each world: the people's lives, what the linkage loses of them, and which junctures are declared.

Numbers of worlds are part of the seeds, so a new world goes to the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from juncture.analyst.findings.model import Stratum

WOMEN = 2 / 3


@dataclass(frozen=True)
class Rules:
    """How people live; see :mod:`lives` for the hazards.

    ``ratio``: of the hazard of a crisis after a missed over that after a met opening; ``women_ratio`` that of women
    where it differs. ``mean``: crises that a person of mean hazard would have in 700 days without effects. ``shape``:
    of the gamma frailty, infinite where people are alike.

    ``easier``: the chance of a follow-up falls with the person's hazard. ``kept``: a new crisis does not cancel the
    follow-ups that are planned, so that one may serve two openings. ``spells``: hidden bad spells of
    ``spell_days`` on average, ``apart_days`` from one to the next; ``in_spell``: log odds of a follow-up in one less
    those outside. ``burst``: the hazard is ``1 + burst x crises of the last 28 days``
    times as high. ``busy``: change of the log odds of a follow-up by each crisis of the last 28 days.
    ``women_odds``: change of women's log odds. ``waits``: the days on which a follow-up may come, equally likely.

    ``pool``: people simulated for each one wanted; above 1 they are chosen by the rule from two years before the
    follow-up. ``step``: what the hazard is multiplied with from the start of the follow-up. ``other_sex``: share of
    people who are neither female nor male. ``eight``: eight junctures are declared (:data:`lives.STREAMS`).
    """

    ratio: float = 1.0
    women_ratio: float | None = None
    mean: float = 8.0
    shape: float = 2.0
    easier: bool = False
    kept: bool = False
    spells: bool = False
    spell_days: float = 20.0
    apart_days: float = 120.0
    in_spell: float = 0.0
    burst: float = 0.0
    busy: float = 0.0
    women_odds: float = 0.0
    waits: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    pool: int = 1
    step: float = 1.0
    other_sex: float = 0.0
    eight: bool = False


@dataclass(frozen=True)
class Loss:
    """What the linkage loses, and what is told of it.

    ``files``, ``files_women``: share of all people, and of women beyond it, from whom the second half of the clinic's
    records is in a file that nothing links (women: a changed surname). ``records``, ``police_records``: share of
    single follow-ups, and of crises, in no file. ``people``: share of people who are linked to no file of the clinic;
    where the rule ``asks`` something of the clinic they are not in the cohort. ``unsure``: share of people whose file
    at the clinic is theirs with a chance of 0.7, which ``draws`` matchings know, and else that of somebody else.

    ``told``: the agency knows how whole its files are, with a standard error of ``error`` on the logarithm; else only
    ``recall`` is told, of women and of men.
    """

    files: float = 0.0
    files_women: float = 0.0
    records: float = 0.0
    police_records: float = 0.0
    people: float = 0.0
    asks: bool = True
    unsure: float = 0.0
    draws: int = 1
    told: bool = True
    error: float = 0.02
    recall: tuple[float, float] | None = None

    def whole(self, agency: str) -> dict[Stratum, float]:
        """The true chance that a record of the agency is in the joined file, by stratum."""
        if agency == "police":
            return dict.fromkeys(Stratum, 1 - self.police_records)
        women, men = ((1 - files / 2) * (1 - self.records) for files in (self.files + self.files_women, self.files))
        return {Stratum.WOMEN: women, Stratum.MEN: men, Stratum.ALL: WOMEN * women + (1 - WOMEN) * men}


@dataclass(frozen=True)
class World:
    """A world of the study."""

    rules: Rules
    loss: Loss = Loss()


CHOSEN = {"pool": 8, "mean": 2.0, "shape": 1.0, "spells": True, "spell_days": 90.0, "apart_days": 360.0}
FILES = Loss(files=0.2)
RECORDS = Loss(records=0.1)
SURNAMES = Loss(files_women=0.4, told=False, recall=(0.8, 0.98))
UNSURE = Loss(unsure=0.33, draws=20)
PEOPLE = Loss(people=0.1, asks=False, recall=(0.9, 0.9))
EVERYTHING = Loss(files_women=0.3, records=0.05, police_records=0.03, unsure=0.33, draws=20)

WORLDS = {
    "null, people alike": World(Rules(shape=math.inf)),
    "null, people differ": World(Rules()),
    "null, bursts": World(Rules(burst=0.5)),
    "null, easier people followed up": World(Rules(easier=True)),
    "null, one follow-up may serve two": World(Rules(kept=True)),
    "null, next-day and late follow-ups": World(Rules(waits=(1, 1, 1, 1, 1, 2, 4, 8, 10, 13))),
    "null, followed up less when busy, bursts": World(Rules(busy=-0.7, burst=0.5)),
    "null, cancelled by a new crisis": World(Rules(waits=(4, 5, 6), burst=1.0)),
    "null, hidden spells": World(Rules(spells=True)),
    "null, missed more in spells": World(Rules(spells=True, in_spell=-1.0)),
    "null, chosen by the rule": World(Rules(**CHOSEN)),
    "null, chosen, rates step down": World(Rules(**CHOSEN, step=0.6)),
    "null, women followed up less": World(Rules(women_odds=-0.8)),
    "null, a few of other sex": World(Rules(other_sex=0.04)),
    "null, files lost, known": World(Rules(), FILES),
    "null, women's files lost, recall told": World(Rules(), SURNAMES),
    "null, all losses at once, known": World(Rules(), EVERYTHING),
    "1.7, people alike": World(Rules(ratio=1.7, shape=math.inf)),
    "1.7, people differ": World(Rules(ratio=1.7)),
    "1.7, bursts": World(Rules(ratio=1.7, burst=0.5)),
    "1.7, easier people followed up": World(Rules(ratio=1.7, easier=True)),
    "1.7, one follow-up may serve two": World(Rules(ratio=1.7, kept=True)),
    "1.7, next-day and late follow-ups": World(Rules(ratio=1.7, waits=(1, 1, 1, 1, 1, 2, 4, 8, 10, 13))),
    "1.7, hidden spells": World(Rules(ratio=1.7, spells=True)),
    "1.7, met more in spells": World(Rules(ratio=1.7, spells=True, in_spell=1.0)),
    "1.7, chosen by the rule": World(Rules(ratio=1.7, **CHOSEN)),
    "2.2 of women, 1.2 of men": World(Rules(ratio=1.2, women_ratio=2.2)),
    "1.7, files lost, known": World(Rules(ratio=1.7), FILES),
    "1.7, records lost, known": World(Rules(ratio=1.7), RECORDS),
    "1.7, women's files lost, recall told": World(Rules(ratio=1.7), SURNAMES),
    "1.7, a third of links unsure": World(Rules(ratio=1.7), UNSURE),
    "1.7, people lost, recall told": World(Rules(ratio=1.7), PEOPLE),
    "1.7, all losses at once, known": World(Rules(ratio=1.7), EVERYTHING),
    "eight junctures, one real, one harmful": World(Rules(ratio=1.7, eight=True)),
}
