"""A dataset, an encoder and a controller plugged in by yaml alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Answer, of, read_events

PLUGINS = Path(__file__).parent / "plugins"


@pytest.mark.slow
def test_parts_from_outside_the_package_train(
    command: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(PLUGINS))
    answer = command(
        "train", "--config-dir", str(PLUGINS / "conf"), "dataset=blobs", "encoder=linear",
        "controller=alternate", "probe=kmeans", "stage1.epochs=4", "stage2.epochs=4",
        "stage1.optimizer.lr=0.1", "stage2.optimizer.lr=0.1", "hydra.run.dir=run",
        "robustness=false", "tracker=none",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    events = read_events(tmp_path / "run")
    active = [event["active"] for event in of(events, "epoch")]
    assert active[:3] == [["left"], ["right"], ["left", "right"]]
    assert of(events, "result")[0]["test"]["fused"]["accuracy"] > 0.8
