"""Commands are found in every form in which a page can have them, and nothing else is."""

from pathlib import Path

import pytest

from tests.docs import documents
from tests.docs.documents import Step, links_of, steps_of
from tests.docs.rules import rule_for

PAGE = """\
# Title

    fusion-sched train seed=1      # a comment
    python -c "first; \\
    second"
    loss = train()

Say `fusion-sched train
seed=2` or `make`, `fusion-sched`, or `pip install "fusion-sched[ray]"`.
    make sure that this line is no command: it goes on with the paragraph

<!-- table:begin -->
    make check && make test
<!-- table:end -->

```bash
$ make demo
```

```python
make = "fusion-sched train"
```

<!-- file: conf/one.yaml -->
```yaml
key: 1
```

    fusion-sched compare [OPTIONS] {runs}...
    fusion-sched train seed=1
"""


def write(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(documents, "ROOT", folder)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_form_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = steps_of(write(tmp_path, "page.md", PAGE, monkeypatch))
    assert [step.text for step in steps if step.content is None] == [
        "fusion-sched train seed=1", 'python -c "first;     second"', "fusion-sched train seed=2",
        'pip install "fusion-sched[ray]"', "make check", "make test", "make demo",
    ]  # fmt: skip
    assert [step for step in steps if step.content] == [
        Step("page.md:25", "conf/one.yaml", "key: 1\n")
    ]
    assert steps[0].place == "page.md:3"


def test_heads_of_experiments_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = (
        "# @package _global_\n# What it is.\n# Command:  fusion-sched data fetch x && "
        "fusion-sched train +experiment=x\n#           fusion-sched train seed=1\n"
        "# Hardware: one core.\nkey: 1\n"
    )
    steps = steps_of(write(tmp_path, "x.yaml", head, monkeypatch))
    assert [step.text for step in steps] == [
        "fusion-sched data fetch x",
        "fusion-sched train +experiment=x",
        "fusion-sched train seed=1",
    ]


def test_links_are_those_of_files(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "[a](a.md#part) ![b](b.png) [web](https://x.org/c.md) [here](#d) `[no](e.md)`\n"
        "```\n[no](f.md)\n```\n"
    )
    assert links_of(page) == ["a.md", "b.png"]


def test_a_command_without_a_rule_says_what_to_do() -> None:
    with pytest.raises(LookupError, match=r"no rule says how to test `fusion-sched dance now`"):
        rule_for("fusion-sched dance now")
