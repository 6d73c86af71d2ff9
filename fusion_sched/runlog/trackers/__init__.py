"""Where a run's events go besides its trace: one file per service. The trace stays the truth."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol


class Sink(Protocol):
    """An open connection for one run."""

    def record(self, event: Mapping[str, Any]) -> None:
        """Take one event of the trace."""

    def close(self) -> None:
        """End the connection; what was taken is kept."""


class Tracker(Protocol):
    """A service that keeps scalars over epochs."""

    def open(self, folder: Path) -> Sink:
        """Return a sink for the run in ``folder``; a resumed run opens it again.

        Raises:
            ImportError: the service's package is not installed.
        """


class Nowhere:
    """Keeps nothing."""

    def open(self, folder: Path) -> "Nowhere":
        """Return itself."""
        return self

    def record(self, event: Mapping[str, Any]) -> None:
        """Drop the event."""

    def close(self) -> None:
        """Do nothing."""


CURVES = ("epoch", "probe")
"""Events that hold one point of every curve."""
LEFT_OUT = ("epoch", "step", "time", "change", "pairs", "class_unique_bits")


def scalars_of(event: Mapping[str, Any]) -> dict[str, float]:
    """Every number of an epoch or probe event by its path, as in `loss/audio`.

    An estimate's value has the path of the estimate; its interval and its null level have paths
    under `interval` and `null`.
    """
    if event["event"] not in CURVES:
        return {}
    kept = {key: value for key, value in event.items() if key not in LEFT_OUT}
    group = "" if event["event"] == "epoch" else "probe/"
    return dict(numbers(kept, group))


def numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """The numbers inside a value, by their path."""
    if isinstance(value, Mapping) and "value" in value:
        group, rest = path.split("/", 1)
        yield path, float(value["value"])
        for end in ("low", "high"):
            if end in value:
                yield f"{group}/interval/{rest}/{end}", float(value[end])
        if "null" in value:
            yield f"{group}/null/{rest}", float(value["null"])
    elif isinstance(value, Mapping):
        for name, inside in value.items():
            yield from numbers(inside, f"{path.rstrip('/')}/{name}" if path else name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


def results_of(event: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a result event by their path, nothing of other events."""
    return dict(numbers(event, "result")) if event["event"] == "result" else {}
