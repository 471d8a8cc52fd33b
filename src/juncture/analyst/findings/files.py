"""Results as files that others rely on: UTF-8 CSV, a dot for decimals, empty where there is no estimate.

These are internal and unsuppressed. The columns are those of :mod:`juncture.analyst.findings.records`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from juncture.analyst.findings import records
from juncture.analyst.findings.model import (
    NAN,
    CohortRow,
    CurvePoint,
    Estimate,
    EveryoneRow,
    ExpectedFallFinding,
    Findings,
    FunnelStage,
    FunnelStep,
    GenderFinding,
    GridRow,
    LastContactFinding,
    LastContactMeasure,
    LinkageFinding,
    SensitivityFinding,
    Stratum,
    Variant,
)
from juncture.analyst.findings.records import Record, Value
from juncture.base.files import csv_text, private_dir, write_text


def write_results(findings: Findings, results_dir: Path) -> tuple[Path, ...]:
    """Write each of :func:`result_tables` as ``<name>.csv``; returns the paths.

    Raises ``MachineError`` where the disk or a permission stands in the way.
    """
    private_dir(results_dir)
    return tuple(
        write_text(results_dir / f"{name}.csv", _csv(header, rows))
        for name, (header, rows) in sorted(result_tables(findings).items())
    )


def result_tables(findings: Findings) -> dict[str, tuple[tuple[str, ...], list[Record]]]:
    """Columns and rows of every table of results, by name; :mod:`juncture.analyst.export.results` says what each
    column means."""
    unknown = Estimate()
    # A file without rows has its header all the same: the columns of a record that is then not written.
    nobody = CohortRow("", None, None, dict.fromkeys(findings.agencies, 0), NAN)
    tables: dict[str, tuple[Record, list[Record]]] = {
        "cohort": (records.cohort_record(nobody), [records.cohort_record(row) for row in findings.cohort]),
        "gender": (
            records.gender_record(GenderFinding("", NAN, NAN, unknown, 0, 0, (), NAN)),
            [records.gender_record(row) for row in findings.gender],
        ),
        "linkage": (
            records.linkage_record(LinkageFinding("", unknown)),
            [records.linkage_record(row) for row in findings.linkage],
        ),
        "juncture_sensitivity": (
            records.variant_record(SensitivityFinding("", Variant.PRIMARY, unknown, 0, 0, 0, 0, 0, NAN, NAN, "")),
            [records.variant_record(finding) for finding in findings.sensitivities],
        ),
        "rule_grid": (
            records.grid_record(GridRow("", "", NAN, NAN, NAN, NAN, NAN, "")),
            [records.grid_record(row) for row in findings.rule_grid],
        ),
        "expected_fall": (
            records.expected_fall_record(ExpectedFallFinding("", Stratum.ALL, 0)),
            [records.expected_fall_record(row) for row in findings.expected_falls],
        ),
        "everyone": (
            records.everyone_record(EveryoneRow("", "", "", NAN, NAN, NAN, NAN, NAN)),
            [records.everyone_record(row) for row in findings.everyone],
        ),
        "funnel": (
            records.funnel_record(FunnelStep("", FunnelStage.OPENED, 0, 0, {}, NAN)),
            [records.funnel_record(step) for step in findings.funnel],
        ),
        "last_contact": (
            records.last_contact_record(
                LastContactFinding(LastContactMeasure.KIND, "", Stratum.ALL, 0, 0, (), 0, NAN, NAN, unknown, NAN, NAN)
            ),
            [records.last_contact_record(row) for row in findings.last_contact],
        ),
        "mcf": (
            records.curve_record(CurvePoint(Stratum.ALL, 0, unknown, 0, 0, NAN)),
            [records.curve_record(point) for point in findings.curves],
        ),
    }
    for name, record in (
        ("junctures", records.juncture_record),
        ("juncture_details", records.detail_record),
        ("linkage_sensitivity", records.sensitivity_record),
    ):
        rows = [record(finding) for finding in findings.junctures]
        tables[name] = (rows[0], rows)
    return {name: (tuple(header), rows) for name, (header, rows) in tables.items()}


def _csv(header: Sequence[str], rows: Sequence[Record]) -> str:
    return csv_text(header, ([_cell(row[name]) for name in header] for row in rows))


def _cell(value: Value) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return format(value, ".10g") if isinstance(value, float) else str(value)
