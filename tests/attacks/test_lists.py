"""Lists and archives of data sets: no way out of the folder, no row lost, no known test clip."""

import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.data.clips.fetch import check_members
from fusion_sched.data.clips.files import read_rows
from fusion_sched.data.food101 import LISTS, Food101
from fusion_sched.data.mosi import MOSI
from fusion_sched.data.samples.spec import SampleSpec


@pytest.fixture
def food(tmp_path: Path) -> Path:
    Food101.write_sample(tmp_path, SampleSpec(clips=240))
    return tmp_path


def _issues(root: Path) -> list[str]:
    return [i.message for i in Food101(str(root)).listing().issues if i.fatal]


def test_an_open_quote_spoils_its_own_row(food: Path) -> None:
    path = food / LISTS["train"]
    before = read_rows(path)
    lines = path.read_text().splitlines()
    picture, title, label = before[2]
    lines[2] = f'{picture},"{title},{label}'
    path.write_text("\n".join(lines))
    after = read_rows(path)
    assert len(after) == len(before)
    assert after[:2] + after[3:] == before[:2] + before[3:]
    (message,) = _issues(food)
    assert f"{path.name} row 3" in message


@pytest.mark.parametrize("label", ["../../..", "../test/x"])
def test_a_row_that_leads_out_of_the_folder_is_refused(tmp_path: Path, label: str) -> None:
    from fusion_sched.data.cremad import CremaD

    CremaD.write_sample(tmp_path, SampleSpec(clips=72))
    assert not [i for i in CremaD(str(tmp_path)).listing().issues if i.fatal]
    for path in tmp_path.rglob("*.csv"):
        lines = path.read_text().splitlines()
        name = lines[1].split(",")[0]
        path.write_text("\n".join([*lines, lines[1].replace(name, f"../../../{label}/{name}")]))
    issues = [i for i in CremaD(str(tmp_path)).listing().issues if i.fatal]
    assert issues
    assert all("outside" in i.kind or "broken" in i.kind for i in issues), issues


def test_a_test_sample_that_is_trained_on_is_refused(tmp_path: Path) -> None:
    MOSI.write_sample(tmp_path, SampleSpec(clips=40))
    path = tmp_path / "Processed" / "aligned_50.pkl"
    content = pickle.loads(path.read_bytes())
    content["test"]["id"][0] = content["train"]["id"][0]
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"1 test sample\(s\) are in train or valid as well"):
        MOSI(str(tmp_path)).load()


def _link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


ARCHIVES: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "outside": (lambda a: a.writestr("a/../../x", "x"), "leads out of its folder"),
    "absolute": (lambda a: a.writestr("/x", "x"), "leads out of its folder"),
    "backslashes": (lambda a: a.writestr("..\\x", "x"), "leads out of its folder"),
    "link": (_link, "the link 'link'"),
    "bomb": (lambda a: a.writestr("x", bytes(2**22)), "times as many"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_does_harm_is_not_unpacked(tmp_path: Path, name: str) -> None:
    write, message = ARCHIVES[name]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive)
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        pytest.raises(ValueError, match=message),
    ):
        check_members(archive, "a.zip")


def test_a_plain_archive_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/a.txt", "x" * 100)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        check_members(archive, "a.zip")
