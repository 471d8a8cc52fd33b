"""Juncture: join agencies' records for research on points of intervention, without names passing between them.

Importing the package loads no engine; each room loads what it needs when it is used.
"""

__version__ = "0.1.0"
