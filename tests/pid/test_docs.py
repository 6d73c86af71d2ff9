"""Every code block of the documentation runs, and so does the example."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "pid.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block(number: int) -> None:
    exec(compile(BLOCKS[number], f"docs/pid.md block {number + 1}", "exec"), {})


def test_example_raises_the_synergy() -> None:
    path = ROOT / "examples" / "maximise_synergy.py"
    spec = importlib.util.spec_from_file_location("maximise_synergy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before, after = module.main(steps=100)
    assert before < 0.1
    assert after > 0.5
