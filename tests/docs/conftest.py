"""A reader of the documentation, and the world that it speaks of."""

from collections.abc import Callable

import pytest

from tests.conftest import Answer
from tests.docs.world import Reader, World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("documentation") / "shared"
    folder.mkdir()
    return World(folder)


@pytest.fixture
def reader(
    world: World,
    command: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Reader:
    """Return somebody at a shell in which only the place of the data is set."""
    monkeypatch.setenv("FUSION_SCHED_DATA", str(world.shared / "data"))
    return Reader(world, command, monkeypatch, lambda: capfd.readouterr().out)
