import copy
from typing import Any

import pytest
import torch
from joblib import Memory

from scripts.studies.theory import run
from tests.scripts.theory.tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Memory:
    return Memory(tmp_path_factory.mktemp("parts"), verbose=0)


@pytest.fixture(scope="session")
def whole_result(memory: Memory) -> dict[str, Any]:
    return run(TINY, CPU, memory)


@pytest.fixture
def result(whole_result: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(whole_result)
