"""The numbers and pictures of docs/concepts.md are those that its script computes."""

import re
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from fusion_sched.config.schema import config_dir
from tests.docs.documents import ROOT
from tests.docs.test_cli import pinned

DOCUMENT = ROOT / "docs" / "concepts.md"
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return scripts/draw_concepts.py, imported as if from its own folder."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import draw_concepts
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return draw_concepts


def test_the_tables_are_up_to_date(script: ModuleType) -> None:
    """Words to the letter, and numbers to 0.02: other processors cluster a little differently."""
    text = DOCUMENT.read_text(encoding="utf-8")
    fresh = script.filled(text, script.tables())
    again = "the numbers have changed: run `python scripts/draw_concepts.py`"
    assert NUMBER.sub("N", text) == NUMBER.sub("N", fresh), again
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(t)] for t in (text, fresh)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.02), again


def test_pictures_are_the_same_at_each_drawing(script: ModuleType, tmp_path: Path) -> None:
    for name, figure in script.pictures().items():
        script.save(figure, tmp_path / name)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name, figure in script.pictures().items():
        script.save(figure, tmp_path / name)
        assert (tmp_path / name).read_bytes() == first[name]
        assert len(first[name]) < 100_000
        if name != "pid_bias.svg" and version("matplotlib") == pinned("matplotlib"):
            assert (ROOT / "docs" / name).read_bytes() == first[name], (
                "the picture has changed: run `python scripts/draw_concepts.py`"
            )


def test_the_shuffled_labels_tell_nothing_to_us_and_much_to_the_histogram(
    script: ModuleType,
) -> None:
    """What the page says of its table."""
    by_label = {
        shuffled: [c for c in script.compared() if c.shuffled == shuffled]
        for shuffled in (True, False)
    }
    assert all(c.histogram > 0.5 and c.ours.low == 0 for c in by_label[True])
    for shuffled, true in zip(by_label[True], by_label[False], strict=True):
        assert shuffled.histogram > 2 * true.histogram
    assert by_label[False][-1].ours.low > 0.1


def test_the_invented_run_shows_every_rule(script: ModuleType) -> None:
    answers = script.decisions()
    assert answers[0].stage.active == ("hard",)
    assert answers[3].stage.active == ("easy", "hard")
    assert [n for n, answer in enumerate(answers) if answer.keep] == [3, 4]
    assert answers[-1].stage.joint
    assert answers[-1].restore


def test_the_knobs_have_the_defaults_that_the_page_gives() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| (\S+) \|", DOCUMENT.read_text("utf-8"), flags=re.M)
    assert len(rows) >= 8
    for group, key, default in rows:
        choice = {"controller": "pid", "probe": "kmeans"}[group]
        path = config_dir() / group / f"{choice}.yaml"
        assert yaml.safe_load(path.read_text("utf-8"))[key] == yaml.safe_load(default), key
