"""More than two modalities, which the paper names as future work."""

from pathlib import Path

import torch

from fusion_sched.report.html.document import Table, Text
from fusion_sched.runlog import hand_over_probe, read_trace
from scripts.studies.reproduce.bench import Bench, Notebook
from scripts.studies.reproduce.claim import SUMMARIES, Claim, Told, Values, Verdict
from scripts.studies.reproduce.training import (
    CHEAP,
    fused_accuracy,
    mean_and_interval,
    train_all,
)

CONTROLLERS = ("pid", "fixed", "joint")
BUILT_IN = {"digits_thirds": ("+experiment=digits_thirds",)}


def datasets(bench: Bench) -> dict[str, tuple[str, ...]]:
    """Return the data with three modalities that is here and can be trained on."""
    if "mosi" not in bench.paths or (bench.quick and not torch.cuda.is_available()):
        return BUILT_IN
    return {**BUILT_IN, "mosi": ("+experiment=mosi", f"dataset.root={bench.paths['mosi']}")}


def folders(bench: Bench) -> dict[tuple[str, str, int], Path]:
    """Return the folder of each run."""
    return {
        (data, c, seed): bench.runs / "more_modalities" / data / f"{c}-{seed}"
        for data in datasets(bench) for c in CONTROLLERS for seed in bench.seeds(2, 10)
    }  # fmt: skip


def run(bench: Bench, notebook: Notebook) -> None:
    """Train with three controllers and keep accuracies and the diagnosis at the hand-over."""
    chosen, runs = datasets(bench), folders(bench)
    train_all({
        folder: [*chosen[data], f"controller={c}", f"seed={seed}", *CHEAP]
        for (data, c, seed), folder in runs.items()
    })  # fmt: skip
    for (data, c, seed), folder in runs.items():
        notebook.read(f"{data} | {c} | {seed}", lambda f=folder: fused_accuracy(f))
    for data in chosen:
        folder = runs[data, "pid", 0]
        notebook.read(f"{data} | probe", lambda f=folder: hand_over_probe(read_trace(f)))


def tell(bench: Bench, values: Values) -> Told:
    """Compare the schedule with joint training and show what it saw."""
    rows, parts = [], []
    for data in datasets(bench):
        by = {c: [values[f"{data} | {c} | {s}"] for s in bench.seeds(2, 10)] for c in CONTROLLERS}
        for c in CONTROLLERS:
            mean, low, high = mean_and_interval(by[c])
            rows.append([data, c, f"{mean:.1f}", f"{low:.1f} … {high:.1f}"])
        gain, low, high = mean_and_interval(
            [a - b for a, b in zip(by["pid"], by["joint"], strict=True)]
        )
        parts.append(f"{data} {gain:+.1f} points [{low:+.1f}, {high:+.1f}]")
    if "mosi" not in bench.paths:
        where = " MOSI is not here (fusion-sched data check mosi)."
    else:
        where = "" if "mosi" in datasets(bench) else " MOSI is left to PROFILE=full or a GPU."
    sentence = (
        "Any number of modalities trains, each held against all others. pid is above joint "
        f"training by {'; '.join(parts)}.{where}"
    )
    header = ["dataset", "controller", "fused %", "95 % interval"]
    caption = f"Fused test accuracy over {len(bench.seeds(2, 10))} seeds."
    table = Table(header, rows, caption, words=(1,))
    blocks = [table, *(atoms(data, values[f"{data} | probe"]) for data in datasets(bench))]
    return Told(Verdict.BEYOND, sentence, blocks,
                [bench.runs / "more_modalities" / d for d in datasets(bench)])  # fmt: skip


def atoms(data: str, probe: dict | None) -> Table | Text:
    """Return what the diagnosis at the hand-over says, each modality against the rest."""
    if probe is None:
        return Text([f"{data}: no diagnosis before joint training."])
    rows = []
    for name, value in probe["unique_bits"].items():
        low, high = probe["interval"]["unique_bits"][name]
        rows.append([f"unique {name}", f"{value:.3f}", f"{low:.3f} … {high:.3f}"])
    for key, title in (("redundancy_bits", "redundancy (mean)"), ("synergy_bits", "synergy (mean)"),
                       ("joint_mi_bits", "I(all; Y)")):  # fmt: skip
        low, high = probe["interval"][key]
        rows.append([title, f"{probe[key]:.3f}", f"{low:.3f} … {high:.3f}"])
    return Table(["information", "bit", "95 % interval"], rows,
                 f"{data}, controller pid, seed 0: the diagnosis at the hand-over.")  # fmt: skip


CLAIM = Claim(
    name="more_modalities",
    title="More than two modalities",
    claim="More than two modalities are future work.",
    source=SUMMARIES,
    ran="Upper, middle and lower third of real digits as three modalities, and MOSI where it lies "
    "in its place.",
    holds_if="there is nothing to reproduce: it is future work in the paper",
    measure=run,
    tell=tell,
)
