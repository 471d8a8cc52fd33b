"""Statistics on arrays of numbers; nothing here knows what a police contact is.

Curves (``mcf``, ``incidence``), rates (``rates``), regressions (``cox``), one juncture's effect (``landmark``) and what
it amounts to (``avoidable``, ``ranking``), and what makes an interval honest: ``permutation`` and ``stratified``
(resamples of persons), ``combine`` (over matchings), ``multiplicity`` (over findings). The unit is the person
throughout.
"""
