"""The examples in the documentation and the docstrings run."""

import doctest
import re
import sys
from pathlib import Path

from fusion_sched.estimation import estimate

DOCUMENT = Path(__file__).parents[2] / "docs" / "estimation.md"


def test_the_documents_example_runs() -> None:
    example = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.S)
    assert example is not None
    names: dict = {}
    exec(example[1], names)
    assert names["pair"].unique1.low > 0.2


def test_the_docstrings_example_holds() -> None:
    assert doctest.testmod(sys.modules[estimate.__module__]) == (0, 4)
