"""Fit one file of rows with one system and print a line of JSON; run in the environment of that system.

    python fit.py SYSTEM ROWS.npz

The clock runs from arrays in memory (for lifelines: from a data frame) to coefficients and robust errors by person.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Fitted = tuple[list[float], list[float]]


def juncture(d: dict[str, Any]) -> Callable[[], Fitted]:
    """``andersen_gill``: Efron ties, Lin & Wei by person."""
    from juncture.analyst.statistics.cox import andersen_gill

    def run() -> Fitted:
        fit = andersen_gill(d["start"], d["stop"], d["event"], d["x"], person=d["person"])
        return fit.coefficients.tolist(), fit.standard_errors_robust.tolist()

    return run


def statsmodels(d: dict[str, Any]) -> Callable[[], Fitted]:
    """``PHReg`` with ``entry``, Efron ties, ``groups``: its robust errors by person.

    It counts a row as at risk at its own entry. Entries half a day later mend that on whole days, and give our
    coefficients, but then it tells no robust error at all; so it is run as it is.
    """
    from statsmodels.duration.hazard_regression import PHReg

    def run() -> Fitted:
        model = PHReg(d["stop"], d["x"], status=d["event"], entry=d["start"], ties="efron")
        fit = model.fit(groups=d["person"].astype(int))
        return fit.params.tolist(), fit.bse.tolist()

    return run


def _frame(d: dict[str, Any]) -> Any:
    import pandas

    frame = pandas.DataFrame({name: d[name] for name in ("start", "stop", "event", "person")})
    for number in range(d["x"].shape[1]):
        frame[f"x{number}"] = d["x"][:, number]
    return frame


def lifelines_ph(d: dict[str, Any]) -> Callable[[], Fitted]:
    """``CoxPHFitter`` with ``entry_col`` and ``cluster_col``, Efron ties."""
    from lifelines import CoxPHFitter

    frame = _frame(d)

    def run() -> Fitted:
        fitter = CoxPHFitter()
        fitter.fit(frame, "stop", event_col="event", entry_col="start", cluster_col="person", robust=True)
        return fitter.params_.tolist(), fitter.standard_errors_.tolist()

    return run


def lifelines_tv(d: dict[str, Any]) -> Callable[[], Fitted]:
    """``CoxTimeVaryingFitter`` with ``id_col``; its model errors, since its robust ones are "not available yet"."""
    from lifelines import CoxTimeVaryingFitter

    frame = _frame(d)

    def run() -> Fitted:
        fitter = CoxTimeVaryingFitter()
        fitter.fit(frame, id_col="person", event_col="event", start_col="start", stop_col="stop")
        return fitter.params_.tolist(), fitter.standard_errors_.tolist()

    return run


SYSTEMS = {
    "juncture": (juncture, "juncture"),
    "statsmodels PHReg": (statsmodels, "statsmodels"),
    "lifelines CoxPHFitter": (lifelines_ph, "lifelines"),
    "lifelines CoxTimeVaryingFitter": (lifelines_tv, "lifelines"),
}


def main() -> None:
    """Fit and print."""
    prepare, package = SYSTEMS[sys.argv[1]]
    run = prepare(dict(np.load(sys.argv[2])))
    began = time.perf_counter()
    coefficients, errors = run()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    told = {"seconds": seconds, "peak_gib": peak, "coefficients": coefficients, "errors": errors}
    print(json.dumps(told | {"version": f"{package} {version(package)}"}))


if __name__ == "__main__":
    main()
