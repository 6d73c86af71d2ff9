"""Behind `fusion-sched evaluate`: the scores of a trained model on a split or on other data."""

import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.table import Table

from fusion_sched.commands.predict import absence_lines, predict_new
from fusion_sched.config.build import build_dataset
from fusion_sched.config.load import LoadedModel, load_model
from fusion_sched.config.targets import check_targets
from fusion_sched.data.loading import Loader
from fusion_sched.evaluation.metrics import Evaluation
from fusion_sched.models.ensembles import FittedFusion
from fusion_sched.runlog import Trace, read_trace
from fusion_sched.runtime.environment import pick_device
from fusion_sched.runtime.files import naming
from fusion_sched.training.epoch import evaluate
from fusion_sched.types import FUSED, NO_LABEL, Splits

SPLIT = "test"


def print_scores(
    run: Path, split: str | None, data: str | None, as_json: bool, allowed: list[str]
) -> list[Any]:
    """Return what to print: a table and notes, or one JSON object."""
    if split is not None and data is not None:
        raise ValueError(f"got --split {split} and --data {data}, expected one of them")
    model = load_model(run, allowed)
    name = data or split or SPLIT
    if data is None:
        evaluation, notes = _evaluate_split(run, model, name, allowed)
    else:
        evaluation, notes = _evaluate_new(model, data)
    accuracy, f1 = evaluation.accuracy(), evaluation.macro_f1()
    scores = {m: {"accuracy": accuracy[m], "macro_f1": f1[m]} for m in accuracy}
    if as_json:
        return [json.dumps({name: scores, "samples": len(evaluation.y), "notes": notes})]
    table = Table(title=f"{run} on {name}, {len(evaluation.y)} samples", title_justify="left")
    for title in ("", "accuracy", "macro-F1"):
        table.add_column(title, justify="right" if title else "left")
    for head in scores:
        table.add_row(head, f"{accuracy[head]:.1%}", f"{f1[head]:.3f}")
    return [table, *(f"note: {note}" for note in notes)]


def ended_trace(run: Path) -> Trace:
    """Return the trace of a run that has ended; raise `ValueError` for one that has not."""
    trace = read_trace(run)
    if trace.result is None:
        raise ValueError(f"{run} has not ended; go on by: fusion-sched train resume={run}")
    return trace


def load_splits(run: Path, trace: Trace, allowed: list[str]) -> Splits:
    """Return the run's own splits; raise `ValueError` where the data has changed since."""
    cfg = OmegaConf.create(trace.start["config"])
    check_targets(cfg, trace.path, allowed)
    splits = build_dataset(cfg).load()
    for name, now in splits.fingerprints().items():
        before = trace.start["fingerprint"][name]
        if now != before:
            raise ValueError(
                f"the {name} split has fingerprint {now}, but the run in {run} was trained with "
                f"{before}: the data has changed; bring it back, or evaluate it by --data"
            )
    return splits


def _evaluate_split(
    run: Path, model: LoadedModel, name: str, allowed: list[str]
) -> tuple[Evaluation, list[str]]:
    """Predict as training did: on its device, in its batches."""
    trace = ended_trace(run)
    splits = load_splits(run, trace, allowed)
    if name not in splits.by_name():
        raise ValueError(f"--split is {name!r}, expected one of {list(splits.by_name())}")
    samples = splits.plain_train if name == "train" else splits.by_name()[name]
    if not len(samples):
        raise ValueError(f"the run in {run} has no {name} split; take --split validation or --data")
    config = trace.start["config"]
    device = pick_device(config["device"])
    loader = Loader(samples, config["batch_size"], device=device, finish=splits.finish)
    notes = []
    if name == "validation" and isinstance(model.network.fusion, FittedFusion):
        notes.append("the fusion was fitted to these samples: the run scored it out of fold")
    return evaluate(model.network.to(device), loader), notes


def _evaluate_new(model: LoadedModel, data: str) -> tuple[Evaluation, list[str]]:
    with naming(Path(data)):
        new = model.reader(data).read_new(model.inputs)
        lines = absence_lines(model, new)
    unlabelled = int((new.samples.labels == NO_LABEL).sum())
    if unlabelled:
        raise ValueError(
            f"{data} gives no label for {unlabelled} of {len(new.ids)} samples, expected one for "
            "each; without labels, take fusion-sched predict"
        )
    predicted = predict_new(model, new)
    rows = {m: new.present[m] for m in new.present if new.present[m].any()}
    if not all(has.all() for has in rows.values()):
        raise ValueError(
            f"{data} lacks modalities in some samples, so that heads cannot be compared on the "
            "same samples; leave these out, or take fusion-sched predict"
        )
    heads = {m: predicted.logits[m].argmax(dim=1) for m in (*rows, FUSED)}
    return Evaluation(heads, predicted.y), [*new.notes, *(_plain(line) for line in lines)]


def _plain(line: str) -> str:
    return line.removeprefix("note: ")
