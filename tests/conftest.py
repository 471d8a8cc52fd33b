"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread a worker: the small matrices here gain nothing from more, and workers would fight over the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and reference outputs beside the project; tests that need it skip where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the data folder kept beside the project")
    return SHARED
