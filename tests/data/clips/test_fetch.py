"""Downloads from a server of this test: checked, unpacked, whole or not there."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from zipfile import ZipFile

import pytest

from fusion_sched.data.clips.fetch import fetch_source
from fusion_sched.data.clips.source import Download, Source


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def source(*downloads: Download) -> Source:
    return Source(
        "made_up", "Made up", (), "example.org", "1 MB", "none", (), "Ask.", {}, {}, downloads
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_and_folders_of_archives(tmp_path: Path, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "list.csv").write_text("a,b\n")
    with ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("top/recordings/1.wav", b"one")
        archive.writestr("top/readme", b"not wanted")
    wanted = source(
        Download(f"{address}/list.csv", sha256(folder / "list.csv"), "lists/list.csv"),
        Download(f"{address}/all.zip", sha256(folder / "all.zip"), "wav", "top/recordings"),
    )
    root = tmp_path / "root"
    assert fetch_source(wanted, root) == [root / "lists" / "list.csv", root / "wav"]
    assert (root / "wav" / "1.wav").read_bytes() == b"one"
    assert sorted(p.name for p in root.rglob("*")) == ["1.wav", "list.csv", "lists", "wav"]
    assert fetch_source(wanted, root) == [], "nothing is fetched twice"


def test_another_file_than_the_known_one_is_refused(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, address = served
    (folder / "list.csv").write_text("tampered")
    with pytest.raises(ValueError, match="hash"):
        fetch_source(
            source(Download(f"{address}/list.csv", "0" * 64, "list.csv")), tmp_path / "root"
        )
    assert not list((tmp_path / "root").iterdir())


def test_no_connection_and_no_permission_are_said(tmp_path: Path, served: tuple[Path, str]) -> None:
    _, address = served
    with pytest.raises(ConnectionError, match=r"absent\.csv cannot be fetched.*put it where"):
        fetch_source(source(Download(f"{address}/absent.csv", "0" * 64, "x.csv")), tmp_path)
    with pytest.raises(ValueError, match=r"cannot be fetched by this program.*Ask\."):
        fetch_source(source(), tmp_path)
