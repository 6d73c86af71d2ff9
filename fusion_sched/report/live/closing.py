"""The closing lines of a run that has ended."""

from typing import Any

from rich.table import Table

from fusion_sched.runlog import Trace, hand_over_probe


def result_table(trace: Trace) -> Table:
    """Return the run's closing table: each modality alone and fused, on validation and test."""
    result = trace.result
    if result is None:
        raise ValueError(f"{trace.path} holds no result: the run has not ended")
    table = Table(
        title=f"epoch {result['selected_epoch'] + 1} of {result['epoch'] + 1}, "
        "selected on validation",
        title_justify="left",
    )
    for title in ("", "validation", "test", "test macro-F1"):
        table.add_column(title, justify="right" if title else "left")
    for name, scores in result["test"].items():
        table.add_row(
            name,
            f"{result['validation'][name]:.1%}",
            f"{scores['accuracy']:.1%}",
            f"{scores['macro_f1']:.3f}",
        )
    return table


def warning_lines(trace: Trace) -> list[str]:
    """Return the warnings of the diagnosis that joint training began from."""
    probe = hand_over_probe(trace)
    return [] if probe is None else [f"note: {text}" for text in probe.get("warnings", [])]


def optimism_line(result: dict[str, Any]) -> str:
    """Return what older papers would have reported, and how much too good that is."""
    best = result["best_on_test"]
    return (
        f"best epoch on test: {best['accuracy']:.1%} (epoch {best['epoch'] + 1}) is what older "
        f"papers report; it was chosen with the test labels: optimism gap "
        f"{100 * result['optimism_gap']:+.1f} points"
    )
