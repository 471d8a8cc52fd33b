"""Splink 5 on the same people in clear text, set up as its documentation advises for linking two files.

Names: ``NameComparison`` (Jaro-Winkler, with term frequencies); birth date: ``DateOfBirthComparison``; the rest by edit
distance or equality, with term frequencies where values are shared. The prior comes from deterministic rules with a
guessed recall of 0.7 (rules and figure of the documentation's tutorial), u from random pairs, m from EM in two
sessions. Up to 1.5 million pairs all are scored; otherwise those that agree in a name, the birth date, the address or a
number. On development data ``ForenameSurnameComparison`` in place of the two was tried: it did
worse without the truth.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from benchmarks.linkage.datasets import Dataset, most_complete, with_dates
from benchmarks.linkage.scores import best_by_people
from numpy.typing import NDArray
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

ALL_PAIRS = 1_500_000
#: Pairs less probable than this are not kept: no threshold that is best for F1 lies there.
LEAST = 0.001
_COMPARISONS: dict[str, Any] = {
    "middle_name": lambda: cl.CustomComparison(
        output_column_name="middle_name",
        comparison_levels=[
            cll.NullLevel("middle_name"),
            cll.ExactMatchLevel("middle_name"),
            cll.JaroWinklerLevel("middle_name", 0.88),
            cll.ExactMatchLevel("substr(middle_name,1,1)"),
            cll.ElseLevel(),
        ],
    ),
    "birth_date": lambda: cl.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"),
    "sex": lambda: cl.ExactMatch("sex"),
    "address": lambda: cl.JaroWinklerAtThresholds("address", [0.95, 0.85]).configure(term_frequency_adjustments=True),
    "street_number": lambda: cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
    "street": lambda: cl.JaroWinklerAtThresholds("street", [0.92, 0.8]).configure(term_frequency_adjustments=True),
    "suburb": lambda: cl.JaroWinklerAtThresholds("suburb", [0.92, 0.8]).configure(term_frequency_adjustments=True),
    "zip": lambda: cl.DamerauLevenshteinAtThresholds("zip", [1, 2]).configure(term_frequency_adjustments=True),
    "phone": lambda: cl.DamerauLevenshteinAtThresholds("phone", [1, 2]),
    "ssn4": lambda: cl.DamerauLevenshteinAtThresholds("ssn4", [1]),
}  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """Pairs of people ``i``, ``j``, their probability and match weight (log2, which does not run into 1)."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    probability: NDArray[np.float64]
    weight: NDArray[np.float64]
    seconds: float


def link_dataset(data: Dataset, *, all_spellings: bool) -> Scored:
    """Score ``data``: every spelling a record and a pair of people by its best records, or the most complete record of
    each person only."""
    begun = time.perf_counter()
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    sides = [with_dates(table) for table in (data.a, data.b)]
    if not all_spellings:
        sides = [most_complete(table, data.clear) for table in sides]
    connection = duckdb.connect(":memory:")
    api = DuckDBAPI(connection=connection)
    tables = []
    for name, table in zip(("a", "b"), sides, strict=True):
        connection.register(f"in_{name}", _columns(table, data.clear))
        connection.execute(f"CREATE TABLE file_{name} AS SELECT * FROM in_{name}")
        tables.append(api.register(f"file_{name}", dataset_display_name=name))
    rows = sides[0].num_rows * sides[1].num_rows
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.NameComparison("first_name"),
            cl.NameComparison("last_name"),
            *(_COMPARISONS[name]() for name in data.clear if name in _COMPARISONS),
        ],
        blocking_rules_to_generate_predictions=["1=1"] if rows <= ALL_PAIRS else _blocks(data.clear),
        retain_matching_columns=False,
    )
    linker = Linker(tables, settings, log_level=None)
    _train(linker)
    predicted = linker.inference.predict(threshold_match_probability=LEAST, warning_mode="never")
    found = connection.execute(
        "SELECT unique_id_l, unique_id_r, source_dataset_l, match_probability, match_weight "
        f"FROM {predicted.physical_name} ORDER BY ALL"
    ).fetchnumpy()
    connection.close()
    left, right = (np.asarray(found[f"unique_id_{side}"], np.int64) for side in "lr")
    turned = np.asarray(found["source_dataset_l"]) == "b"
    left, right = np.where(turned, right, left), np.where(turned, left, right)
    person = [table["person"].to_numpy().astype(np.int64) for table in sides]
    weight = np.asarray(found["match_weight"], np.float64)
    i, j, best = best_by_people(person[0][left], person[1][right], weight)
    return Scored(i, j, 1 / (1 + np.exp2(-np.clip(best, -500, 500))), best, time.perf_counter() - begun)


def _columns(table: pa.Table, clear: tuple[str, ...]) -> pa.Table:
    kept = table.select(list(clear))
    return kept.append_column("unique_id", pa.array(np.arange(table.num_rows)))


def _blocks(clear: tuple[str, ...]) -> list[Any]:
    rules: list[Any] = [block_on("last_name"), block_on("first_name"), block_on("birth_date")]
    rules += [block_on(name) for name in ("address", "phone") if name in clear]
    rules += [block_on("substr(last_name,1,3)", "substr(birth_date,1,4)"), block_on("substr(first_name,1,3)",
              "substr(birth_date,6,5)")]  # fmt: skip
    if "street" in clear:
        rules += [block_on("street_number", "street"), block_on("zip", "substr(last_name,1,2)")]
    return [*rules, "l.first_name = r.last_name and l.last_name = r.first_name"]


def _train(linker: Linker) -> None:
    training = linker.training
    rules = [
        block_on("first_name", "last_name", "birth_date"),
        "l.first_name = r.first_name and levenshtein(l.birth_date, r.birth_date) <= 1",
        "l.last_name = r.last_name and levenshtein(l.birth_date, r.birth_date) <= 1",
    ]
    for attempt in (
        lambda: training.estimate_probability_two_random_records_match(rules, recall=0.7),
        lambda: training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1),
        lambda: training.estimate_parameters_using_expectation_maximisation(block_on("birth_date")),
        lambda: training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "last_name")),
    ):
        # With few people a step may have no pair to learn from; then Splink's defaults stand, as they would for a user.
        try:
            attempt()
        except Exception as error:
            logging.getLogger("benchmark").debug("a training step had nothing to learn from: %s", type(error).__name__)
