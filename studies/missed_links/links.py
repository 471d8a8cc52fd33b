"""What linkage error does to the missed share, the ratio and the difference between women and men, and what is left of
it after the correction. The people are those of ``worlds.py`` with a ratio of 1.7; women and men are alike, so whatever
differs between them is the linkage. A row of the output is a world at a number of people:

true                       the missed share, of all replicates together
seen, seen_cover           mean of the missed share without correction, and how often its interval holds the true one
share, share_cover, width  the same with correction, and the mean width of its interval; ``seen_width`` without
refused                    share of cohorts in which nothing could be corrected
q                          mean chance that a response is seen
women_cover, men_cover     how often the corrected intervals of women and of men hold the true share
differ_seen, differ        how often women's and men's shares differ with p < .05, without and with correction
claimed                    of these, with correction: the interval from link_low to link_high does not hold 1 either
ratio_seen, ratio          geometric mean of the ratio of hazards, and of the corrected one; ``ratio_high``: of the most
                           that linkage error could have hidden; ``ratio_cover``: of the interval of the ratio seen

    PYTHONPATH=tests/analyst python studies/missed_links/links.py PEOPLE REPLICATES OUTPUT.csv [WORLD ...]
    PYTHONPATH=tests/analyst python studies/missed_links/links.py table OUTPUT.csv [OUTPUT.csv ...]

The second prints the table of the README. Replicate r of a world has the seed (PEOPLE, number of the world, r).
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from study_world import AGREEMENT, FOLLOW_UP, At, File, Member, world
from worlds import DAYS, RATIO, Lives, live

from juncture.agreement.read import parse_agreement
from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.linkage import Completeness
from juncture.analyst.findings.model import Estimate, Stratum
from juncture.analyst.statistics.misclassification import Chance
from juncture.formats.cohort import QualityRow

DRAWS = 8
WOMEN = 2 / 3


@dataclass(frozen=True)
class Loss:
    """What the linkage loses, and what is told of it.

    ``files``, ``files_women``: share of all people, and of women beyond it, from whom the second half of the clinic's
    records is in a file that nothing links. ``records``: share of single follow-ups in no file. ``people``: share of
    people who are linked to no file of the clinic; where the rule ``asks`` something of the clinic they are not in
    the cohort. ``unsure``: share of people whose file at the clinic is theirs with a chance of 0.7, which the draws
    know, and else that of somebody else.

    ``told``: the agency knows how whole its files are, with a standard error of ``error`` on the logarithm; else only
    ``recall`` is told, of women and of men.
    """

    files: float = 0.0
    files_women: float = 0.0
    records: float = 0.0
    people: float = 0.0
    asks: bool = True
    unsure: float = 0.0
    told: bool = True
    error: float = 0.02
    recall: tuple[float, float] | None = None

    def whole(self) -> dict[Stratum, float]:
        """The true chance that a record is in the joined file."""
        women, men = ((1 - files / 2) * (1 - self.records) for files in (self.files + self.files_women, self.files))
        return {Stratum.WOMEN: women, Stratum.MEN: men, Stratum.ALL: WOMEN * women + (1 - WOMEN) * men}


WORLDS = {
    "all linked, recall .97 told": Loss(told=False, recall=(0.97, 0.97)),
    "a tenth of records in lost files, known": Loss(files=0.2),
    "a tenth of records in lost files, recall .9 told": Loss(files=0.2, told=False, recall=(0.9, 0.9)),
    "a tenth of records in lost files, recall .98 told": Loss(files=0.2, told=False, recall=(0.98, 0.98)),
    "a tenth of records lost singly, known": Loss(records=0.1),
    "a tenth of people lost, rule asks of the clinic": Loss(people=0.1),
    "a tenth of people lost, rule does not ask": Loss(people=0.1, asks=False, recall=(0.9, 0.9)),
    "a third of links unsure": Loss(unsure=0.33),
    "a fifth of women's records lost, known": Loss(files_women=0.4),
    "a fifth of women's records lost, recall told": Loss(files_women=0.4, told=False, recall=(0.8, 0.98)),
    "women's records, records and unsure links, known": Loss(files_women=0.3, records=0.05, unsure=0.33),
}


def members(lives: Lives, loss: Loss, rng: np.random.Generator) -> list[Member]:
    """What the agencies' files and the links tell; whoever a draw links to nobody is not chosen in it."""
    told = []
    for person, (crises, follow_ups) in enumerate(zip(lives.crises, lives.follow_ups, strict=True)):
        woman = rng.random() < WOMEN
        sex, sex_class = ("female", 1) if woman else ("male", 0)
        kept, draws, probability, linked = follow_ups, tuple(range(DRAWS)), 1.0, rng.random() >= loss.people
        if rng.random() < loss.unsure:
            probability = 0.7
            kept = follow_ups if rng.random() < probability else lives.follow_ups[person - 1]
            draws = tuple(np.flatnonzero(rng.random(DRAWS) < probability).tolist())
        if rng.random() < loss.files + loss.files_women * woman:
            kept = [f for f in kept if f < DAYS * 2]
        kept = [f for f in kept if rng.random() >= loss.records]
        if not linked and loss.asks:
            continue
        police = [At(6 * s, "police.co_response") for s in crises]
        clinic = [At(6 * s, "clinic.follow_up") for s in kept]
        files = [File("police", police, sex=sex, draws=draws)]
        if linked:
            files.append(File("clinic", clinic, sex=sex, draws=draws, probability=probability))
        told.append(Member(files, chosen=draws, sex_class=sex_class))
    return told


def completeness(loss: Loss, rng: np.random.Generator) -> Completeness:
    """What the clinic says of its files: the truth with an error."""
    if not loss.told:
        return {}
    luck = rng.normal(0, loss.error)

    def said(true: float) -> Chance:
        return Chance(1.0) if true == 1 else Chance(min(true * math.exp(luck), 1.0), loss.error)

    return {"clinic": {stratum: said(true) for stratum, true in loss.whole().items()}}


def replicate(loss: Loss, people: int, seed: tuple[int, int, int]) -> dict[str, float]:
    """Figures of one cohort."""
    rng = np.random.default_rng(seed)
    lives = live(people, rng)
    told = members(lives, loss, rng)
    text = AGREEMENT.replace("GRAIN", "six_hours")
    if not loss.asks:
        text = text.replace("rule = { police_any = 3, clinic_any = 2 }", "rule = { police_any = 3 }")
    quality = []
    if loss.recall:
        women, men = loss.recall
        for name, recall in (("all", WOMEN * women + (1 - WOMEN) * men), ("1", women), ("0", men)):
            quality.append(QualityRow("expected_recall", name, recall, recall - 0.005, min(recall + 0.005, 1.0)))
    study = world(told, parse_agreement(text + FOLLOW_UP), draws=DRAWS, quality=quality, seed=seed[2]).study()
    found = compute_findings(study, seed=seed[2], completeness=completeness(loss, rng), resamples=DRAWS)
    everyone, women, men = found.junctures
    compared = next(g for g in found.gender if g.measure.startswith("missed_share"))
    return {
        "missed": lives.missed,
        "settled": lives.settled,
        **_three("seen", everyone.links.seen),
        **_three("share", everyone.missed_share),
        **_three("women", women.missed_share),
        **_three("men", men.missed_share),
        **_three("hazard", everyone.ratio),
        "q": everyone.links.q,
        "differ_seen": _differ(women.links.seen, men.links.seen),
        "differ": compared.ratio.p_value < 0.05,
        "claimed": compared.ratio.p_value < 0.05 and not compared.link_low <= 1 <= compared.link_high,
        "ratio": everyone.links.ratio,
        "ratio_high": everyone.links.ratio_high,
    }


def _three(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _differ(women: Estimate, men: Estimate) -> bool:
    """Whether two shares differ with p < .05, from their intervals on the logit scale."""
    at = [np.log(np.array([e.low, e.value, e.high]) / (1 - np.array([e.low, e.value, e.high]))) for e in (women, men)]
    return bool(abs(at[0][1] - at[1][1]) > np.hypot(*((a[2] - a[0]) / 2 for a in at)))


def summarise(name: str, number: int, people: int, replicates: int) -> dict[str, object]:
    """One row of the output."""
    rows = [replicate(WORLDS[name], people, (people, number, r)) for r in range(replicates)]
    told = {key: np.array([row[key] for row in rows], dtype=np.float64) for key in rows[0]}
    true = told["missed"].sum() / told["settled"].sum()

    def cover(figure: str, truth: float) -> float:
        low, high = told[f"{figure}_low"], told[f"{figure}_high"]
        known = np.isfinite(low) & np.isfinite(high)
        return float(((low <= truth) & (truth <= high))[known].mean())

    def ratio(figure: str) -> float:
        return float(np.exp(np.nanmean(np.log(told[figure]))))

    return {
        "world": name,
        "people": people,
        "replicates": replicates,
        "true": true,
        "seen": told["seen"].mean(),
        "seen_cover": cover("seen", true),
        "seen_width": np.nanmean(told["seen_high"] - told["seen_low"]),
        "share": np.nanmean(told["share"]),
        "share_cover": cover("share", true),
        "width": np.nanmean(told["share_high"] - told["share_low"]),
        "refused": np.isnan(told["share"]).mean(),
        "q": np.nanmean(told["q"]),
        "women_cover": cover("women", true),
        "men_cover": cover("men", true),
        "differ_seen": told["differ_seen"].mean(),
        "differ": told["differ"].mean(),
        "claimed": told["claimed"].mean(),
        "ratio_seen": ratio("hazard"),
        "ratio_cover": cover("hazard", RATIO),
        "ratio": ratio("ratio"),
        "ratio_high": ratio("ratio_high"),
    }


def main(people: int, replicates: int, output: Path, wanted: list[str]) -> None:
    """Write a row a world as it is done."""
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = None
        for number, name in enumerate(WORLDS):
            if wanted and name not in wanted:
                continue
            row = summarise(name, number, people, replicates)
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()


COLUMNS = {
    "true": "true %",
    "seen": "seen %",
    "seen_cover": "cover %",
    "share": "corrected %",
    "share_cover": "cover %",
    "women_cover": "women %",
    "men_cover": "men %",
    "seen_width": "width seen",
    "width": "width",
    "differ_seen": "differ, seen %",
    "differ": "differ %",
    "claimed": "claimed %",
    "ratio_seen": "ratio seen",
    "ratio_cover": "cover %",
    "ratio": "corrected",
    "ratio_high": "at most",
}


def table(outputs: list[Path]) -> str:
    """The rows of the outputs as the README shows them."""
    lines = ["| world | people | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "--:|" * (len(COLUMNS) + 1)]
    for output in outputs:
        with output.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                cells = []
                for name, title in COLUMNS.items():
                    value, percent = float(row[name]), "%" in title or "width" in title
                    digits = 1 if name in {"true", "seen", "share", "seen_width", "width"} else 0
                    cells.append(f"{100 * value:.{digits}f}" if percent else f"{value:.2f}")
                lines.append(f"| {row['world']} | {row['people']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1] == "table":
        print(table([Path(name) for name in sys.argv[2:]]))
    else:
        main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
