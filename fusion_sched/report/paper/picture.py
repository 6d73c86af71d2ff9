"""The picture that every run leaves beside its trace."""

from pathlib import Path

from fusion_sched.report.paper.panels import (
    draw_accuracy,
    draw_atoms,
    draw_information,
    number_epochs,
    synergy,
    uniquenesses,
)
from fusion_sched.report.paper.stages import draw_stages
from fusion_sched.report.paper.style import SCREEN, legend_beside, shown, style
from fusion_sched.report.story import whole
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

PICTURE = "trace.png"
ROW = 0.08
"""Height of a modality's row in the strip of stages, where a panel has 1."""


def draw_trace(trace: Trace, path: Path) -> None:
    """Draw stages, accuracy, decomposition and information over epochs, to a PNG."""
    from matplotlib.figure import Figure

    trace = whole(trace)
    with style(SCREEN):
        figure = Figure(figsize=(9, 9), layout="constrained")
        ratios = [ROW * len(trace.start["modalities"]), 1, 1, 1]
        strip, accuracy, atoms, information = figure.subplots(
            4, 1, sharex=True, height_ratios=ratios
        )
        legend_beside(strip, draw_stages(strip, (accuracy, atoms, information), trace))
        legend_beside(accuracy, draw_accuracy(accuracy, trace))
        legend_beside(atoms, draw_atoms(atoms, trace, [*uniquenesses(trace), synergy(trace)]))
        legend_beside(information, draw_information(information, trace))
        atoms.set_ylabel("unique and synergistic [bit]")
        number_epochs(information, [*trace.of("epoch"), *trace.of("probe")])
        figure.suptitle(title_of(trace), fontsize=11)
        figure.savefig(path)


def title_of(trace: Trace) -> str:
    """Return the run in one line."""
    start, result = trace.start, trace.result
    controller = start["config"]["controller"]["_target_"].rsplit(".", 1)[-1]
    text = f"controller {shown(controller)}, seed {start['seed']}"
    if result is None:
        return f"{text}: not ended"
    return f"{text}: fused test accuracy {result['test'][FUSED]['accuracy']:.1%}"
