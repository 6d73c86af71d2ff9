"""Comparison of schedules: do their criterion and the start of joint training matter?"""

from typing import Any

import numpy as np

from fusion_sched.report.html.document import Chart, Table
from scripts.studies.reproduce import charts
from scripts.studies.reproduce.claim import (
    ABSTRACT,
    SUMMARIES,
    Claim,
    Finding,
    Values,
    Verdict,
)
from scripts.studies.reproduce.settings import Settings
from scripts.studies.reproduce.studies.datasets import command_for
from scripts.studies.reproduce.studies.methods import (
    OURS,
    SCHEDULES,
    SEEDS,
    accuracies,
    datasets,
    places,
    run,
)
from scripts.studies.runner import mean_over_seeds

COMPARED = ("joint", "fine_tuned", "evidence", *SCHEDULES)
NEARLY = 0.95
"""Share of joint training's best validation accuracy that counts as having arrived."""


def difference(
    settings: Settings, values: Values, data: str, one: str, other: str
) -> tuple[Any, ...]:
    """Return the paired difference in points and its 95 % interval."""
    paired = accuracies(settings, values, data, one) - accuracies(settings, values, data, other)
    return mean_over_seeds(list(paired))


def against(settings: Settings, values: Values, one: str, other: str) -> tuple[str, int]:
    """Return by how many points one method is above another, in words, and how often clearly."""
    differences = {d: difference(settings, values, d, one, other) for d in datasets(settings)}
    parts = [f"{d} {m:+.1f} [{low:+.1f}, {high:+.1f}]" for d, (m, low, high) in differences.items()]
    return "; ".join(parts), sum(low > 0 for _, low, _ in differences.values())


def conclude_mi(settings: Settings, values: Values) -> Finding:
    """Compare with the controller that reads mutual information, on the data here."""
    evidence, evidence_above = against(settings, values, "evidence", "mi")
    pid, pid_above = against(settings, values, "pid", "mi")
    total = len(datasets(settings))
    sentence = (
        f"On the data here, points of test accuracy above mi (paired by seed, 95 %): pid {pid}, "
        f"significant on {pid_above} of {total}; evidence {evidence}, significant on "
        f"{evidence_above} of {total}. "
        f"The claim is one about CREMA-D: {command_for(settings, 'cremad', ('pid', 'mi'))}"
    )
    header = ["dataset", "method", "above mi, points", "95 % interval"]
    rows = []
    for data in datasets(settings):
        for c in (*OURS, "pid_paper", "pid_published"):
            mean, low, high = difference(settings, values, data, c, "mi")
            rows.append([data, c, f"{mean:+.1f}", f"{low:+.1f} … {high:+.1f}"])
    caption = f"Test accuracy, paired by seed, over {len(settings.seeds(*SEEDS))} seeds."
    return Finding(Verdict.NEEDS, sentence, [Table(header, rows, caption, words=(1,))],
                places(settings))  # fmt: skip


def conclude_ablation(settings: Settings, values: Values) -> Finding:
    """Compare the schedules with two stages without diagnoses and with joint training."""
    sentences, verdicts = [], {}
    for method in OURS:
        fixed, over_fixed = against(settings, values, method, "fine_tuned")
        joint, over_joint = against(settings, values, method, "joint")
        total = len(datasets(settings))
        verdicts[method] = over_fixed == over_joint == total
        sentences.append(
            f"{method} above two stages of fixed length: {fixed}, significant on {over_fixed} of "
            f"{total}; above joint training: {joint}, significant on {over_joint} of {total}."
        )
    blocks = [chart(settings, values), table(settings, values)]
    return Finding(Verdict.of(verdicts["pid"]), " ".join(sentences[::-1]), blocks,
                   places(settings))  # fmt: skip


def conclude_speed(settings: Settings, values: Values) -> Finding:
    """Say after how many epochs each has the accuracy of joint training."""
    rows, sooner = [], []
    for data in datasets(settings):
        epochs: dict[str, list[float]] = {}
        for seed in settings.seeds(*SEEDS):
            best = max(v for _, v in values[f"{data} | joint | {seed}"]["fused_validation"])
            for c in COMPARED:
                curve = values[f"{data} | {c} | {seed}"]["fused_validation"]
                arrived = [epoch for epoch, value in curve if value >= NEARLY * best]
                epochs.setdefault(c, []).append(arrived[0] if arrived else np.inf)
        sooner.append(np.mean(epochs["pid"]) < np.mean(epochs["joint"]))
        rows += [[data, c, shown(epochs[c])] for c in ("joint", "fine_tuned", "pid")]
    sentence = (
        f"Counting the epochs of both stages, pid reaches {NEARLY:.0%} of joint training's best "
        f"validation accuracy sooner on {sum(sooner)} of {len(sooner)} datasets."
    )
    header = ["dataset", "method", "epochs until there, by seed"]
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


def table(settings: Settings, values: Values) -> Table:
    """Return accuracy, paired differences and the length of stage 1."""
    rows = []
    for data in datasets(settings):
        for c in COMPARED:
            mean, low, high = mean_over_seeds(list(accuracies(settings, values, data, c)))
            cells = [data, c, f"{mean:.1f}", f"{low:.1f} … {high:.1f}"]
            for other in ("joint", "fine_tuned"):
                m, below, above = difference(settings, values, data, c, other)
                cells.append("" if c == other else f"{m:+.1f} [{below:+.1f}, {above:+.1f}]")
            alone = [
                values[f"{data} | {c} | {s}"]["unimodal_epochs"] for s in settings.seeds(*SEEDS)
            ]
            rows.append([*cells, f"{np.mean(alone):.1f}"])
    header = ["dataset", "method", "test %", "95 % interval", "above joint", "above fine_tuned",
              "epochs of stage 1"]  # fmt: skip
    caption = (
        f"Test accuracy over {len(settings.seeds(*SEEDS))} seeds; differences in points, paired by "
        "seed, 95 % t intervals. pid_published: the published rules on our diagnostics."
    )
    return Table(header, rows, caption, words=(1,))


def chart(settings: Settings, values: Values) -> Chart:
    """Draw each seed's accuracy by method, one marker shape per dataset."""
    data = []
    for number, name in enumerate(datasets(settings)):
        points = [(c, float(a)) for c in COMPARED for a in accuracies(settings, values, name, c)]
        data.append({
            "type": "scatter", "mode": "markers", "name": name,
            "x": [a for _, a in points], "y": [c for c, _ in points],
            **charts.line_style(number, size=9),
        })  # fmt: skip
    drawn = charts.figure(
        data, "test accuracy (%)",
        {"title": "method", "categoryorder": "array", "categoryarray": list(COMPARED)[::-1]},
    )  # fmt: skip
    summary = "Test accuracy of every run, by method; one marker per seed."
    return Chart("Accuracy by schedule", drawn, summary)


RAN = (
    "The runs of the section before: the same number of epochs for each, the epoch chosen on "
    "validation, test labels read once. evidence is the default of this program; pid has rules of "
    "the paper's kind, pid_paper the two sentences of the abstract word for word, pid_published "
    "those of the published code on the diagnostics here."
)
MI = Claim(
    name="methods",
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
    name="methods",
    title="Ablation of the controller",
    claim="The controller balances modalities by monitoring uniqueness and locates the ideal "
    "initial state to start joint training by tracking peak synergy.",
    source=ABSTRACT,
    ran=RAN,
    holds_if="pid is above fine_tuned (two stages of fixed length) and above joint on every "
    "dataset, with intervals above 0",
    measure=run,
    conclude=conclude_ablation,
)
SPEED = Claim(
    name="methods",
    title="Faster convergence",
    claim="The schedule converges faster.",
    source="one machine-made summary of arXiv 2509.20840: a weak source",
    ran=RAN,
    holds_if="pid gets there sooner on every dataset, on average over seeds",
    measure=run,
    conclude=conclude_speed,
)
