"""From a table of your own files to a network that runs without fusion-sched.

It needs the installed package and an empty folder, nothing of the repository. A small table of
pictures and titles is written there first. Then the commands of `fusion-sched` train on it, predict
new samples, evaluate, and export; each is printed as a shell would take it. At the end the ONNX
file answers the new samples alone, where the extra `onnx` is installed.

    python train_to_export.py
"""

import csv
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fusion_sched.commands.cli import main as command_line
from fusion_sched.config.load import load_model
from fusion_sched.data.loading import Loader

NEW = [("a", "sample/pictures/00000.jpg", "Easy Donuts Recipe"),
       ("b", "sample/pictures/00001.jpg", "Best Apple Pie")]  # fmt: skip
ONNX = ("onnx", "onnxscript", "onnxruntime")


def fusion_sched(*words: str) -> None:
    """Call the command line in this process."""
    print(f"\n$ fusion-sched {shlex.join(words)}", flush=True)
    sys.argv = ["fusion-sched", *words]
    try:
        command_line()
    except SystemExit as end:
        if end.code:
            raise


def main() -> str:
    """Go through all steps in the working folder; return what the last one says."""
    fusion_sched("data", "sample", "files", "--out", "sample", "--clips", "40")
    fusion_sched(
        "train", "dataset=files", "dataset.list=sample/pictures.csv", "dataset.validation=0.3",
        "encoder=by_modality", "+encoder@encoder.picture=by_shape", "+encoder@encoder.title=text",
        "stage1.epochs=2", "stage2.epochs=2", "robustness=false", "hydra.run.dir=run",
    )  # fmt: skip
    with Path("new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "picture", "title"), *NEW])
    fusion_sched("predict", "run", "new.csv", "--out", "predictions.csv")
    fusion_sched("evaluate", "run", "--data", "sample/pictures.csv")
    fusion_sched("export", "run", "--format", "torch")
    absent = [package for package in ONNX if find_spec(package) is None]
    if absent:
        answer = f'no ONNX without {", ".join(absent)}: pip install "fusion-sched[onnx]"'
    else:
        fusion_sched("export", "run", "--format", "onnx")
        answer = answer_by_onnx(Path("run/export/model.onnx"))
    print(f"\n{answer}")
    return answer


def answer_by_onnx(path: Path) -> str:
    """Ask the ONNX file about the new samples, and compare with the table of predictions."""
    import onnxruntime

    model = load_model(Path("run"))  # only to prepare the inputs as training did
    new = model.reader("new.csv").read_new(model.inputs)
    (batch,) = Loader(new.samples, len(new.ids), finish=new.finish)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {m: x.numpy() for m, x in batch.inputs.items()}
    probabilities = session.run(["probabilities"], inputs)[0]
    with Path("predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = [[float(row[f"p({name})"]) for name in model.inputs.classes] for row in rows]
    error = np.abs(probabilities - np.array(table)).max()
    assert error < 1e-3, f"onnxruntime differs from predictions.csv by {error:.1e}"
    return f"onnxruntime gives the probabilities of predictions.csv, to {error:.1e}"


if __name__ == "__main__":
    main()
