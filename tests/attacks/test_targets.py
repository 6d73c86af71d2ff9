"""A run's folder may come from somebody else: what its configuration names is not called."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from omegaconf import OmegaConf

from fusion_sched.config.schema import config_dir
from fusion_sched.config.targets import check_targets
from tests.conftest import Answer, check_message

Command = Callable[..., Answer]
MARK = "mark"
FOREIGN: dict[str, dict[str, Any]] = {
    "a pickle that runs a command": {"_target_": "joblib.load", "filename": "evil.joblib"},
    "copyfile": {"_target_": "shutil.copyfile", "src": "run/trace.jsonl", "dst": MARK},
    "write_text": {
        "_target_": "pathlib.Path.write_text",
        "_args_": [{"_target_": "pathlib.Path", "_args_": [MARK]}, "x"],
    },
    "savetxt": {"_target_": "numpy.savetxt", "fname": MARK, "X": [1.0]},
    "the package's own writer": {
        "_target_": "fusion_sched.runtime.files.atomic_write", "path": MARK, "content": "x",
    },
    "inside a value": {
        "_target_": "fusion_sched.controllers.fixed.Fixed",
        "epochs": {"_target_": "os.mkdir", "path": MARK},
    },
}  # fmt: skip


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(MARK),)


@pytest.fixture
def run(command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a run that has ended, as if it had not."""
    ended = tmp_path_factory.getbasetemp() / "run_of_somebody"
    if not ended.exists():
        command("train", f"hydra.run.dir={ended}", "stage1.epochs=1", "stage2.epochs=1",
                "probe=kmeans", "probe.samples=200", "controller=pid", "robustness=false",
                "encoder=mlp", "tracker=none")  # fmt: skip
    joblib.dump(_Evil(), tmp_path / "evil.joblib")
    return Path(shutil.copytree(ended, tmp_path / "run"))


@pytest.mark.parametrize("name", FOREIGN)
def test_replay_calls_nothing_that_a_trace_names(command: Command, run: Path, name: str) -> None:
    start, *others = (run / "trace.jsonl").read_text().splitlines()
    event = json.loads(start)
    event["config"]["controller"] = FOREIGN[name]
    (run / "trace.jsonl").write_text("\n".join([json.dumps(event), *others, ""]))
    check_message(command("replay", "run"), 1, ["trace.jsonl", "controller", "allow="])
    assert not (run.parent / MARK).exists()


@pytest.mark.parametrize("part", ["controller", "dataset", "tracker"])
@pytest.mark.parametrize("name", FOREIGN)
def test_resume_calls_nothing_that_a_configuration_names(
    command: Command, run: Path, name: str, part: str
) -> None:
    _without_result(run)
    saved = run / ".hydra" / "config.yaml"
    cfg = OmegaConf.load(saved)
    cfg[part] = FOREIGN[name]
    OmegaConf.save(cfg, saved)
    check_message(command("train", "resume=run"), 1, ["config.yaml", part, "allow="])
    assert not (run.parent / MARK).exists()


def test_what_the_user_allows_is_called(command: Command, run: Path) -> None:
    start, *others = (run / "trace.jsonl").read_text().splitlines()
    event = json.loads(start)
    event["config"]["controller"] = FOREIGN["copyfile"]
    (run / "trace.jsonl").write_text("\n".join([json.dumps(event), *others, ""]))
    command("replay", "run", "allow=shutil.copyfile")
    assert (run.parent / MARK).exists()


def test_every_choice_of_the_package_is_known() -> None:
    for path in config_dir().rglob("*.yaml"):
        node = OmegaConf.create(OmegaConf.to_yaml(OmegaConf.load(path)))
        keys = {k: v for k, v in OmegaConf.to_container(node).items() if k == "_target_"}
        check_targets(OmegaConf.create(keys), path)


def _without_result(run: Path) -> None:
    lines = (run / "trace.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["event"] != "result"]
    (run / "trace.jsonl").write_text("\n".join([*kept, ""]))
