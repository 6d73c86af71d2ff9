"""Short runs over datasets, controllers, balancers and resume: are their results what they were?

python -m scripts.reference_runs record FILE    # write the digests of this revision
python -m scripts.reference_runs check FILE     # equal or different, run by run; exit code 1
                                                # where anything differs

A refactoring must not change a number. Each run has a digest of its weights, of its epochs
(losses, accuracies, learning rates), of its decisions (epochs, stages, controller state), of its
diagnoses (values, intervals, p-values) and of its result. Words and times are left out. Digests
are of one machine and one torch version: record them before the change, on the machine that
checks.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

SHORT = "stage1.epochs=2 stage2.epochs=2 tracker=none"
DRAWS = "probe.resamples=5 probe.shuffles=3"
KMEANS = f"probe=kmeans {DRAWS}"
RUNS = {
    "pid": f"{KMEANS} controller=pid stage1.epochs=4",
    "resumed": f"{KMEANS} controller=pid stage1.epochs=4",
    "joint": f"{KMEANS} controller=joint seed=1",
    "mi, ogm_ge": f"{KMEANS} dataset=digits_noisy controller=mi balancer=ogm_ge",
    "paper, agm": f"{KMEANS} dataset=digits_halves controller=pid_paper balancer=agm",
    "three modalities": f"{KMEANS} dataset=digits_thirds controller=pid",
    "published": "dataset=synthetic controller=pid_published probe=published stage2.epochs=1",
    "random, mla": f"{KMEANS} dataset=digits_halves controller=random +method=mla",
    "frozen": f"{KMEANS} dataset=digits_halves +method=frozen",
    "mmpareto, gated": f"{KMEANS} controller=accuracy balancer=mmpareto fusion=gated "
    "robustness=false",
    "pmr, step": f"{KMEANS} controller=fixed balancer=pmr scheduler@stage2.scheduler=step",
    "gblending, cosine": f"{KMEANS} controller=joint balancer=gblending "
    "scheduler@stage2.scheduler=cosine",
    "greedy": f"{KMEANS} dataset=digits_halves +method=greedy",
    "relearning": f"{KMEANS} dataset=digits_thirds +method=relearning",
    "predictions, adamw": f"probe=predictions controller=pid {DRAWS} solver=scaling "
    "optimizer@stage1.optimizer=adamw fusion=film",
    "cremad": f"{KMEANS} controller=pid +experiment=cremad_smoke stage1.epochs=1 stage2.epochs=1",
    "posterior": "probe=posterior probe.source=both controller=pid probe.samples=400",
}
IGNORED = {
    "time", "seconds", "samples_per_second", "probe_share", "peak_memory_bytes", "reason",
    "warnings", "event",
}  # fmt: skip


def main() -> None:
    action, file = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        small = folder / "sample"
        command = ["data", "sample", "cremad", "--out", str(small)]
        subprocess.run(fusion_sched(*command), check=True, stdout=subprocess.DEVNULL)
        with ThreadPoolExecutor(int(os.environ.get("WORKERS", "2"))) as pool:
            digests = dict(pool.map(lambda name: (name, train_and_digest(name, folder)), RUNS))
    if action == "record":
        file.write_text(json.dumps(digests, indent=1), encoding="utf-8")
        return
    before = json.loads(file.read_text(encoding="utf-8"))
    for name, parts in digests.items():
        changed = [part for part in parts if parts[part] != before.get(name, {}).get(part)]
        verdict = "equal" if not changed else "DIFFERENT: " + ", ".join(changed)
        print(f"{name:20} {verdict if name in before else 'not recorded in ' + file.name}")
    sys.exit(any(digests.get(name) != parts for name, parts in before.items()))


def fusion_sched(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("fusion-sched")), *arguments]


def train_and_digest(name: str, folder: Path) -> dict[str, str]:
    """Train one configuration and return the digests of its run."""
    run = folder / name.replace(", ", "_").replace(" ", "_")
    overrides = [*SHORT.split(), *RUNS[name].split(), f"hydra.run.dir={run}"]
    if name == "cremad":
        overrides += [f"dataset.root={folder / 'sample'}", f"dataset.store={folder / 'store'}"]
    train = fusion_sched("train", *overrides)
    with (folder / f"{run.name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(train, stdout=log, stderr=log)
        if name == "resumed":
            kill_after_epoch(process, run, 2)
            process = subprocess.Popen(
                fusion_sched("train", f"resume={run}"), stdout=log, stderr=log
            )
        if process.wait() != 0:
            sys.exit(f"{name}: {Path(log.name).read_text(encoding='utf-8')[-2000:]}")
    return digest_of(run)


def digest_of(run: Path) -> dict[str, str]:
    """Return the digests of a run's weights and of each kind of event."""
    events = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    return {"weights": weights(run)} | {
        kind: hashed([canonical(event) for event in events if event["event"] == kind])
        for kind in ("epoch", "decision", "probe", "result")
    }


def kill_after_epoch(process: subprocess.Popen[bytes], run: Path, epochs: int) -> None:
    """Kill the run as soon as its trace holds that many epochs."""
    trace, wanted = run / "trace.jsonl", b'"event": "epoch"'
    while process.poll() is None:
        if trace.exists() and trace.read_bytes().count(wanted) >= epochs:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return
        time.sleep(0.01)
    sys.exit("the run that was to be killed ended before")


ASPECTS = {"error": "se", "null": "null", "p_value": "p"}
"""Fields of trace format 1 beside a value, and their names in an estimate of format 2."""


def canonical(event: Mapping[str, Any]) -> Any:
    """Return an event without words and times, with its estimates as format 2 writes them."""
    fields = {key: value for key, value in event.items() if key not in IGNORED}
    if "interval" not in fields:
        return fields
    ends = fields.pop("interval")
    others = {new: fields.pop(old, {}) for old, new in ASPECTS.items()}
    for key in ends:
        aspects = {new: values.get(key) for new, values in others.items()}
        if isinstance(fields[key], dict):
            fields[key] = {
                name: estimate(value, ends[key][name], {
                    new: value and value.get(name) for new, value in aspects.items()
                }) for name, value in fields[key].items()
            }  # fmt: skip
        else:
            fields[key] = estimate(fields[key], ends[key], aspects)
    fields["change"] = {n: nested(e) for n, e in fields.get("change", {}).items()}
    fields["pairs"] = {
        pair: {n: nested(e) for n, e in atoms.items()}
        for pair, atoms in fields.get("pairs", {}).items()
    }
    return {key: value for key, value in fields.items() if value != {}}


def estimate(value: float, ends: list[float], others: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"value": value, "low": ends[0], "high": ends[1], **others}
    return {key: one for key, one in fields.items() if one is not None}


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    others = {new: fields.get(old) for old, new in ASPECTS.items()}
    return estimate(fields["value"], fields["interval"], others)


def weights(run: Path) -> str:
    """Return a hash of the last and of the best weights."""
    folder, content = run / "checkpoint", hashlib.sha256()
    last = torch.load(folder / "last.pt", weights_only=True)
    best = torch.load(folder / last["state"]["best"], weights_only=True)
    for model in (last["model"], best["model"]):
        for name, values in model.items():
            content.update(name.encode() + values.numpy().tobytes())
    return content.hexdigest()[:16]


def hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
