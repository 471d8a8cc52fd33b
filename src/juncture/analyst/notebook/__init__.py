"""A study in a notebook: tables and findings to look at, charts, and an export."""

from juncture.analyst.notebook.study import OpenStudy, open_study

__all__ = ["OpenStudy", "open_study"]
