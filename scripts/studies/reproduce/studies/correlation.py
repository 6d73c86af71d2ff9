"""Does the decomposition at the hand-over predict the final accuracy?"""

from pathlib import Path
from typing import Any

import numpy as np

from fusion_sched.report.html.document import Chart, Table
from fusion_sched.runlog import diagnosis_from, hand_over_probe, read_trace
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Finding, Values, Verdict
from scripts.studies.reproduce.measurements import Measurements
from scripts.studies.reproduce.settings import Settings
from scripts.studies.runner import CHEAP, fused_accuracy, train_grid
from scripts.studies.theory.statistics import rank_correlation

DATASETS = ("digits_cg", "digits_noisy")
EPOCHS = (1, 2, 3, 5, 8, 11, 14)
"""Lengths of stage 1: runs that differ in where they hand over."""
MEASURES = {
    "synergy": "synergy (bit)",
    "imbalance": "|ln(U1/U2)|",
    "smaller unique": "smaller uniqueness (bit)",
    "redundancy": "redundancy (bit)",
    "joint": "I(all; Y) (bit)",
}
STRONG = 0.6
"""Absolute rank correlation from which we call it strong."""


def run(settings: Settings, numbers: Measurements) -> None:
    """Hand over after different numbers of epochs, with equal epochs in total."""
    grid = {"controller.epochs": EPOCHS, "seed": settings.seeds(3, 20)}
    for data in DATASETS:
        chosen = (f"dataset={data}", "controller=fixed", *CHEAP,
                  "probe.every=${controller.epochs}")  # fmt: skip
        runs = train_grid(settings.runs / "correlation" / data, grid, chosen)
        for (epochs, seed), folder in runs.items():
            numbers.read(f"{data} | {epochs} | {seed}", folder, at_hand_over)


def at_hand_over(folder: Path) -> dict[str, Any]:
    """Return the diagnosis at the hand-over and the accuracy in percent that followed."""
    probe = hand_over_probe(read_trace(folder))
    assert probe is not None, f"{folder} was diagnosed in its last epoch of stage 1"
    diagnosis = diagnosis_from(probe)
    assert diagnosis.synergy is not None, "two modalities"
    assert diagnosis.redundancy is not None, "two modalities"
    (log_ratio,) = diagnosis.log_ratio.values()
    return {
        "synergy": diagnosis.synergy.value,
        "imbalance": abs(log_ratio.value),
        "smaller unique": min(unique.value for unique in diagnosis.unique.values()),
        "redundancy": diagnosis.redundancy.value,
        "joint": diagnosis.joint_mi.value,
        "accuracy": fused_accuracy(folder),
    }


def conclude(settings: Settings, values: Values) -> Finding:
    """Rank-correlate each measure with the accuracy, with intervals."""
    rows, rhos = [], {}
    for data in DATASETS:
        points = points_of(settings, values, data)
        for measure, title in MEASURES.items():
            rho, low, high = spearman(points, measure)
            strong = abs(rho) >= STRONG and low * high > 0
            rhos[data, measure] = rho if strong else 0.0
            rows.append([data, title, f"{rho:+.2f}", f"{low:+.2f} … {high:+.2f}", str(len(points))])
    synergy = [f"{r[0]} {r[2]} [{r[3]}]" for r in rows if r[1] == MEASURES["synergy"]]
    named = [f"{MEASURES[m]} on {d}" for (d, m), rho in rhos.items() if rho]
    alike = [m for m in MEASURES
             if all(rhos[d, m] * rhos[DATASETS[0], m] > 0 for d in DATASETS)]  # fmt: skip
    sentence = (
        f"Rank correlation of synergy at the hand-over with the final accuracy: "
        f"{'; '.join(synergy)}. Of {len(MEASURES)} measures, strong (at least {STRONG}, interval "
        f"without 0): {', '.join(named) or 'none'}; strong with one sign on all datasets: "
        f"{', '.join(MEASURES[m] for m in alike) or 'none'}."
    )
    header = ["dataset", "at the hand-over", "Spearman", "95 % interval", "runs"]
    caption = "Bootstrap intervals over runs; stage 1 was between 1 and 14 epochs long."
    blocks = [*(chart(d, points_of(settings, values, d)) for d in DATASETS),
              Table(header, rows, caption, words=(1,))]  # fmt: skip
    return Finding(Verdict.of(bool(alike)), sentence, blocks,
                [settings.runs / "correlation" / d for d in DATASETS])  # fmt: skip


def points_of(settings: Settings, values: Values, data: str) -> list[dict[str, Any]]:
    """Return what was read off each run on a dataset, with its epochs alone."""
    return [
        {**values[f"{data} | {epochs} | {seed}"], "epochs": epochs}
        for epochs in EPOCHS for seed in settings.seeds(3, 20)
    ]  # fmt: skip


def spearman(points: list[dict[str, Any]], measure: str) -> tuple[float, float, float]:
    """Return the rank correlation of a measure with the accuracy, and its 95 % interval."""
    values, accuracies = (np.array([[p[key]] for p in points]) for key in (measure, "accuracy"))
    rho = rank_correlation(values, accuracies)
    if rho.value is None or rho.low is None or rho.high is None:
        raise ValueError(
            f"all runs have the same {measure} or the same accuracy: there is no rank correlation"
        )
    return rho.value, rho.low, rho.high


def chart(data: str, points: list[dict[str, Any]]) -> Chart:
    """Draw accuracy over synergy, one point per run."""
    lengths = [p["epochs"] for p in points]
    dots = {
        "type": "scatter", "mode": "markers", "name": data,
        "x": [p["synergy"] for p in points],
        "y": [p["accuracy"] for p in points],
        "text": [f"stage 1: {n} epochs" for n in lengths],
        "marker": {"color": lengths, "size": 9, "colorscale": "Cividis", "showscale": True,
                   "colorbar": {"title": {"text": "epochs<br>alone"}, "thickness": 12}},
        "showlegend": False,
    }  # fmt: skip
    drawn = charts.figure(
        [dots], "synergy at the hand-over (bit)", "fused test accuracy (%)", showlegend=False
    )
    summary = f"{data}: final accuracy over synergy at the hand-over, one point per run."
    return Chart(f"Synergy and accuracy on {data}", drawn, summary)


CLAIM = Claim(
    name="correlation",
    title="The decomposition predicts the accuracy",
    claim="PID metrics strongly correlate with final model performance.",
    source=SUMMARIES + "; which metric and over which runs is unknown",
    ran="Two stages of fixed lengths, from 1 to 14 epochs alone and 30 in total, several seeds; "
    "the diagnosis at the hand-over against the final fused test accuracy.",
    holds_if="one of five measures has a rank correlation of 0.6 or more, with one sign and an "
    "interval without 0, on every dataset",
    measure=run,
    conclude=conclude,
)
