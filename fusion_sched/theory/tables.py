"""What was found, as tables of strings for a terminal or a report."""

from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows under a header; every cell a string."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the tables of a finished result.

    Raises:
        ValueError: the result is not finished.
    """
    raise NotImplementedError
