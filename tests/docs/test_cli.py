"""The reference of the command line is that of the code."""

import re
import runpy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.commands.choices import keys_of, list_choices, summary_of
from tests.docs.documents import ROOT

DOCUMENT = ROOT / "docs" / "cli.md"
SCRIPT = ROOT / "scripts" / "cli_reference.py"


def pinned(package: str) -> str:
    """Return the version that the constraints name."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)$", constraints, flags=re.M)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.mark.skipif(version("typer") != pinned("typer"), reason="other releases word it otherwise")
def test_the_reference_is_up_to_date(script: dict[str, Any]) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == script["reference"](), (
        "the code has changed: run `python scripts/cli_reference.py`"
    )


def test_every_choice_and_every_command_is_in_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for group, choices in list_choices().items():
        section = text[text.index(f"### `{group}`") :].partition("\n### ")[0]
        missing = [name for name in choices if f"| `{name}` |" not in section]
        assert not missing, f"{group}: {missing}"
    assert text.count("\n## `fusion-sched ") >= 5


def test_keys_are_read_with_their_nesting_and_comments(tmp_path: Path) -> None:
    yaml = tmp_path / "any.yaml"
    yaml.write_text(
        "# head\n_target_: a.B\nsteps: 3   # how many\n# of the\nouter:\n  inner: [1, 2]  # both\n"
        "  deep:\n    key: '{x}/#1'\nlast: null\nhydra:\n  run:\n    dir: out\n",
        encoding="utf-8",
    )
    assert [tuple(key) for key in keys_of(yaml)] == [
        ("steps", "3", "how many"), ("outer.inner", "[1, 2]", "of the both"),
        ("outer.deep.key", "'{x}/#1'", ""), ("last", "null", ""),
    ]  # fmt: skip
    assert summary_of(yaml) == "head"
