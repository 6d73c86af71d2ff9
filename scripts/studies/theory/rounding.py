"""Numbers for JSON files: six digits are more than their measurement is worth."""

from typing import Any

from torch import Tensor


def rounded(values: Tensor) -> Any:
    """Return nested lists, floats to six significant digits."""
    if not values.is_floating_point():
        return values.tolist()
    return _six_digits(values.tolist())


def _six_digits(value: Any) -> Any:
    if isinstance(value, list):
        return [_six_digits(item) for item in value]
    return float(f"{value:.6g}")
