"""A made-up city with known truth: two exports with the errors of real ones, and effects planted in its people's lives.

:func:`build_city` writes it into a folder; the same seed gives the same bytes.
"""

from juncture.rehearsal.city.build import City, Truth, build_city

__all__ = ["City", "Truth", "build_city"]
