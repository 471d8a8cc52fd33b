"""Splink 5 as its own documentation sets it up for the records of people: in clear text, on every record.

Comparisons are those of Splink's own library with their default thresholds; blocking rules and training follow its
example "Deduplicate 50k rows historical persons", with address for its postcode and ZIP code for the postcode's area.
Two of the example's rules (area and one name) are left out: at a million contacts in 40 ZIP codes they alone would
bring together a hundred million pairs more, so that leaving them out makes Splink quicker, not slower.
"""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import splink.comparison_library as cl
from benchmarks.scale_persons.measure import Phases
from numpy.typing import NDArray
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

#: Clusters at the first are what a user without truth would take; the best of all is chosen with the truth.
THRESHOLDS = (0.95, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)

_CLEAN = """
CREATE TABLE records AS SELECT
    row_number() OVER () - 1 AS unique_id,
    lower(trim(last_name)) AS surname, lower(trim(first_name)) AS first_name,
    CASE WHEN first_name IS NOT NULL AND last_name IS NOT NULL
         THEN lower(trim(first_name)) || ' ' || lower(trim(last_name)) END AS full_name,
    lower(trim(middle_name)) AS middle_name,
    CASE WHEN birth_year IS NOT NULL AND birth_month IS NOT NULL AND birth_day IS NOT NULL
         THEN printf('%04d-%02d-%02d', birth_year, birth_month, birth_day) END AS dob,
    sex, lower(trim(address)) AS address, zip, phone, ssn4
FROM mentions
"""


def comparisons() -> list[object]:
    """A comparison a field, as the library offers it."""
    return [
        cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="full_name"),
        cl.NameComparison("middle_name"),
        cl.DateOfBirthComparison("dob", input_is_string=True),
        cl.ExactMatch("sex"),
        cl.LevenshteinAtThresholds("address", [1, 2]).configure(term_frequency_adjustments=True),
        cl.ExactMatch("zip"),
        cl.LevenshteinAtThresholds("phone", [1]),
        cl.LevenshteinAtThresholds("ssn4", [1]),
    ]


def blocking_rules() -> list[object]:
    """The pairs that are scored."""
    return [
        block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
        block_on("surname", "dob"),
        block_on("first_name", "dob"),
        block_on("address", "first_name"),
        block_on("address", "surname"),
        block_on("dob", "ssn4"),
        block_on("zip", "dob"),
        block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
    ]


def people(
    mentions: pa.Table, *, spill: Path, memory_limit: str, threads: int, phases: Phases
) -> tuple[dict[float, NDArray[np.int64]], int]:
    """``(cluster of each mention by threshold, pairs compared)``; phases end with the clusters at the first."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    connection = duckdb.connect(
        ":memory:", config={"temp_directory": str(spill), "memory_limit": memory_limit, "threads": threads}
    )
    connection.register("mentions", mentions)
    connection.execute(_CLEAN)
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons(),
        blocking_rules_to_generate_predictions=blocking_rules(),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    linker = Linker(api.register("records"), settings)
    phases.done("preparing")
    linker.training.estimate_probability_two_random_records_match(
        [block_on("first_name", "surname", "dob"), block_on("dob", "address")], recall=0.6
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "surname"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    phases.done("training")
    blocked = linker.inference.compute_blocked_pairs_for_predict()
    compared = int(connection.execute(f"SELECT count(*) FROM {blocked.physical_name}").fetchall()[0][0])
    predicted = linker.inference.predict(threshold_match_probability=min(THRESHOLDS), warning_mode="never")
    phases.done("scoring")
    found = {THRESHOLDS[0]: _clusters(linker, predicted, THRESHOLDS[0], connection)}
    phases.done("clustering")
    phases.stop()
    found |= {t: _clusters(linker, predicted, t, connection) for t in THRESHOLDS[1:]}
    connection.close()
    return found, compared


def _clusters(
    linker: Linker, predicted: object, threshold: float, connection: duckdb.DuckDBPyConnection
) -> NDArray[np.int64]:
    table = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predicted, threshold_match_probability=threshold
    )
    found = connection.execute(
        f"SELECT unique_id, cluster_id FROM {table.physical_name} ORDER BY unique_id"
    ).fetchnumpy()
    return np.asarray(found["cluster_id"], np.int64)
