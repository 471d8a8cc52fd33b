"""From the raw records of ``run.py`` to results.csv, junctures.csv and the tables of the README.

    python studies/calibration/table.py DIR

Every figure of the csv files has its Monte Carlo error beside it (``_mc``): of a mean its standard error, of a share p
over R replicates the root of p (1 - p) / R with two successes and two failures added, so that it is not 0 where nothing
happened. The tables stand in the README between the marks ``<!-- name -->`` and ``<!-- end of name -->``.
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ground import HERE
from lives import CLINICIAN, HARMFUL, REAL, STREAMS
from worlds import WORLDS, Rules

from juncture.analyst.findings.verdicts import BIAS_FACTOR, FALSE_DISCOVERIES, LEAST_PEOPLE
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE

NAN = math.nan
EIGHT = "eight junctures, one real, one harmful"
INTERACTION = "hazard_ratio"
#: Coverage that is asked of 95 % intervals, most false verdicts, and how near avoidable crises must be.
COVER, MOST_FALSE, NEAR, TOP3 = (0.93, 0.97), 0.05, 0.15, 0.8
Record = Mapping[str, object]
Key = tuple[str, int]


@dataclass(frozen=True)
class Figure:
    """A value with its Monte Carlo error."""

    value: float
    error: float


def mean(values: Iterable[float]) -> Figure:
    """Mean of what is known."""
    known = np.array([v for v in values if v is not None and math.isfinite(v)], dtype=np.float64)
    if known.size < 2:
        return Figure(float(known.mean()) if known.size else NAN, NAN)
    return Figure(float(known.mean()), float(known.std(ddof=1) / math.sqrt(known.size)))


def geometric(values: Iterable[float]) -> Figure:
    """Geometric mean; the error is that of the logarithm times the value."""
    logs = mean(math.log(v) for v in values if v is not None and v > 0)
    return Figure(math.exp(logs.value), math.exp(logs.value) * logs.error)


def share(flags: Iterable[bool]) -> Figure:
    """Share of true ones."""
    told = list(flags)
    if not told:
        return Figure(NAN, NAN)
    near = (sum(told) + 2) / (len(told) + 4)
    return Figure(sum(told) / len(told), math.sqrt(near * (1 - near) / len(told)))


def cover(intervals: Iterable[Sequence[float]], truth: float, *, least: int = 50) -> Figure:
    """Share of the intervals (value, low, high, p) that hold the truth, of those that there are; empty below ``least``,
    or where the truth is not one number."""
    known = [low <= truth <= high for _, low, high, _ in intervals if math.isfinite(low) and math.isfinite(high)]
    return share(known) if len(known) >= least and math.isfinite(truth) else Figure(NAN, NAN)


def read(folder: Path) -> dict[Key, list[Record]]:
    """The records by world and number of people, in order of replicates, each once."""
    found: dict[Key, dict[int, Record]] = defaultdict(dict)
    for path in sorted((folder / "raw").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            found[record["world"], record["people"]][record["replicate"]] = record
    order = {name: number for number, name in enumerate(WORLDS)}
    keys = sorted(found, key=lambda key: (order[key[0]], key[1]))
    return {key: [found[key][r] for r in sorted(found[key])] for key in keys}


def alike(rules: Rules) -> Callable[[str], bool]:
    """Which measures of women beside men are alike in a world, so that a difference would be false."""
    if rules.women_ratio is not None:
        return lambda measure: False
    if rules.women_odds and rules.ratio != 1:
        return lambda measure: measure.startswith(INTERACTION)
    if rules.women_odds:
        moved = ("clinic_contacts", "follow_ups", "missed_share", "share:crisis_to_follow_up")
        return lambda measure: not measure.startswith(moved)
    return lambda measure: True


def of_juncture(records: Sequence[Record], juncture: str, stratum: str = "all") -> list[Record]:
    """What each replicate says of a juncture in a stratum."""
    return [j for r in records for j in r["junctures"] if j["juncture"] == juncture and j["stratum"] == stratum]


def strong(row: Record) -> bool:
    """Whether it would be supported if nobody asked the placebo."""
    enough = row["informative"] >= SMALLEST_INFORMATIVE and min(row["people_missed"], row["people_met"]) >= LEAST_PEOPLE
    return bool(enough and row["q_value"] <= FALSE_DISCOVERIES and row["ratio"][1] > BIAS_FACTOR)


def planted(name: str, juncture: str, stratum: str = "all") -> float:
    """The planted ratio; NaN of all people where it is not the same for women and men."""
    rules = WORLDS[name].rules
    if juncture == REAL:
        if rules.women_ratio is None or stratum == "men":
            return rules.ratio
        return rules.women_ratio if stratum == "women" else NAN
    return STREAMS[juncture].ratio if juncture in STREAMS else 1.0


def juncture_figures(name: str, juncture: str, records: Sequence[Record]) -> dict[str, Figure]:
    """Figures of one juncture in a world."""
    rows = of_juncture(records, juncture)
    ratio_true = planted(name, juncture)
    settled = sum(row["settled"] for row in rows)
    share_true = sum(row["missed"] for row in rows) / settled if settled else NAN
    expected = mean(row["expected"] for row in rows)
    avoidable = mean(row["avoidable"][0] for row in rows)
    return {
        "informative": mean(row["informative"] for row in rows),
        "without_interval": share(not math.isfinite(row["ratio"][1]) for row in rows),
        "ratio_true": Figure(ratio_true, 0.0),
        "ratio": geometric(row["ratio"][0] for row in rows),
        "ratio_cover": cover((row["ratio"] for row in rows), ratio_true),
        "ratio_corrected": geometric(row["ratio_corrected"] for row in rows),
        "placebo": geometric(row["placebo"][0] for row in rows),
        "placebo_low": share(row["placebo"][2] < 1 for row in rows),
        "placebo_high": share(row["placebo"][1] > 1 for row in rows),
        "supported": share(row["verdict"] == "supported" for row in rows),
        "harmful": share(row["verdict"] == "harmful" for row in rows),
        "strong": share(strong(row) for row in rows),
        "share_true": Figure(share_true, 0.0),
        "share": mean(row["share"][0] for row in rows),
        "share_cover": cover((row["share"] for row in rows), share_true),
        "share_refused": share(not math.isfinite(row["share"][0]) for row in rows),
        "seen": mean(row["seen"][0] for row in rows),
        "seen_cover": cover((row["seen"] for row in rows), share_true),
        "avoidable_true": expected,
        "avoidable_paired": mean(row["paired"] for row in rows),
        "avoidable": avoidable,
        "avoidable_off": Figure(
            avoidable.value / expected.value - 1 if expected.value else NAN,
            math.hypot(avoidable.error, expected.error) / abs(expected.value) if expected.value else NAN,
        ),
        "avoidable_cover": cover((row["avoidable"] for row in rows), expected.value),
        "averted": mean(row["averted"] for row in rows),
        "top3": share(row["rank"] is not None and row["rank"] <= 3 for row in rows),
        "prob_top3": mean(row["prob_top3"] for row in rows),
    }


def world_figures(name: str, records: Sequence[Record]) -> dict[str, Figure]:
    """Figures of a world: of the follow-up of co-responses, of women and men, and of the cohorts."""
    figures = juncture_figures(name, REAL, records)
    for stratum in ("women", "men"):
        rows = of_juncture(records, REAL, stratum)
        settled = sum(row["settled"] for row in rows)
        true = sum(row["missed"] for row in rows) / settled if settled else NAN
        figures[f"share_cover_{stratum}"] = cover((row["share"] for row in rows), true)
        figures[f"ratio_{stratum}"] = geometric(row["ratio"][0] for row in rows)
        figures[f"ratio_cover_{stratum}"] = cover((row["ratio"] for row in rows), planted(name, REAL, stratum))
    same = alike(WORLDS[name].rules)

    def claims(of_interaction: bool, beyond_links: bool) -> Figure:
        """Replicates that claim a difference, in measures that are alike."""

        def claimed(row: Sequence[object]) -> bool:
            _, _, _, _, _, q_value, low, high = row
            return bool(q_value <= FALSE_DISCOVERIES and not (beyond_links and low <= 1 <= high))

        mine = [
            [g for g in r["gender"] if g[0].startswith(INTERACTION) == of_interaction and same(g[0])] for r in records
        ]
        return share(any(claimed(g) for g in rows) for rows in mine) if any(mine) else Figure(NAN, NAN)

    figures["differ"] = claims(False, False)
    figures["differ_beyond_links"] = claims(False, True)
    figures["interaction"] = claims(True, False)
    figures["interaction_beyond_links"] = claims(True, True)
    between = [g for r in records for g in r["gender"] if g[0] == f"{INTERACTION}:{REAL}"]
    figures["interaction_ratio"] = geometric(g[1] for g in between)
    truth = planted(name, REAL, "women") / planted(name, REAL, "men")
    figures["interaction_cover"] = cover((g[1:5] for g in between), truth)
    figures["interaction_found"] = share(g[4] is not None and g[4] <= 0.05 for g in between)
    figures["cohort"] = mean(r["cohort"] for r in records)
    figures["rate"] = mean(r["rate"] for r in records)
    figures["rate_before"] = mean(r["rate_before"] for r in records)
    falls = [f for r in records for f in r["falls"] if f[0] == "police"]
    figures["fall"] = mean(observed[0] for _, observed, _, _ in falls)
    figures["fall_not_told"] = share(not math.isfinite(expected[0]) for _, _, expected, _ in falls)
    for place, way in ((2, "fall_expected"), (3, "fall_lagged")):
        figures[way] = mean(f[place][0] for f in falls)
        figures[f"{way}_cover"] = cover((f[place] for f in falls), figures["fall"].value)
    if name == EIGHT:
        nulls = [j for j in (CLINICIAN, *STREAMS) if j != HARMFUL]
        verdicts = [{j["juncture"]: j["verdict"] for j in r["junctures"] if j["stratum"] == "all"} for r in records]
        figures["null_supported"] = share(any(v[j] == "supported" for j in nulls) for v in verdicts)
        figures["null_harmful"] = share(any(v[j] == "harmful" for j in nulls) for v in verdicts)
    return figures


def write(path: Path, rows: Sequence[tuple[dict[str, object], dict[str, Figure]]]) -> None:
    """A csv file of figures, each with its error."""
    names = list(dict.fromkeys(name for _, figures in rows for name in figures))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0][0], *(part for name in names for part in (name, f"{name}_mc"))])
        for head, figures in rows:
            told = [figures.get(name, Figure(NAN, NAN)) for name in names]
            writer.writerow([*head.values(), *(_text(x) for f in told for x in (f.value, f.error))])


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def percent(figure: Figure) -> str:
    """A share with its error in percent."""
    return "" if math.isnan(figure.value) else f"{100 * figure.value:.1f} ({100 * figure.error:.1f})"


def number(figure: Figure) -> str:
    """A number with its error."""
    return "" if math.isnan(figure.value) else f"{figure.value:.1f} ({figure.error:.1f})"


def ratio(figure: Figure) -> str:
    """A ratio with its error."""
    return "" if math.isnan(figure.value) else f"{figure.value:.2f} ({figure.error:.2f})"


def plain(digits: int) -> Callable[[Figure], str]:
    """A number without its error."""
    return lambda figure: "" if math.isnan(figure.value) else f"{figure.value:.{digits}f}"


Columns = Sequence[tuple[str, str, Callable[[Figure], str]]]
EFFECT: Columns = (
    ("inform.", "informative", plain(0)),
    ("no interval %", "without_interval", percent),
    ("ratio", "ratio", ratio),
    ("cover %", "ratio_cover", percent),
    ("placebo", "placebo", ratio),
    ("below 1 %", "placebo_low", percent),
    ("above 1 %", "placebo_high", percent),
    ("supported %", "supported", percent),
    ("harmful %", "harmful", percent),
    ("without placebo %", "strong", percent),
)
COUNTS: Columns = (
    ("missed true %", "share_true", lambda f: plain(1)(Figure(100 * f.value, 0))),
    ("missed %", "share", percent),
    ("cover %", "share_cover", percent),
    ("avoidable true", "avoidable_true", number),
    ("paired", "avoidable_paired", number),
    ("avoidable", "avoidable", number),
    ("off %", "avoidable_off", percent),
    ("cover %", "avoidable_cover", percent),
    ("averted", "averted", number),
)
LINKS: Columns = (
    ("missed true %", "share_true", lambda f: plain(1)(Figure(100 * f.value, 0))),
    ("seen %", "seen", percent),
    ("cover %", "seen_cover", percent),
    ("corrected %", "share", percent),
    ("cover %", "share_cover", percent),
    ("women %", "share_cover_women", percent),
    ("men %", "share_cover_men", percent),
    ("ratio", "ratio", ratio),
    ("cover %", "ratio_cover", percent),
    ("corrected", "ratio_corrected", ratio),
)
GENDER: Columns = (
    ("false difference %", "differ", percent),
    ("beyond the links %", "differ_beyond_links", percent),
    ("false interaction %", "interaction", percent),
    ("beyond the links %", "interaction_beyond_links", percent),
    ("women's ratio", "ratio_women", ratio),
    ("cover %", "ratio_cover_women", percent),
    ("men's ratio", "ratio_men", ratio),
    ("cover %", "ratio_cover_men", percent),
    ("interaction", "interaction_ratio", ratio),
    ("cover %", "interaction_cover", percent),
    ("p < .05 %", "interaction_found", percent),
)
JUNCTURES: Columns = (
    ("planted", "ratio_true", plain(2)),
    ("inform.", "informative", plain(0)),
    ("ratio", "ratio", ratio),
    ("cover %", "ratio_cover", percent),
    ("supported %", "supported", percent),
    ("harmful %", "harmful", percent),
    ("avoidable true", "avoidable_true", number),
    ("avoidable", "avoidable", number),
    ("first three %", "top3", percent),
    ("probability", "prob_top3", ratio),
)
RATES: Columns = (
    ("chosen", "cohort", plain(0)),
    ("crises a year before", "rate_before", ratio),
    ("after", "rate", ratio),
    ("fell %", "fall", percent),
    ("expected %", "fall_expected", percent),
    ("cover %", "fall_expected_cover", percent),
    ("none told %", "fall_not_told", percent),
    ("by the year before %", "fall_lagged", percent),
    ("cover %", "fall_lagged_cover", percent),
)


def lines(heads: Sequence[str], rows: Iterable[tuple[Sequence[object], Mapping[str, Figure]]], columns: Columns) -> str:
    """A table."""
    told = ["| " + " | ".join([*heads, *(title for title, _, _ in columns)]) + " |"]
    told.append("|---|" + "--:|" * (len(heads) + len(columns) - 1))
    for head, figures in rows:
        cells = [str(h) for h in head] + [form(figures[name]) for _, name, form in columns]
        told.append("| " + " | ".join(cells) + " |")
    return "\n".join(told)


def targets(figures: Mapping[Key, dict[str, Figure]], eight: Mapping[tuple[str, int], dict[str, Figure]]) -> str:
    """Each target beside what was measured; a row misses where it is outside by more than two Monte Carlo errors."""
    told = ["| target | rows | mean | lowest | highest | outside | of them by more than two errors |"]
    told.append("|---|--:|--:|--:|--:|--:|---|")

    def add(target: str, name: str, low: float, high: float, rows: Mapping[Key, Mapping[str, Figure]]) -> None:
        known = {key: row[name] for key, row in rows.items() if math.isfinite(row[name].value)}
        if not known:
            return
        values = [f.value for f in known.values()]
        outside = {k: max(low - f.value, f.value - high) for k, f in known.items() if not low <= f.value <= high}
        clear = [f"{k[0]}, {k[1]}: {100 * known[k].value:.1f}" for k, by in outside.items() if by > 2 * known[k].error]
        parts = [f"{100 * x:.1f}" for x in (np.mean(values), min(values), max(values))]
        told.append(f"| {target} | {len(known)} | {' | '.join(parts)} | {len(outside)} | {'; '.join(clear)} |")

    false = {k: f for k, f in figures.items() if k[0].startswith("null")}
    real = {k: f for k, f in figures.items() if not k[0].startswith("null")}
    add("ratio's interval holds the truth in 93-97 %", "ratio_cover", *COVER, figures)
    add("missed share's interval, 93-97 %", "share_cover", *COVER, figures)
    add("avoidable crises' interval, 93-97 %", "avoidable_cover", *COVER, figures)
    add("avoidable crises off by at most 15 %", "avoidable_off", -NEAR, NEAR, real)
    add("false `supported` in a null world, at most 5 %", "supported", 0, MOST_FALSE, false)
    add("false `harmful` in a null world, at most 5 %", "harmful", 0, MOST_FALSE, false)
    add("false difference between women and men, at most 5 %", "differ", 0, MOST_FALSE, figures)
    add("the same beyond what the links may have done", "differ_beyond_links", 0, MOST_FALSE, figures)
    add("false interaction, at most 5 %", "interaction", 0, MOST_FALSE, figures)
    null = {k: f for k, f in eight.items() if k[0] not in (REAL, HARMFUL)}
    add("six null junctures: each falsely `supported`, at most 5 %", "supported", 0, MOST_FALSE, null)
    several = {k: f for k, f in figures.items() if k[0] == EIGHT}
    add("six null junctures: any falsely `supported`, at most 5 %", "null_supported", 0, MOST_FALSE, several)
    best = {k: f for k, f in eight.items() if k == (REAL, 100)}
    add("the real one of eight in the first three, 100 people, at least 80 %", "top3", TOP3, 1, best)
    return "\n".join(told)


def main(folder: Path) -> None:
    """Write the csv files and fill the README."""
    records = read(folder)
    figures = {key: world_figures(key[0], own) for key, own in records.items()}
    heads = {key: {"world": key[0], "people": key[1], "replicates": len(own)} for key, own in records.items()}
    write(HERE / "results.csv", [(heads[key], figures[key]) for key in figures])
    several = {key: own for key, own in records.items() if key[0] == EIGHT}
    names = (REAL, CLINICIAN, *STREAMS)
    eight = {(j, n): juncture_figures(EIGHT, j, own) for j in names for (_, n), own in several.items()}
    if eight:
        head = [{"juncture": j, "people": n, "replicates": len(several[EIGHT, n])} for j, n in eight]
        write(HERE / "junctures.csv", list(zip(head, eight.values(), strict=True)))
    rows = list(figures.items())
    lossy = [(key, f) for key, f in rows if "lost" in key[0] or "unsure" in key[0] or "losses" in key[0]]
    women = [(key, f) for key, f in rows if key[0] != EIGHT]
    chosen = [(key, f) for key, f in rows if "chosen" in key[0]]
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    counts = sorted({len(own) for own in records.values()})
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    changed = "; files differed from it" if about["changed"] not in ("", "unknown") else ""
    made = (
        f"    {about['command']}\n    python studies/calibration/table.py DIR\n\n"
        f"{span} replicates a world and number of people, {sum(len(own) for own in records.values())} cohorts; commit "
        f"`{about['commit'][:12]}`{changed}, code `{about['code']}`, Python {about['python']}."
    )
    heading = ("world", "people")
    told = {
        "made": made,
        "targets": targets(figures, eight),
        "effect": lines(heading, rows, EFFECT),
        "counts": lines(heading, rows, COUNTS),
        "links": lines(heading, lossy, LINKS),
        "gender": lines(heading, women, GENDER),
        "junctures": lines(("juncture", "people"), list(eight.items()), JUNCTURES),
        "rates": lines(heading, chosen, RATES),
    }
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, part in told.items():
        between = re.compile(f"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not between.search(text):
            raise SystemExit(f"README.md has no place for {name}")
        text = between.sub(lambda m, part=part: f"{m[1]}{part}\n{m[2]}", text)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
