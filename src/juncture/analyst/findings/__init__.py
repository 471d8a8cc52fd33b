"""Findings: where help could have come earlier, and how sure the study is of it."""

from juncture.analyst.findings.compute import compute_findings
from juncture.analyst.findings.files import write_results
from juncture.analyst.findings.model import Findings

__all__ = ["Findings", "compute_findings", "write_results"]
