"""Is the decomposition differentiable?"""

import torch

from benchmarks.pid.joints import dirichlet
from fusion_sched.pid import FastPID, decompose
from fusion_sched.report.html.document import Table
from scripts.studies.reproduce.claim import ABSTRACT, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings

ATOMS = ("redundancy", "unique1", "unique2", "synergy")
SHAPES = ((5, 5, 3), (10, 10, 6), (20, 20, 6))
STEP = 1e-4
SMALL = 1e-4


def run(settings: Settings, numbers: Measurements) -> None:
    """Compare slopes along random directions with central differences."""
    for shape in SHAPES:
        numbers.measure("x".join(map(str, shape)), slopes, shape)


def slopes(shape: tuple[int, int, int]) -> dict[str, dict[str, float]]:
    """Return, by atom, the slope in bits by autograd and by central differences."""
    solver = FastPID(tol=1e-10)
    p, other = dirichlet(shape, 2, seed=4)
    direction = other - p
    both = {}
    for atom in ATOMS:
        q = p.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(getattr(decompose(q, solver), atom), q)
        above, below = (getattr(decompose(p + s * STEP * direction, solver), atom) for s in (1, -1))
        both[atom] = {"autograd": float((gradient * direction).sum()),
                      "differences": float(above - below) / (2 * STEP)}  # fmt: skip
    return both


def conclude(settings: Settings, values: Values) -> Finding:
    """Say how far the two are apart."""
    rows, worst = [], 0.0
    for shape in ("x".join(map(str, shape)) for shape in SHAPES):
        for atom, slope in values[shape].items():
            apart = abs(slope["autograd"] - slope["differences"]) / abs(slope["differences"])
            worst = max(worst, apart)
            rows.append([shape, atom, f"{slope['autograd']:.6f}", f"{slope['differences']:.6f}",
                         f"{apart:.1e}"])  # fmt: skip
    sentence = (
        f"Gradients of the four atoms and central differences are {worst:.0e} of their size apart "
        "at most, for the solver here (envelope theorem at the certified optimum). In the "
        "published training code the decomposition is never differentiated."
    )
    header = ["joint", "atom", "slope by autograd (bit)", "by differences (bit)", "apart by"]
    return Finding(Verdict.of(worst < SMALL), sentence,
                [Table(header, rows, "Along one random direction.", words=(1,))])  # fmt: skip


CLAIM = Claim(
    name="gradient",
    title="A differentiable decomposition",
    claim="FastPID is a differentiable solver.",
    source=ABSTRACT,
    ran="Slopes of the four atoms along a random direction, by autograd and by central "
    "differences, on random tables of three sizes.",
    holds_if="slopes of the solver here, by autograd and by central differences, agree to 1e-4",
    measure=run,
    conclude=conclude,
)
