"""Every command of docs/compare.md runs, in its order."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from fusion_sched.comparison.cells import BESIDES, COMPACT
from fusion_sched.comparison.roles import Role

from ..conftest import Answer
from .conftest import SHORT

DOCUMENT = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    fusion-sched (.*?)(?:\s+#.*)?$", DOCUMENT, flags=re.M)


def test_every_command_runs(command: Callable[..., Answer], tmp_path: Path) -> None:
    assert len(COMMANDS) > 8
    for line in COMMANDS:
        words = shlex.split(line.replace("seed=0,1,2,3,4", "seed=0,1"))
        answer = command(*words, *(SHORT if words[0] == "train" else ()))
        assert answer.code == 0, (line, answer.err)
    assert (tmp_path / "table.tex").read_text().startswith(r"% needs \usepackage{booktabs}")


def test_every_column_and_role_is_explained() -> None:
    for column in (*COMPACT, *BESIDES):
        assert f"| `{column.header}` |" in DOCUMENT
    for role in Role:
        if role is not Role.OTHER:
            assert role.value in DOCUMENT
