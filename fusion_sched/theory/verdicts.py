"""Whether each claim is seen in the numbers."""

from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """``verdict`` is ``"reproduced"`` or ``"not reproduced"``; ``sentence`` says on what numbers."""

    verdict: str
    sentence: str


def verdicts(result: dict[str, Any]) -> dict[str, Verdict]:
    """Return the verdict on ``"winner"``, ``"rates"`` and ``"proxy"`` of a finished result.

    Raises:
        ValueError: the result is not finished.
    """
    raise NotImplementedError
