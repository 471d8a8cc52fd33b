"""The study as plain tables for R, Stata and Python, with a codebook. What is exported is internal and personal."""

from juncture.analyst.export.write import export_study

__all__ = ["export_study"]
