"""What a user sees while a run goes on: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]


class Display:
    """Shows trace events as they come; to be used as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._total = 0
        self._last: dict[str, Record] = {}
        self._warned: set[str] = set()
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, record: Record) -> None:
        """Show one event."""
        self._last[record["event"]] = record
        if record["event"] == "start":
            self._total = expected_epochs(record)
        if record["event"] in ("start", "decision") or (
            record["event"] in ("epoch", "probe") and not self.console.is_terminal
        ):
            self.console.print(line(record), soft_wrap=True, highlight=False, markup=False)
        for warning in record.get("warnings", []):
            if warning not in self._warned:
                self._warned.add(warning)
                self.console.print(f"note: {warning}", style="yellow", markup=False)
        if self.console.is_terminal and record["event"] != "result":
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        epoch = self._last.get("epoch")
        if epoch is None:
            return Text("preparing the first epoch …")
        table = Table(box=None, pad_edge=False)
        table.add_column("")
        names = list(self._last["start"]["modalities"])
        for name in [*names, "fused"]:
            table.add_column(name, justify="right")
        for title, values in rows(epoch, self._last.get("probe"), names):
            table.add_row(title, *values)  # no cell holds a name from outside: no markup to escape
        done = epoch["epoch"] + 1
        head = Text.assemble(
            (f" {epoch['stage']} ", "reverse"),
            f" epoch {done}/{self._total}   training: {', '.join(epoch['active'])}   "
            f"{epoch['samples_per_second']:,.0f} samples/s",
        )
        return Group(head, ProgressBar(total=max(self._total, done), completed=done), table)


def expected_epochs(start: Record) -> int:
    """Return the number of epochs over both stages, at most."""
    config = start["config"]
    return int(config["stage1"]["epochs"] + config["stage2"]["epochs"])


def rows(epoch: Record, probe: Record | None, names: list[str]) -> list[tuple[str, list[str]]]:
    """Return the live table's rows: title and one cell per modality and for ``fused``."""
    validation = epoch["accuracy"]["validation"]
    found = [
        ("loss", [number(epoch["loss"].get(m), ".3f") for m in [*names, "fused"]]),
        ("validation accuracy", [number(validation.get(m), ".1%") for m in [*names, "fused"]]),
    ]
    if probe is not None:
        unique = [number(probe["unique_bits"].get(m), ".3f") for m in names]
        found.append(("unique information (bit)", [*unique, ""]))
        shared = f"R {number(probe.get('redundancy_bits'), '.3f')}  S " + number(
            probe.get("synergy_bits"), ".3f"
        )
        found.append(("redundancy, synergy (bit)", [shared]))
    return found


def number(value: float | None, form: str) -> str:
    """Return a number in this form, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def line(record: Record) -> str:
    """Return an event as one line of plain text."""
    return LINES[record["event"]](record)


def _start_line(record: Record) -> str:
    sizes = ", ".join(f"{name} {count}" for name, count in record["split_sizes"].items())
    return (
        f"{record['run']}: {len(record['classes'])} classes, modalities "
        f"{', '.join(record['modalities'])}; samples: {sizes}; seed {record['seed']}; "
        f"{record['parameters']:,} parameters on {record['device']}"
    )


def _decision_line(record: Record) -> str:
    active = ", ".join(record["to"]["active"])
    return f"  → {record['to']['stage']} ({active}): {record['reason']}"


def _epoch_line(record: Record) -> str:
    loss = " ".join(f"{m} {value:.3f}" for m, value in record["loss"].items())
    accuracy = " ".join(f"{m} {v:.1%}" for m, v in record["accuracy"]["validation"].items())
    return (
        f"epoch {record['epoch'] + 1:3d} {record['stage']:8s} loss {loss} | validation {accuracy}"
    )


def _probe_line(record: Record) -> str:
    interval = record["interval"]
    unique = " ".join(
        f"{m} {value:.2f} {span(interval['unique_bits'][m])}"
        for m, value in record["unique_bits"].items()
    )
    atoms = "".join(
        f" | {title} {record[key]:.2f} {span(interval[key])}"
        for title, key in (
            ("redundancy", "redundancy_bits"),
            ("synergy", "synergy_bits"),
            ("joint", "joint_mi_bits"),
        )
        if key in record
    )
    return f"      bits: unique {unique}{atoms}"


def span(interval: list[float]) -> str:
    """Return an interval as text."""
    return f"[{interval[0]:.2f}, {interval[1]:.2f}]"


LINES = {
    "start": _start_line,
    "decision": _decision_line,
    "epoch": _epoch_line,
    "probe": _probe_line,
}
