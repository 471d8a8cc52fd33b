"""One measurement, as a row of the results."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.linkage.scores import Score

ONE_RECORD, ALL_SPELLINGS = "most complete record of a person", "all spellings"
OURS = {
    "field": "ours, profile field",
    "record": "ours, profile record",
    "tags": "ours, profile tags",
}
JOINT = "ours, profile field, joint contacts"
SPLINK = {kind: f"Splink in clear text, {kind}" for kind in (ONE_RECORD, ALL_SPELLINGS)}
CLK = {kind: f"clkhash + anonlink, {kind}" for kind in (ONE_RECORD, ALL_SPELLINGS)}
_MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """``size`` is "full" or the people a side of a random cut, ``cut`` its number. Shares; NaN where there is none.

    ``expected_...`` is what the linker itself expects of its links, to be held against ``people_...``, the truth in
    pairs of people (precision and recall are in pairs of records where the data are records of known people).
    """

    dataset: str
    size: str
    cut: int
    method: str
    rule: str
    links: int
    precision: float
    recall: float
    f1: float
    recall_women: float
    recall_men: float
    expected_precision: float
    expected_recall: float
    people_precision: float
    people_recall: float
    seconds: float
    peak_mib: float

    @classmethod
    def of(
        cls,
        name: str,
        method: str,
        rule: str,
        score: Score,
        *,
        seconds: float,
        memory: int | None,
        expected_precision: float = float("nan"),
        expected_recall: float = float("nan"),
        people_precision: float = float("nan"),
        people_recall: float = float("nan"),
    ) -> Row:
        """A row about the data set ``name``, or ``name/size/cut``."""
        dataset, _, rest = name.partition("/")
        size, _, cut = rest.partition("/")
        return cls(
            dataset=dataset,
            size=size or "full",
            cut=int(cut or 0),
            method=method,
            rule=rule,
            links=score.links,
            precision=score.precision,
            recall=score.recall,
            f1=score.f1,
            recall_women=score.recall_women,
            recall_men=score.recall_men,
            expected_precision=expected_precision,
            expected_recall=expected_recall,
            people_precision=people_precision,
            people_recall=people_recall,
            seconds=seconds,
            peak_mib=float("nan") if memory is None else memory / _MIB,
        )
