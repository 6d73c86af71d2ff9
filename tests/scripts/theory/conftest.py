import copy
from typing import Any

import pytest
import torch

from scripts.studies.theory import run
from tests.scripts.theory.tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def stages() -> list[dict[str, Any]]:
    """What ``on_part`` got, then the result."""
    seen: list[dict[str, Any]] = []
    result = run(TINY, CPU, None, lambda partial: seen.append(copy.deepcopy(partial)))
    return [*seen, result]


@pytest.fixture
def result(stages: list[dict[str, Any]]) -> dict[str, Any]:
    return copy.deepcopy(stages[-1])
