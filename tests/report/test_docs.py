"""The examples of the documentation run as they stand there."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "report.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


def test_the_examples_make_their_pages(
    short_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN").symlink_to(short_runs / "pid0")
    for example in EXAMPLES:
        exec(example, {})
    report, claims = (
        (tmp_path / name).read_text("utf-8") for name in ("report.html", "claims.html")
    )
    assert "<h1>pid on digits_cg, seed 0</h1>" in report
    assert "reproduced</span>" in claims
