"""Tables of .parquet whose sizes are far beyond the file, or that are damaged."""

from pathlib import Path

import pytest

from fusion_sched.data.array_files import read_arrays

pyarrow = pytest.importorskip("pyarrow", reason="reads .parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="reads .parquet")


def test_rows_that_a_small_file_cannot_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    parquet.write_table(pyarrow.table({"a": pyarrow.nulls(40_000_000, pyarrow.int8())}), path)
    with pytest.raises(ValueError, match=r"bad\.parquet .*unpacks to 320,000,000"):
        read_arrays(path, "")


@pytest.mark.parametrize("kept", [0, 3, 40, -9, -1])
def test_a_cut_table_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "bad.parquet"
    parquet.write_table(pyarrow.table({"a": list(range(100))}), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"bad\.parquet cannot be read"):
        read_arrays(path, "")
