"""Comparison of controllers: does the criterion matter, and the time of the hand-over?"""

from pathlib import Path
from typing import Any

import numpy as np

from fusion_sched.report.html.document import Chart, Table
from fusion_sched.runlog import read_trace
from scripts.studies.controllers import CONTROLLERS, DATASETS
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.claim import (
    ABSTRACT,
    SUMMARIES,
    Claim,
    Finding,
    Values,
    Verdict,
)
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings
from scripts.studies.reproduce.studies.datasets import command_for
from scripts.studies.runner import CHEAP, mean_over_seeds, train_grid

NEARLY = 0.95
"""Share of joint training's best validation accuracy that counts as having arrived."""


def datasets(settings: Settings) -> list[str]:
    """Return the data of this profile, all of it built in."""
    return list(DATASETS)[: 3 if settings.quick else 4]


def run(settings: Settings, numbers: Measurements) -> None:
    """Train every controller on every dataset and seed."""
    grid = {"controller": CONTROLLERS, "seed": settings.seeds(3, 10)}
    for data in datasets(settings):
        chosen = (f"dataset={data}", *DATASETS[data], *CHEAP)
        runs = train_grid(settings.runs / "controllers" / data, grid, chosen)
        for (controller, seed), folder in runs.items():
            numbers.read(f"{data} | {controller} | {seed}", folder, summary_of)


def summary_of(folder: Path) -> dict[str, Any]:
    """Return what the claims need of one run: accuracies in percent by epoch, and the end."""
    trace = read_trace(folder)
    result = trace.result
    assert result is not None, f"{folder} has been trained"
    fused = {
        e["epoch"]: 100 * e["accuracy"]["validation"]["fused"]
        for e in trace.of("epoch") if "fused" in e["accuracy"]["validation"]
    }  # fmt: skip
    return {
        "test": 100 * result["test"]["fused"]["accuracy"],
        "unimodal_epochs": result["unimodal_epochs"],
        "fused_validation": [[epoch + 1, value] for epoch, value in fused.items()],
    }


def accuracies(settings: Settings, values: Values, data: str, controller: str) -> np.ndarray:
    """Return the fused test accuracy of each seed, in percent."""
    seeds = settings.seeds(3, 10)
    return np.array([values[f"{data} | {controller} | {s}"]["test"] for s in seeds])


def difference(
    settings: Settings, values: Values, data: str, one: str, other: str
) -> tuple[Any, ...]:
    """Return the paired difference in points and its 95 % interval."""
    paired = accuracies(settings, values, data, one) - accuracies(settings, values, data, other)
    return mean_over_seeds(list(paired))


def against(
    settings: Settings, values: Values, other: str
) -> list[tuple[str, float, float, float]]:
    """Return, by dataset, by how many points pid is above another controller."""
    return [(d, *difference(settings, values, d, "pid", other)) for d in datasets(settings)]


def conclude_mi(settings: Settings, values: Values) -> Finding:
    """Hold pid against the controller that looks at mutual information, on the data here."""
    differences = against(settings, values, "mi")
    parts = [f"{d} {m:+.1f} points [{low:+.1f}, {high:+.1f}]" for d, m, low, high in differences]
    higher = sum(low > 0 for _, _, low, _ in differences)
    sentence = (
        f"On the data here pid is above mi by {'; '.join(parts)} (fused test accuracy, paired by "
        f"seed, 95 %): significantly above it on {higher} of {len(differences)}. The claim is one "
        f"about CREMA-D: {command_for(settings, 'cremad', 'pid,mi')}"
    )
    header = ["dataset", "controller", "above mi, points", "95 % interval"]
    rows = []
    for data in datasets(settings):
        for c in ("pid", "pid_paper", "pid_published"):
            mean, low, high = difference(settings, values, data, c, "mi")
            rows.append([data, c, f"{mean:+.1f}", f"{low:+.1f} … {high:+.1f}"])
    caption = f"Fused test accuracy, paired by seed, over {len(settings.seeds(3, 10))} seeds."
    return Finding(Verdict.NEEDS, sentence, [Table(header, rows, caption, words=(1,))],
                places(settings))  # fmt: skip


def conclude_ablation(settings: Settings, values: Values) -> Finding:
    """Hold pid against two stages without diagnostics, random times and joint training."""
    fixed, joint = (against(settings, values, other) for other in ("fixed", "joint"))
    parts = [f"{d} {m:+.1f} [{low:+.1f}, {high:+.1f}]" for d, m, low, high in fixed]
    plain = [f"{d} {m:+.1f} [{low:+.1f}, {high:+.1f}]" for d, m, low, high in joint]
    both = list(zip(fixed, joint, strict=True))
    higher = sum(f[2] > 0 and j[2] > 0 for f, j in both)
    sentence = (
        f"pid above two stages of fixed length: {'; '.join(parts)} points; above joint training: "
        f"{'; '.join(plain)} points: significantly above both on {higher} of {len(both)} datasets."
    )
    blocks = [chart(settings, values), table(settings, values, CONTROLLERS)]
    return Finding(Verdict.of(higher == len(both)), sentence, blocks, places(settings))


def conclude_speed(settings: Settings, values: Values) -> Finding:
    """Say after how many epochs each gets to where joint training gets."""
    rows, sooner = [], []
    for data in datasets(settings):
        epochs: dict[str, list[float]] = {}
        for seed in settings.seeds(3, 10):
            best = max(v for _, v in values[f"{data} | joint | {seed}"]["fused_validation"])
            for c in CONTROLLERS:
                curve = values[f"{data} | {c} | {seed}"]["fused_validation"]
                arrived = [epoch for epoch, value in curve if value >= NEARLY * best]
                epochs.setdefault(c, []).append(arrived[0] if arrived else np.inf)
        sooner.append(np.mean(epochs["pid"]) < np.mean(epochs["joint"]))
        rows += [[data, c, shown(epochs[c])] for c in ("joint", "fixed", "pid")]
    sentence = (
        f"Counting the epochs of both stages, the schedule reaches {NEARLY:.0%} of joint "
        f"training's best validation accuracy sooner on {sum(sooner)} of {len(sooner)} datasets."
    )
    header = ["dataset", "controller", "epochs until there, by seed"]
    caption = "Epochs over both stages; 'never': not within the run."
    return Finding(
        Verdict.of(all(sooner)),
        sentence,
        [Table(header, rows, caption, words=(1, 2))],
        places(settings),
    )


def shown(epochs: list[float]) -> str:
    """Return epochs by seed as text."""
    return ", ".join("never" if np.isinf(e) else f"{e:.0f}" for e in epochs)


def places(settings: Settings) -> list[Path]:
    """Return the folders of the runs."""
    return [settings.runs / "controllers" / data for data in datasets(settings)]


def table(settings: Settings, values: Values, which: tuple[str, ...]) -> Table:
    """Return accuracy, paired differences and the length of stage 1."""
    rows = []
    for data in datasets(settings):
        for c in which:
            mean, low, high = mean_over_seeds(list(accuracies(settings, values, data, c)))
            cells = [data, c, f"{mean:.1f}", f"{low:.1f} … {high:.1f}"]
            for other in ("joint", "fixed"):
                m, below, above = difference(settings, values, data, c, other)
                cells.append("" if c == other else f"{m:+.1f} [{below:+.1f}, {above:+.1f}]")
            alone = [
                values[f"{data} | {c} | {s}"]["unimodal_epochs"] for s in settings.seeds(3, 10)
            ]
            rows.append([*cells, f"{np.mean(alone):.1f}"])
    header = ["dataset", "controller", "fused %", "95 % interval", "above joint", "above fixed",
              "epochs alone"]  # fmt: skip
    caption = (
        f"Fused test accuracy over {len(settings.seeds(3, 10))} seeds; differences in points, "
        "paired by seed, 95 % t intervals. pid_published: the published rules on our diagnostics."
    )
    return Table(header, rows, caption, words=(1,))


def chart(settings: Settings, values: Values) -> Chart:
    """Draw each seed's accuracy by controller, one marker shape per dataset."""
    data = []
    for number, name in enumerate(datasets(settings)):
        points = [(c, float(a)) for c in CONTROLLERS for a in accuracies(settings, values, name, c)]
        data.append({
            "type": "scatter", "mode": "markers", "name": name,
            "x": [a for _, a in points], "y": [c for c, _ in points],
            **charts.line_style(number, size=9),
        })  # fmt: skip
    drawn = charts.figure(
        data, "fused test accuracy (%)",
        {"title": "controller", "categoryorder": "array", "categoryarray": list(CONTROLLERS)[::-1]},
    )  # fmt: skip
    summary = "Fused test accuracy of every run, by controller; one marker per seed."
    return Chart("Accuracy by controller", drawn, summary)


RAN = (
    "Every controller on built-in handwriting (and synthetic data in the full profile) with the "
    "same number of epochs, the epoch chosen on validation, test labels read once. pid has rules "
    "of this program, pid_paper the two sentences of the abstract word for word, pid_published "
    "those of the published code on the diagnostics here."
)
MI = Claim(
    name="controllers",
    title="The PID controller against the MI controller",
    claim="On CREMA-D the controller that reads the decomposition is better than one that reads "
    "mutual information.",
    source=SUMMARIES + "; the MI controller's rules are unknown, ours are stated in conf/",
    ran=RAN,
    holds_if="pid is above mi on CREMA-D, with an interval above 0",
    measure=run,
    conclude=conclude_mi,
)
ABLATION = Claim(
    name="controllers",
    title="Ablation of the controller",
    claim="The controller balances modalities by monitoring uniqueness and locates the ideal "
    "initial state to start joint training by tracking peak synergy.",
    source=ABSTRACT,
    ran=RAN,
    holds_if="pid is above fixed and above joint on every dataset, with intervals above 0",
    measure=run,
    conclude=conclude_ablation,
)
SPEED = Claim(
    name="controllers",
    title="Faster convergence",
    claim="The schedule converges faster.",
    source="one machine-made summary of arXiv 2509.20840: a weak source",
    ran=RAN,
    holds_if="pid gets there sooner on every dataset, on average over seeds",
    measure=run,
    conclude=conclude_speed,
)
