"""Statistics on arrays of numbers; nothing here knows what a police contact is.

Curves (``mcf``, ``incidence``), rates (``rates``, ``regression_to_the_mean``), regressions (``cox``), one juncture's
effect (``landmark``; by other designs ``alternatives`` and ``sccs``), what it amounts to (``avoidable``,
``attribution``, ``lead``, ``ranking``), what stood last before an event (``last_contact``), and what makes an interval
honest: ``permutation`` and ``stratified`` (resamples of persons), ``combine`` (over matchings), ``misclassification``
(missed and false links), ``multiplicity`` (over findings). The unit is the person throughout.
"""

from juncture.analyst.statistics.alternatives import recurrent_effect, time_dependent_effect
from juncture.analyst.statistics.attribution import CrisesAvoided, attribute_in_order
from juncture.analyst.statistics.avoidable import avoidable_bounds, avoidable_model
from juncture.analyst.statistics.combine import Combined, combine_matchings
from juncture.analyst.statistics.counting import counting_rows, event_numbers
from juncture.analyst.statistics.cox import andersen_gill, cox_regression, pwp_gap_time, pwp_total_time
from juncture.analyst.statistics.incidence import cumulative_incidence, kaplan_meier, missed_share
from juncture.analyst.statistics.landmark import (
    Contrast,
    LandmarkEffect,
    adjusted_effect,
    compare_effects,
    landmark_effect,
)
from juncture.analyst.statistics.last_contact import last_before, matched_odds, matched_times
from juncture.analyst.statistics.likelihood import Ties
from juncture.analyst.statistics.mcf import difference_of_means, mean_cumulative_functions
from juncture.analyst.statistics.misclassification import audited, corrected_ratio, corrected_share
from juncture.analyst.statistics.multiplicity import benjamini_hochberg
from juncture.analyst.statistics.permutation import permute_persons
from juncture.analyst.statistics.ranking import rank_junctures
from juncture.analyst.statistics.rates import compare_rates
from juncture.analyst.statistics.regression_to_the_mean import BandMeans, change, expected_change
from juncture.analyst.statistics.sccs import case_series, openings_case_series

__all__ = [
    "BandMeans",
    "Combined",
    "Contrast",
    "CrisesAvoided",
    "LandmarkEffect",
    "Ties",
    "adjusted_effect",
    "andersen_gill",
    "attribute_in_order",
    "audited",
    "avoidable_bounds",
    "avoidable_model",
    "benjamini_hochberg",
    "case_series",
    "change",
    "combine_matchings",
    "compare_effects",
    "compare_rates",
    "corrected_ratio",
    "corrected_share",
    "counting_rows",
    "cox_regression",
    "cumulative_incidence",
    "difference_of_means",
    "event_numbers",
    "expected_change",
    "kaplan_meier",
    "landmark_effect",
    "last_before",
    "matched_odds",
    "matched_times",
    "mean_cumulative_functions",
    "missed_share",
    "openings_case_series",
    "permute_persons",
    "pwp_gap_time",
    "pwp_total_time",
    "rank_junctures",
    "recurrent_effect",
    "time_dependent_effect",
]
