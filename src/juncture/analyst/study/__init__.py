"""The study: unlocked timelines of the cohort on one clock a person, under every drawn matching.

Day 0 is the start of a person's follow-up; nothing in here knows a true date.
"""

from juncture.analyst.study.build import build_study
from juncture.analyst.study.duckdb_file import open_study, write_study
from juncture.analyst.study.model import Study

__all__ = ["Study", "build_study", "open_study", "write_study"]
