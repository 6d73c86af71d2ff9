"""Does the decomposition at the hand-over foretell the final accuracy?"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from fusion_sched.report.document import Chart, Table
from fusion_sched.trace import read_trace
from scripts.reproduce import charts
from scripts.reproduce.bench import Bench, Notebook
from scripts.reproduce.claim import SUMMARIES, Claim, Told, Values, judged
from scripts.reproduce.training import CHEAP, hand_over_probe, result_of, train_all

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
        notebook.part(f"{data} | {epochs} | {seed}", lambda f=folder: at_hand_over(f))


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
    rows, strong = [], {}
    for data in DATASETS:
        points = [v for k, v in values.items() if k.startswith(f"{data} |")]
        for measure, title in MEASURES.items():
            rho, low, high = spearman([p[measure] for p in points], [p["accuracy"] for p in points])
            strong[data, measure] = abs(rho) >= STRONG and low * high > 0
            rows.append([data, title, f"{rho:+.2f}", f"{low:+.2f} … {high:+.2f}", str(len(points))])
    synergy = [f"{r[0]} {r[2]} [{r[3]}]" for r in rows if r[1] == MEASURES["synergy"]]
    named = [f"{MEASURES[m]} on {d}" for (d, m), yes in strong.items() if yes]
    everywhere = [m for m in MEASURES if all(strong[d, m] for d in DATASETS)]
    alike = "on both datasets: " + ", ".join(everywhere) if everywhere else "none is so on both"
    sentence = (
        f"Rank correlation of synergy at the hand-over with the final accuracy: "
        f"{'; '.join(synergy)}. Strong (at least {STRONG} and interval without 0): "
        f"{', '.join(named) or 'none'}; {alike}."
    )
    header = ["dataset", "at the hand-over", "Spearman", "95 % interval", "runs"]
    caption = "Bootstrap intervals over runs; stage 1 was between 1 and 14 epochs long."
    blocks = [*(chart(d, values) for d in DATASETS), Table(header, rows, caption, words=(1,))]
    return Told(judged(bool(everywhere)), sentence, blocks,
                [bench.runs / "correlation" / d for d in DATASETS])  # fmt: skip


def spearman(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Return Spearman's rho and a 95 % percentile interval over resampled runs."""
    rng = np.random.default_rng(0)
    a, b = np.asarray(x), np.asarray(y)
    drawn = []
    for _ in range(DRAWS):
        pick = rng.integers(0, len(a), len(a))
        if np.ptp(a[pick]) > 0 and np.ptp(b[pick]) > 0:  # else there is no order to compare
            drawn.append(stats.spearmanr(a[pick], b[pick]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(stats.spearmanr(a, b).statistic), float(low), float(high)


def chart(data: str, values: Values) -> Chart:
    """Draw accuracy over synergy, one point per run."""
    points = {k: v for k, v in values.items() if k.startswith(f"{data} |")}
    lengths = [int(k.split(" | ")[1]) for k in points]
    dots = {
        "type": "scatter", "mode": "markers", "name": data,
        "x": [v["synergy"] for v in points.values()],
        "y": [v["accuracy"] for v in points.values()],
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
    holds_if="one measure is correlated with |rho| of 0.6 or more, and an interval "
    "without 0, on every dataset",
    measure=run,
    tell=tell,
)
