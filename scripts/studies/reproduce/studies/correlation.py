"""Does the decomposition at the hand-over foretell the final accuracy?"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from fusion_sched.report.html.document import Chart, Table
from fusion_sched.runlog import hand_over_probe, read_trace
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.bench import Bench, Notebook
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Told, Values, judged
from scripts.studies.reproduce.training import CHEAP, result_of, train_all

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
DRAWS = 2000


def folders(bench: Bench) -> dict[tuple[str, int, int], Path]:
    """Return the folder of each run."""
    return {
        (data, epochs, seed): bench.runs / "correlation" / data / f"after{epochs}-{seed}"
        for data in DATASETS for epochs in EPOCHS for seed in bench.seeds(3, 20)
    }  # fmt: skip


def run(bench: Bench, notebook: Notebook) -> None:
    """Hand over after different numbers of epochs, with equal epochs in total."""
    runs = folders(bench)
    train_all({
        folder: [f"dataset={data}", "controller=fixed", f"controller.epochs={epochs}",
                 f"seed={seed}", *CHEAP, "probe.resamples=20", f"probe.every={epochs}"]
        for (data, epochs, seed), folder in runs.items()
    })  # fmt: skip
    for (data, epochs, seed), folder in runs.items():
        notebook.read(f"{data} | {epochs} | {seed}", lambda f=folder: at_hand_over(f))


def at_hand_over(folder: Path) -> dict[str, Any]:
    """Return the diagnosis at the hand-over and the accuracy in percent that followed."""
    probe = hand_over_probe(read_trace(folder))
    assert probe is not None, f"{folder} was diagnosed in its last epoch of stage 1"
    unique = list(probe["unique_bits"].values())
    return {
        "synergy": probe["synergy_bits"],
        "imbalance": abs(next(iter(probe["log_ratio"].values()))),
        "smaller unique": min(unique),
        "redundancy": probe["redundancy_bits"],
        "joint": probe["joint_mi_bits"],
        "accuracy": 100 * result_of(folder)["test"]["fused"]["accuracy"],
    }


def tell(bench: Bench, values: Values) -> Told:
    """Rank-correlate each measure with the accuracy, with intervals."""
    rows, rhos = [], {}
    for data in DATASETS:
        points = points_of(bench, values, data)
        for measure, title in MEASURES.items():
            rho, low, high = spearman([p[measure] for p in points], [p["accuracy"] for p in points])
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
    blocks = [*(chart(d, points_of(bench, values, d)) for d in DATASETS),
              Table(header, rows, caption, words=(1,))]  # fmt: skip
    return Told(judged(bool(alike)), sentence, blocks,
                [bench.runs / "correlation" / d for d in DATASETS])  # fmt: skip


def points_of(bench: Bench, values: Values, data: str) -> list[dict[str, Any]]:
    """Return what was read off each run on a dataset, with its epochs alone."""
    return [
        {**values[f"{data} | {epochs} | {seed}"], "epochs": epochs}
        for epochs in EPOCHS for seed in bench.seeds(3, 20)
    ]  # fmt: skip


def spearman(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Return Spearman's rho and a 95 % percentile interval over resampled runs.

    Raises:
        ValueError: all values of one are the same, so that there is no order to compare.
    """
    if min(np.ptp(x), np.ptp(y)) == 0:
        raise ValueError("all runs agree in one of the two: there is no rank correlation")
    picks = np.random.default_rng(0).integers(0, len(x), (DRAWS, len(x)))
    # Spearman's rho is Pearson's of the ranks; a draw of one value alone has none.
    ranks = [stats.rankdata(np.asarray(v)[picks], axis=1) for v in (x, y)]
    whole = [r[(np.ptp(ranks[0], axis=1) > 0) & (np.ptp(ranks[1], axis=1) > 0)] for r in ranks]
    centred = [r - r.mean(axis=1, keepdims=True) for r in whole]
    norms = [np.sqrt((c**2).sum(axis=1)) for c in centred]
    drawn = (centred[0] * centred[1]).sum(axis=1) / (norms[0] * norms[1])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(stats.spearmanr(x, y).statistic), float(low), float(high)


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
    title="The decomposition foretells the accuracy",
    claim="PID metrics strongly correlate with final model performance.",
    source=SUMMARIES + "; which metric and over which runs is unknown",
    ran="Two stages of fixed lengths, from 1 to 14 epochs alone and 30 in total, several seeds; "
    "the diagnosis at the hand-over against the final fused test accuracy.",
    holds_if="one of five measures has a rank correlation of 0.6 or more, with one sign and an "
    "interval without 0, on every dataset",
    measure=run,
    tell=tell,
)
