"""Power before data: what a study of a planned size could see, from made-up cohorts; needs no data and no keys."""

from juncture.analyst.power.design import Design
from juncture.analyst.power.plan import Plan, plan_study

__all__ = ["Design", "Plan", "plan_study"]
