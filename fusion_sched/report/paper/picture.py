"""The picture that every run leaves beside its trace."""

from pathlib import Path

from fusion_sched.report.panels import shared_quantities, unique_quantities
from fusion_sched.report.paper.epochs import (
    draw_accuracy,
    draw_information,
    draw_quantities,
    number_epochs,
)
from fusion_sched.report.paper.stages import draw_stages
from fusion_sched.report.paper.style import SCREEN, drawable, drawing_style, legend_beside
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from fusion_sched.runtime.files import atomic_write

PICTURE = "trace.png"
ROW = 0.08
"""Height of a modality's row in the strip of stages, where a panel has 1."""


def draw_trace(trace: Trace, path: Path) -> None:
    """Draw stages, accuracy, decomposition and information over epochs, to a PNG.

    Parameters
    ----------
    trace
        A finished or running trace; events that cannot be read are left out.
    path
        The file.
    """
    from matplotlib.figure import Figure

    view = RunView.of(trace)
    with drawing_style(SCREEN):
        figure = Figure(figsize=(9, 9), layout="constrained")
        ratios = [ROW * len(view.modalities), 1, 1, 1]
        strip, accuracy, atoms, information = figure.subplots(
            4, 1, sharex=True, height_ratios=ratios
        )
        quantities = [*unique_quantities(view), shared_quantities(view)[1]]
        legend_beside(strip, draw_stages(strip, (accuracy, atoms, information), view))
        legend_beside(accuracy, draw_accuracy(accuracy, view))
        legend_beside(atoms, draw_quantities(atoms, view, quantities))
        legend_beside(information, draw_information(information, view))
        atoms.set_ylabel("unique and synergistic [bit]")
        number_epochs(information, [r.number for r in (*view.epochs, *view.probes)])
        result = view.result
        split, accuracy = ("", 0.0) if result is None else result.scored
        end = f"fused {split} accuracy {accuracy:.1%}" if result else "not ended"
        controller = drawable(view.controller)
        figure.suptitle(f"controller {controller}, seed {view.seed}: {end}", fontsize=11)
        with atomic_write(path) as whole:
            figure.savefig(whole, format="png")
