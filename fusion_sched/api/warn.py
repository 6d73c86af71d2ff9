"""Warnings for the line of the user's code that they are about."""

import sys
import warnings
from collections.abc import Iterable

PACKAGE = "fusion_sched"


def warn_user(texts: Iterable[str]) -> None:
    """Warn once in these lines, if there are any, at the line that called this package.

    Python shows a warning once per line of code; without a registry it shows this one each time,
    as the next data is other data. Filters of warnings apply.
    """
    text = "\n".join(texts)
    if not text:
        return
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
        frame = frame.f_back
    warnings.warn_explicit(text, UserWarning, frame.f_code.co_filename, frame.f_lineno)
