"""Train on your own files: sounds and videos in folders of classes, no class written.

A small folder is made first: CLASS/NAME.wav and CLASS/NAME.avi. `data check` names what is wrong
with it, here a video without its sound; then a short run trains on the rest.

    python examples/own_files.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fusion_sched.commands.data import check
from fusion_sched.commands.train import launch
from fusion_sched.data.samples.own_files import write_own_files
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.runlog import read_trace

SETTINGS = ("dataset.size=32", "dataset.seconds=1.0", "dataset.on_error=skip")


def main(folder: Path) -> dict[str, Any]:
    """Write the files, check them, train a short run, and return its result."""
    write_own_files(folder, SampleSpec(clips=60))
    clips, run = folder / "clips", folder / "run"
    sorted(clips.glob("*/*.wav"))[0].unlink()
    for part in check("files", clips, SETTINGS, as_json=False)[0][-2:]:
        print(part)
    launch([
        "dataset=files", f"dataset.root={clips}", *SETTINGS, "controller=joint",
        "stage1.epochs=2", "stage2.epochs=8", "probe.every=10", "probe.joint_every=10",
        "batch_size=16", "robustness=false", "tracker=none", f"hydra.run.dir={run}",
    ])  # fmt: skip
    result = read_trace(run).result
    assert result is not None, "the run has ended"
    return result


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(scratch))
