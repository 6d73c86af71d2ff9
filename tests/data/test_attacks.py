"""Settings that used to be ignored, or to end in a message that helps nobody."""

import shlex
from pathlib import Path

import pytest
from rich.console import Console

from fusion_sched.commands.data import issue_tables, open_dataset, root_override
from fusion_sched.data.clips.files import read_rows
from fusion_sched.data.clips.load import progress_bar
from fusion_sched.data.clips.prepare import make_folder
from fusion_sched.data.clips.types import Issue


def test_two_roots_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of them"):
        open_dataset("cremad", Path("here"), ["dataset.root=there"])


def test_on_error_is_looked_at_by_every_command() -> None:
    with pytest.raises(ValueError, match="on_error is 'banana', expected 'raise' or 'skip'"):
        open_dataset("cremad", Path("here"), ["dataset.on_error=banana"])


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_length_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=f"dataset.seconds is {value}, expected a finite number"):
        open_dataset("ave", Path("here"), [f"dataset.seconds={value}"])


@pytest.mark.parametrize("size", ["[64]", "[0,64]", "[a,b]", "[1.5,2]"])
def test_a_size_that_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="expected two whole numbers above 0"):
        open_dataset("cremad", Path("here"), [f"dataset.audio_size={size}"])


def test_a_dataset_that_is_generated_says_so_with_a_root_as_well() -> None:
    with pytest.raises(ValueError, match="is not on disk"):
        open_dataset("synthetic", Path("here"))


def test_a_store_that_is_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "inside"):
        with pytest.raises(NotADirectoryError, match="it, or a folder above it, is a file"):
            make_folder(folder)


@pytest.mark.parametrize("name", ["plain", "with space", "a,b=c", "it's", "x{1}[2](3)"])
def test_the_command_that_sample_data_names_can_be_typed(name: str, tmp_path: Path) -> None:
    (typed,) = shlex.split(root_override(tmp_path / name))
    assert open_dataset("cremad", None, [typed]).root == str(tmp_path / name)


def test_no_empty_line_where_no_terminal_is(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading") as progress:
        progress(1, 2)
    assert capfd.readouterr().err == ""


def test_a_list_with_a_huge_cell_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("x" * 200_000)
    with pytest.raises(ValueError, match="is not a list of rows"):
        read_rows(path)


def test_the_table_of_issues_shows_no_markup() -> None:
    console = Console(width=80, record=True)
    for table in issue_tables([Issue("broken row", "a", "", "row [1] is odd")]):
        console.print(table, markup=False)
    shown = console.export_text()
    assert "row [1] is odd" in shown
    assert "[red]" not in shown
