"""What every statistic asks of its arrays before it trusts them, and the small sums all of them share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from juncture.base.errors import UsageError

Vector = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def numbers(name: str, values: npt.ArrayLike, length: int | None = None) -> Vector:
    """``values`` as a one-dimensional float array; raises ``UsageError`` on another shape, length, NaN or infinity."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise UsageError(f"{name} must have one dimension, but has {array.ndim}.")
    if length is not None and array.size != length:
        raise UsageError(f"{name} has {array.size} entries where {length} are expected.")
    if not np.isfinite(array).all():
        raise UsageError(f"{name} holds entries that are missing or infinite; drop those rows first.")
    return array


def flags(name: str, values: npt.ArrayLike, length: int | None = None) -> Booleans:
    """``values`` as booleans; raises ``UsageError`` unless each is 0 or 1."""
    array = numbers(name, values, length)
    if not np.isin(array, (0.0, 1.0)).all():
        raise UsageError(f"{name} must hold 0 and 1 only.")
    return array.astype(np.bool_)


def codes(name: str, values: npt.ArrayLike, length: int | None = None) -> tuple[Integers, npt.NDArray[Any]]:
    """Dense codes 0..k-1 for labels of any kind, and the k labels in ascending order."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"{name} must have one dimension, but has {array.ndim}.")
    if length is not None and array.size != length:
        raise UsageError(f"{name} has {array.size} entries where {length} are expected.")
    labels, index = np.unique(array, return_inverse=True)
    return index.reshape(-1).astype(np.int64), labels


def intervals(start: npt.ArrayLike, stop: npt.ArrayLike, length: int) -> tuple[Vector, Vector]:
    """Rows ``(start, stop]`` as float arrays; raises ``UsageError`` where one ends before or when it begins."""
    begin, end = numbers("start", start, length), numbers("stop", stop, length)
    if (begin >= end).any():
        raise UsageError(f"{int((begin >= end).sum())} intervals end before or when they begin.")
    return begin, end


def scaled(covariates: npt.ArrayLike, rows: int) -> tuple[Vector, Vector]:
    """Covariates (rows, p) each divided by its own range, so that limits on steps and information mean the same for
    all, and the ranges (p); raises ``UsageError`` on another shape, NaN or infinity."""
    design = np.asarray(covariates, dtype=np.float64)
    if design.ndim == 1:
        design = design[:, None]
    if design.ndim != 2 or design.shape[0] != rows or design.shape[1] == 0:
        raise UsageError("covariates must have a row for each interval and at least one column.")
    if not np.isfinite(design).all():
        raise UsageError("covariates hold entries that are missing or infinite; drop those rows first.")
    ranges = np.ptp(design, axis=0) if design.size else np.zeros(design.shape[1])
    ranges[ranges == 0] = 1.0
    return design / ranges, ranges


def person_codes(person: npt.ArrayLike, start: Vector, stop: Vector) -> tuple[Integers, int]:
    """Codes of the persons and their number; raises ``UsageError`` where intervals of one person overlap."""
    index, labels = codes("person", person, start.size)
    order = np.lexsort((start, index))
    same = index[order][1:] == index[order][:-1]
    overlaps = int((same & (start[order][1:] < stop[order][:-1])).sum())
    if overlaps:
        raise UsageError(f"{overlaps} intervals overlap another interval of the same person.")
    return index, labels.size


def t_interval(estimate: float, standard_error: float, degrees: float, confidence: float = 0.95) -> tuple[float, float]:
    """``estimate`` -+ t quantile x ``standard_error``; NaN where ``degrees`` < 1 or the error is not a number."""
    if not degrees >= 1 or not np.isfinite(standard_error):
        return float("nan"), float("nan")
    reach = float(stats.t.ppf(0.5 + confidence / 2, degrees)) * standard_error
    return estimate - reach, estimate + reach


def t_p_value(estimate: float, standard_error: float, degrees: float) -> float:
    """Two-sided p of ``estimate`` = 0 under t with ``degrees``; NaN where it cannot be had."""
    if not degrees >= 1 or not standard_error > 0 or not np.isfinite(estimate):
        return float("nan")
    return float(2 * stats.t.sf(abs(estimate) / standard_error, degrees))


def of_difference(errors: tuple[float, float], degrees: tuple[float, float]) -> tuple[float, float]:
    """Standard error of the difference of two independent figures, and its degrees of freedom after Welch (1947,
    Biometrika 34:28-35); 0 degrees where either figure has none or no error."""
    error = float(np.hypot(*errors))
    if not (error > 0 and min(degrees) > 0):
        return error, 0.0
    return error, error**4 / sum(own**4 / freedom for own, freedom in zip(errors, degrees, strict=True))


def normal_quantile(confidence: float) -> float:
    """The normal quantile of a two-sided interval of this confidence."""
    return float(stats.norm.ppf(0.5 + confidence / 2))


def over(part: float, whole: float) -> float:
    """Quotient of two figures, NaN where the whole is 0 or not known."""
    return part / whole if whole > 0 else float("nan")


def divide(numerator: Vector, denominator: Vector) -> Vector:
    """Quotient, 0 where the denominator is 0: for sums over moments at which nobody is at risk."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)
