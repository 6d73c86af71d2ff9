"""Behind `fusion-sched diagnose`: the run's probe on its finished model."""

import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from fusion_sched.commands.evaluate import ended_trace, load_splits
from fusion_sched.commands.pid_output import diagnosis_table, flat_fields, notes_on
from fusion_sched.config.instantiate import make
from fusion_sched.config.load import load_model
from fusion_sched.data.loading import Loader
from fusion_sched.probe.posterior.nulls import SHUFFLES
from fusion_sched.runtime.environment import pick_device
from fusion_sched.training.components import Probe, stratified_choice
from fusion_sched.training.epoch import embed

SPLIT = "validation"


def diagnose_split(run: Path, split: str, as_json: bool, allowed: list[str]) -> list[Any]:
    """Return what to print: a table and notes, or one JSON object with the keys of `pid --json`.

    As many samples as the run's probe takes, at most, each class in its share.
    """
    trace = ended_trace(run)
    network = load_model(run, allowed).network
    splits = load_splits(run, trace, allowed)
    if split not in splits.by_name():
        raise ValueError(f"--split is {split!r}, expected one of {list(splits.by_name())}")
    cfg = OmegaConf.create(trace.start["config"])
    probe: Probe = make(cfg, "probe")
    samples = splits.plain_train if split == "train" else splits.by_name()[split]
    chosen = stratified_choice(samples.labels.numpy(), probe.samples, cfg.seed)
    device = pick_device(cfg.device)
    loader = Loader(samples, cfg.batch_size, chosen, device=device, finish=splits.finish)
    inputs = embed(network.to(device), loader, probe.on_device)
    diagnosis, _ = probe.diagnose(inputs, make(cfg, "solver"), {})
    if as_json:
        return [json.dumps(flat_fields(diagnosis))]
    least_p = 1 / (1 + cfg.probe.get("shuffles", SHUFFLES))
    title = f"{run}: what the label shares with each embedding of {split}"
    return [diagnosis_table(diagnosis, title, least_p), *notes_on(diagnosis)]
