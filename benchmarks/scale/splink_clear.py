"""Splink 5 on the same rows in clear text, with comparisons and blocking rules as its documentation has them.

Every spelling is a record; a pair of people is as good as its best pair of records. Blocks: those of its tutorials for
large files, an equality of two fields or of one that few people share, so that the pairs stay in the tens of millions.
F1 at p >= 0.5, and at the cut that the truth would choose.

    python splink_clear.py FOLDER RESULT.json
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import duckdb
import numpy as np
import splink.comparison_library as cl
from scoring import Clock, best_cut, scored, tell, truth_of
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

LEAST = 0.01
MEMORY = "5GB"
COLUMNS = ("last_name", "first_name", "birth_date", "sex", "address", "zip", "phone")
RULES = [
    block_on("first_name", "last_name"),
    block_on("birth_date", "last_name"),
    block_on("birth_date", "first_name"),
    block_on("phone"),
    block_on("address", "birth_date"),
    block_on("address", "first_name"),
    block_on("substr(last_name,1,3)", "substr(first_name,1,3)", "substr(birth_date,1,4)"),
    block_on("birth_date", "zip"),
    block_on("last_name", "zip", "substr(birth_date,1,4)"),
]


def main(folder: Path, result: Path) -> None:
    """Train, predict, and tell what it took."""
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    clock = Clock()
    connection = duckdb.connect(str(folder / "splink.duckdb"))
    connection.execute(f"SET memory_limit='{MEMORY}'")
    api = DuckDBAPI(connection=connection)
    tables = []
    for side in "ab":
        columns = ", ".join(f"nullif({name}, '') AS {name}" for name in COLUMNS)
        connection.execute(
            f"CREATE TABLE file_{side} AS SELECT row_number() OVER () - 1 AS unique_id, person, {columns} "
            f"FROM read_csv('{folder / f'{side}.csv'}', all_varchar=true, header=true)"
        )
        tables.append(api.register(f"file_{side}", dataset_display_name=side))
    clock.lap("read")
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("last_name").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"),
            cl.ExactMatch("sex"),
            cl.JaroWinklerAtThresholds("address", [0.95, 0.85]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("zip", [1, 2]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("phone", [1, 2]),
        ],
        blocking_rules_to_generate_predictions=RULES,
        retain_matching_columns=False,
    )
    linker = Linker(tables, settings, log_level=None)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("first_name", "last_name", "birth_date"), block_on("phone", "birth_date")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("birth_date", "last_name"))
    training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "last_name"))
    clock.lap("train")
    predicted = linker.inference.predict(threshold_match_probability=LEAST, warning_mode="never")
    turned = "source_dataset_l = 'b'"
    found = connection.execute(
        f"SELECT CAST(a.person AS BIGINT) AS i, CAST(b.person AS BIGINT) AS j, max(match_weight) AS weight FROM "
        f"(SELECT CASE WHEN {turned} THEN unique_id_r ELSE unique_id_l END AS row_a, "
        f"CASE WHEN {turned} THEN unique_id_l ELSE unique_id_r END AS row_b, match_weight "
        f"FROM {predicted.physical_name}) "
        "JOIN file_a a ON a.unique_id = row_a JOIN file_b b ON b.unique_id = row_b GROUP BY ALL ORDER BY ALL"
    ).fetchnumpy()
    clock.lap("predict")
    i, j, weight = found["i"], found["j"], np.asarray(found["weight"])
    truth = truth_of(folder)
    half, best = weight >= 0, best_cut(i, j, weight, truth)
    score = scored(i[half], j[half], truth)
    oracle = scored(i[best], j[best], truth)
    tell(result, seconds=clock.seconds, **score, best_f1=oracle["f1"], pairs=int(i.size))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
