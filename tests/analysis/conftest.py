"""Synthetic runs: a real trace with other numbers in its start and its result."""

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.conftest import make_config, read_events, run_once

SHORT = (
    "stage1.epochs=1", "stage2.epochs=1", "probe.samples=200", "probe=kmeans", "probe.resamples=5",
    "probe.shuffles=1", "robustness=false", "tracker=none", "encoder=mlp",
)  # fmt: skip


@cache
def plain_config(*overrides: str) -> dict[str, Any]:
    """Return a configuration as a trace holds it."""
    config = OmegaConf.to_container(make_config(*overrides), resolve=True)
    return {str(key): value for key, value in dict(config).items()}


class Maker:
    """Writes runs that differ from one real run where a test says so."""

    def __init__(self, real: list[dict[str, Any]], folder: Path) -> None:
        self.real, self.folder = real, folder

    def __call__(
        self,
        seed: int,
        fused: float | None,
        *overrides: str,
        method: str = "",
        start: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a run with this fused accuracy, or one that has not ended; return its folder."""
        events = deepcopy(self.real)
        config = {**plain_config(*SHORT, *overrides), "seed": seed, "method": method}
        events[0] |= {"seed": seed, "config": config, **(start or {})}
        if fused is None:
            events = events[:-1]
        else:
            events[-1]["test"]["fused"]["accuracy"] = fused
            events[-1]["validation"]["fused"] = fused
            events[-1] |= result or {}
        run = self.folder / f"run{len(list(self.folder.glob('run*')))}"
        run.mkdir(parents=True)
        lines = [json.dumps(event) + "\n" for event in events]
        (run / "trace.jsonl").write_text("".join(lines), encoding="utf-8")
        return run

    def row(self, values: Mapping[int, float], *overrides: str, **changes: Any) -> list[Path]:
        """Write one run per seed."""
        return [self(seed, value, *overrides, **changes) for seed, value in values.items()]


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one real, short run."""
    folder = tmp_path_factory.mktemp("real") / "run"
    run_once(folder, *SHORT)
    return folder


@pytest.fixture
def make_run(real_run: Path, tmp_path: Path) -> Maker:
    """Return a writer of synthetic runs into an empty folder."""
    return Maker(read_events(real_run), tmp_path / "runs")
