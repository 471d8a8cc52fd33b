"""The one place where Splink is touched: spellings in, scored pairs out.

Splink (Fellegi-Sunter, EM, term frequencies; Linacre et al. 2022) runs on a DuckDB of its own in memory, which spills
only into a private folder and fetches no extension. What we add around it:

- u from a fixed sample of random pairs and m from Splink's EM are drawn towards the priors of ``comparisons`` by
  Dirichlet counts, so that a small file is steady and a large one speaks for itself;
- the prior share of matches is the fixed point of "the scores sum to the expected number of matches", so that no
  recall of a deterministic rule has to be guessed;
- agreement inside a household (last name and address) is discounted for what kin share anyway.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from juncture.agency.people.comparisons import (
    BLOCKS,
    COMPARISONS,
    CONFLICT,
    KIN,
    REFINEMENTS,
    TERM_FREQUENCIES,
    Comparison,
)
from juncture.base.files import empty_dir, private_dir
from juncture.base.report import Progress

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

RANDOM_PAIRS = 100_000
NAMESAKE_PAIRS = 30_000
PRIOR_COUNT = 60.0
#: Below as many likely matching pairs EM has nothing to learn from, and the priors stand.
EM_NEEDS = 100
EM_PAIRS = 1_000_000
#: Pairs scored below this are dropped: thousands of them together do not make one expected match.
LEAST_PROBABILITY = 1e-3
#: Splink's match weight (log2 odds under ``_FIRST_SHARE``) below which a pair is not looked at further.
LEAST_WEIGHT = -12
#: A rule brings together about so many pairs a spelling, or so many in all if that is more; its largest blocks are
#: split until it does, since the pairs of a block grow with the square of the file.
PAIRS_EACH, PAIRS_AT_LEAST = 3, 2_000_000
_TERM_PRIOR_COUNT = 400.0
_FIRST_SHARE = 1e-4
#: Words of the error that Splink raises for a level that no match has.
_NO_SHARE = "is below the minimum allowed"
_PRIOR_PAIRS = 1_000.0


@dataclass(frozen=True)
class OverCap:
    """Blocks of one rule that held more spellings than the cap, or more pairs than the size of the file, allows.

    ``split`` blocks were divided by a further field; ``dropped`` blocks (with ``spellings`` in them) were still too
    large, so that their pairs were compared only where another rule brings them together.
    """

    rule: str
    split: int
    dropped: int
    spellings: int


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of spellings, ``left < right``, sorted, each with its probability of being one person (float64) and
    whether something in them speaks of two people (bool)."""

    left: IntArray
    right: IntArray
    probability: FloatArray
    conflict: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.left)

    def take(self, keep: npt.NDArray[np.bool_]) -> ScoredPairs:
        """Some of the pairs."""
        return ScoredPairs(self.left[keep], self.right[keep], self.probability[keep], self.conflict[keep])

    def plus(self, other: ScoredPairs) -> ScoredPairs:
        """These pairs, then others."""
        return ScoredPairs(
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.probability, other.probability]),
            np.concatenate([self.conflict, other.conflict]),
        )


class PairScorer:
    """Scores pairs of the spellings it was opened with; see :func:`open_scorer`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, count: int, cap: int, progress: Progress) -> None:
        self._con, self._count, self._progress = connection, count, progress
        self._api = DuckDBAPI(connection=connection)
        self.over_cap = _cap_blocks(connection, cap)
        self.pairs_compared = 0
        _term_frequencies(connection)
        self._trained = [c.with_priors() for c in COMPARISONS]
        self._prior_log_odds = 0.0

    def score(self) -> ScoredPairs:
        """Train on the spellings, then score all pairs that some blocking rule brings together."""
        if self._count < 2:
            return _no_pairs()
        self._progress("learning what agreement is worth", 0, 3)
        self._learn_u()
        self._progress("learning what agreement is worth", 1, 3)
        self._learn_m()
        self._progress("scoring pairs", 2, 3)
        linker = self._linker(self._trained)
        blocked = linker.inference.compute_blocked_pairs_for_predict()
        self.pairs_compared = self._one(f"SELECT count(*) FROM {blocked.physical_name}")
        predicted = linker.inference.predict(threshold_match_weight=LEAST_WEIGHT, warning_mode="never")
        scored = self._fetch(predicted.physical_name, LEAST_WEIGHT)
        self._prior_log_odds = _self_consistent_prior(scored[2], self._count)
        pairs = self._judged(*scored, LEAST_PROBABILITY)
        self._progress("scoring pairs", 3, 3)
        return pairs

    def score_these(self, left: IntArray, right: IntArray) -> ScoredPairs:
        """Probabilities of given pairs (each ``left < right``) under the model that ``score`` has learnt."""
        if not len(left):
            return _no_pairs()
        linker = self._linker(self._trained)
        linker.table_management.register_blocked_pairs_for_predict(self._pair_table(left, right))
        predicted = linker.inference.predict(warning_mode="never")
        self.pairs_compared += len(left)
        return self._judged(*self._fetch(predicted.physical_name, None), 0.0)

    def _learn_u(self) -> None:
        self._con.execute(f"CREATE TABLE random_pairs AS {_numbered_pairs_sql()}", list(_random_pairs(self._count)))
        self._con.execute(
            "CREATE TABLE namesakes AS SELECT a.id AS id_l, b.id AS id_r FROM spellings a JOIN spellings b "
            "ON a.last_name = b.last_name AND a.id < b.id "
            f"WHERE hash(a.id::bigint * 7919 + b.id) % 1000 < {self._namesake_share()}"
        )
        for pairs, given_last_name in (("random_pairs", False), ("namesakes", True)):
            values, counts = self._patterns(pairs)
            learnt = u_among_strangers(self._trained, values, counts)
            self._trained = [
                new if c.given_last_name == given_last_name else c for c, new in zip(self._trained, learnt, strict=True)
            ]
        self._con.execute("DROP TABLE random_pairs; DROP TABLE namesakes")

    def _namesake_share(self) -> int:
        """How many in a thousand of the pairs with equal last names make about ``NAMESAKE_PAIRS``."""
        pairs = self._one(
            "SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM spellings "
            "WHERE last_name IS NOT NULL GROUP BY last_name)"
        )
        return max(1, min(1000, 1000 * NAMESAKE_PAIRS // max(pairs, 1)))

    def _learn_m(self) -> None:
        likely = self._one(
            "SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM spellings WHERE last_name IS NOT "
            "NULL AND first_name IS NOT NULL AND birth_year IS NOT NULL GROUP BY last_name, first_name, birth_year)"
        )
        if likely < EM_NEEDS:
            return
        passes = []
        for columns in (("last_name", "first_name"), ("birth_year", "birth_month", "birth_day")):
            known = " AND ".join(f"{name} IS NOT NULL" for name in columns)
            if self._one(
                f"SELECT count(*) FROM (SELECT 1 FROM spellings WHERE {known} GROUP BY {', '.join(columns)} "
                "HAVING count(*) > 1)"
            ):
                passes.append(columns)
        while passes:
            linker = self._linker(self._trained)
            failed = next((columns for columns in passes if not _em(linker, columns)), None)
            if failed is None:
                break
            passes.remove(failed)
        else:
            return
        model = {c["output_column_name"]: c for c in linker.misc.save_model_to_json()["comparisons"]}
        self._trained = [c.with_m(_m_of(model[c.name]), float(likely), PRIOR_COUNT) for c in self._trained]

    def _linker(self, comparisons: Sequence[Comparison]) -> Linker:
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="id",
            probability_two_random_records_match=_FIRST_SHARE,
            comparisons=[c.describe() for c in comparisons],
            blocking_rules_to_generate_predictions=[block_on(f"block_{b.name}") for b in BLOCKS],
            retain_matching_columns=False,
            retain_intermediate_calculation_columns=False,
            max_iterations=20,
        )
        self._api._intermediate_table_cache.clear()
        linker = Linker(self._api.register("spellings"), settings, log_level=None, validate_settings=False)
        for name in TERM_FREQUENCIES:
            linker.table_management.register_term_frequency_lookup(self._api.register(f"tf_{name}"), name)
        return linker

    def _pair_table(self, left: IntArray, right: IntArray) -> Any:
        self._con.execute(
            f"CREATE OR REPLACE TABLE given_pairs AS SELECT '0' AS match_key, id_l AS join_key_l, id_r AS join_key_r "
            f"FROM ({_numbered_pairs_sql()})",
            [left, right],
        )
        return self._api.register("given_pairs")

    def _patterns(self, pairs: str) -> tuple[npt.NDArray[np.int8], FloatArray]:
        """``(values, counts)``: the distinct combinations of comparison values (int8[patterns, comparisons]) of
        ``pairs`` (a table of id_l, id_r) and how many pairs have each."""
        columns = ", ".join(f"({c.value_sql()})::tinyint AS v{i}" for i, c in enumerate(self._trained))
        found = self._con.execute(
            f"SELECT {columns}, count(*) AS n FROM {self._both_sides(pairs)} GROUP BY ALL ORDER BY ALL"
        ).fetchnumpy()
        values = [np.asarray(found[f"v{i}"], np.int8) for i in range(len(self._trained))]
        return np.stack(values, axis=1), np.asarray(found["n"], np.float64)

    def _both_sides(self, pairs: str) -> str:
        names = [row[0] for row in self._con.execute("DESCRIBE spellings").fetchall() if row[0] != "id"]
        sides = {
            side: "(SELECT id AS i_" + side + ", " + ", ".join(f"{n} AS {n}_{side}" for n in names) + " FROM spellings)"
            for side in "lr"
        }
        return f"{pairs} p JOIN {sides['l']} l ON p.id_l = l.i_l JOIN {sides['r']} r ON p.id_r = r.i_r"

    def _fetch(self, table: str, least: float | None) -> tuple[IntArray, IntArray, FloatArray]:
        """Pairs of a table of predictions with their bits before the prior, kin discounted, sorted; those below the
        match weight ``least`` are left out.

        The discount only ever lowers a weight, and its conditions are costly, so it is reckoned for pairs that have
        come so far.
        """
        kin = KIN.discount({c.name: c for c in self._trained})
        bits = " ".join(f"WHEN {kin.value(i)} THEN {float(np.log2(x.m / x.u))!r}" for i, x in enumerate(kin.levels))
        found = self._con.execute(
            f"SELECT l, r, w FROM (SELECT least(id_l, id_r) AS l, greatest(id_l, id_r) AS r, "
            f"match_weight + CASE {kin.value_sql()} {bits} ELSE 0.0 END AS w FROM {self._both_sides(table)}) "
            + ("" if least is None else f"WHERE w >= {least} ")
            + "ORDER BY l, r"
        ).fetchnumpy()
        prior = np.log2(_FIRST_SHARE / (1 - _FIRST_SHARE))
        return np.asarray(found["l"], np.int32), np.asarray(found["r"], np.int32), np.asarray(found["w"]) - prior

    def _judged(self, left: IntArray, right: IntArray, bits: FloatArray, least: float) -> ScoredPairs:
        """The pairs whose probability is at least ``least``, with their conflicts."""
        # Rounded, since sums over threads differ in their last digits and equal scores must stay equal.
        probability = np.round(_probability(bits + self._prior_log_odds), 9)
        keep = probability >= least
        left, right, probability = left[keep], right[keep], probability[keep]
        self._con.execute(f"CREATE OR REPLACE TABLE judged AS {_numbered_pairs_sql()}", [left, right])
        found = self._con.execute(
            f"SELECT {CONFLICT} AS c FROM {self._both_sides('judged')} ORDER BY id_l, id_r"
        ).fetchnumpy()
        return ScoredPairs(left, right, probability, np.asarray(found["c"], bool))

    def _one(self, sql: str) -> int:
        return int(self._con.execute(sql).fetchall()[0][0])


@contextmanager
def open_scorer(
    spellings: pa.Table, *, spill_dir: Path, cap: int, memory_limit: str, threads: int, progress: Progress
) -> Iterator[PairScorer]:
    """A scorer of pairs of ``spellings`` (columns of ``nodes.spelling_nodes``; ``id`` is the row number).

    ``spill_dir`` is made private, used for what exceeds ``memory_limit``, and emptied on the way out.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    empty_dir(private_dir(spill_dir))
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": str(spill_dir),
            "memory_limit": memory_limit,
            "threads": threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        connection.register("spellings_in", spellings)
        connection.execute("CREATE TABLE spellings AS SELECT * FROM spellings_in")
        connection.unregister("spellings_in")
        yield PairScorer(connection, spellings.num_rows, cap, progress)
    finally:
        connection.close()
        empty_dir(spill_dir)


def _cap_blocks(con: duckdb.DuckDBPyConnection, cap: int) -> tuple[OverCap, ...]:
    """Add a column ``block_<name>`` a rule to ``spellings``.

    The largest blocks of a rule are split by a further field, where they are over the cap or the rule would bring
    together more pairs than ``PAIRS_EACH`` a spelling; a part that is over the cap still is left out (null).
    """
    con.execute(
        "CREATE TABLE keyed AS SELECT *, "
        + ", ".join(f"{block.sql} AS block_{block.name}" for block in BLOCKS)
        + " FROM spellings"
    )
    count = int(con.execute("SELECT count(*) FROM keyed").fetchall()[0][0])
    over: list[OverCap] = []
    for block in BLOCKS:
        key, most = f"block_{block.name}", min(cap, block.most or cap)
        sizes = f"(SELECT {key} AS k, count(*) AS n FROM keyed WHERE {key} IS NOT NULL GROUP BY 1)"
        too_large = f"(SELECT k FROM {sizes} WHERE n > {min(most, _affordable(con, sizes, count))})"
        found = int(con.execute(f"SELECT count(*) FROM {too_large}").fetchall()[0][0])
        if not found:
            continue
        con.execute(
            f"UPDATE keyed SET {key} = {key} || '|' || coalesce({REFINEMENTS[block.name]}, '') "
            f"WHERE {key} IN (SELECT k FROM {too_large})"
        )
        parts, inside = con.execute(
            f"SELECT count(*), coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM keyed WHERE {key} IS NOT NULL "
            f"GROUP BY {key} HAVING count(*) > {most})"
        ).fetchall()[0]
        con.execute(f"UPDATE keyed SET {key} = NULL WHERE {key} IN (SELECT k FROM {sizes} WHERE n > {most})")
        over.append(OverCap(block.name, found, int(parts), int(inside)))
    con.execute("DROP TABLE spellings")
    con.execute("ALTER TABLE keyed RENAME TO spellings")
    return tuple(over)


def _affordable(con: duckdb.DuckDBPyConnection, sizes: str, count: int) -> int:
    """The largest size of a block such that all blocks up to it hold no more pairs than a rule may bring together.

    ``sizes``: SQL of a table with the size ``n`` of each block of the rule.
    """
    found = con.execute(f"SELECT n, count(*) * n * (n - 1) / 2 AS pairs FROM {sizes} GROUP BY n ORDER BY n").fetchall()
    most, pairs = 1, 0.0
    for size, more in found:
        pairs += more
        if pairs > max(PAIRS_AT_LEAST, PAIRS_EACH * count):
            break
        most = int(size)
    else:
        return sys.maxsize
    return most


def _term_frequencies(con: duckdb.DuckDBPyConnection) -> None:
    """A table ``tf_<name>`` a column: the share of spellings that hold a value, drawn towards the share that a value
    of that kind usually has, since in a small file every name looks common."""
    for name, usual in TERM_FREQUENCIES.items():
        con.execute(
            f"CREATE TABLE tf_{name} AS SELECT {name}, (count(*) + {_TERM_PRIOR_COUNT * usual}) / "
            f"(sum(count(*)) OVER () + {_TERM_PRIOR_COUNT}) AS tf_{name} FROM spellings "
            f"WHERE {name} IS NOT NULL GROUP BY 1"
        )


def _numbered_pairs_sql() -> str:
    """SQL that turns two parameters, arrays of equal length, into a table of ``id_l``, ``id_r``."""
    return "SELECT unnest(?::int[]) AS id_l, unnest(?::int[]) AS id_r"


def _random_pairs(count: int) -> tuple[IntArray, IntArray]:
    """All pairs of ``count`` spellings if they are few, else a fixed random sample of ``RANDOM_PAIRS`` of them."""
    if count * (count - 1) // 2 <= RANDOM_PAIRS:
        left, right = np.triu_indices(count, 1)
        return left.astype(np.int32), right.astype(np.int32)
    draw = np.random.default_rng(20261124).integers(0, count, (2, RANDOM_PAIRS), dtype=np.int32)
    draw = draw[:, draw[0] != draw[1]]
    key = np.unique(draw.min(0).astype(np.int64) * count + draw.max(0))
    return (key // count).astype(np.int32), (key % count).astype(np.int32)


def u_among_strangers(
    comparisons: Sequence[Comparison], values: npt.NDArray[np.int8], counts: FloatArray, rounds: int = 12
) -> list[Comparison]:
    """``comparisons`` with ``u`` as seen in a sample of pairs, without the matches among them.

    In a file where the same few people come back again and again, random pairs are often one person, and their
    agreement would pass for chance. EM with the priors' ``m`` held fixed weighs each pattern (``values`` int8[patterns,
    comparisons], ``counts``) by how likely it is a pair of strangers (Fellegi and Sunter 1969; Winkler 1988).
    """
    learnt, share = list(comparisons), _FIRST_SHARE
    for _ in range(rounds):
        bits = np.full(len(counts), np.log2(share / (1 - share)))
        for i, c in enumerate(learnt):
            weights = np.array([np.log2(x.m / x.u) for x in reversed(c.levels)] + [0.0])
            bits += weights[values[:, i]]
        match = _probability(bits)
        share = float(
            np.clip((match @ counts + _PRIOR_PAIRS * _FIRST_SHARE) / (counts.sum() + _PRIOR_PAIRS), 1e-9, 0.99)
        )
        strangers = (1 - match) * counts
        learnt = [
            c.with_u([float(strangers[values[:, i] == c.value(k)].sum()) for k in range(len(c.levels))], PRIOR_COUNT)
            for i, c in enumerate(comparisons)
        ]
    return learnt


def _self_consistent_prior(bits: FloatArray, count: int) -> float:
    """Prior log2 odds that two spellings are one person, such that the posteriors sum to the matches they imply."""
    pairs = count * (count - 1) / 2 + _PRIOR_PAIRS
    share = _FIRST_SHARE
    for _ in range(50):
        expected = float(_probability(bits + np.log2(share / (1 - share))).sum())
        new = (expected + _PRIOR_PAIRS * _FIRST_SHARE) / pairs
        if abs(new / share - 1) < 1e-6:
            break
        share = new
    return float(np.log2(share / (1 - share)))


def _probability(bits: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp2(-np.clip(bits, -200, 200)))


def _em(linker: Linker, columns: Sequence[str]) -> bool:
    """Learn ``m`` from pairs with equal ``columns``; False where Splink cannot, and leaves ``linker`` unusable.

    In a small file a level may be seen among strangers only; Splink stops at a share of zero.
    """
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*columns), estimate_without_term_frequencies=True, max_pairs=EM_PAIRS
        )
    except ValueError as error:
        if _NO_SHARE not in str(error):
            raise
        return False
    return True


def _no_pairs() -> ScoredPairs:
    nobody = np.zeros(0, np.int32)
    return ScoredPairs(nobody, nobody, np.zeros(0), np.zeros(0, bool))


def _m_of(comparison: dict[str, Any]) -> list[float | None]:
    return [
        level.get("m_probability") for level in comparison["comparison_levels"] if not level.get("is_null_level", False)
    ]
