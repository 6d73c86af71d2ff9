"""Tables of one's own files: what a row is, and what cannot be one."""

from pathlib import Path

import pandas as pd
import pytest

from fusion_sched.data.tables import Table, class_names, read_table

GOOD = "label,voice\ncalm,a.wav\nloud,b.wav\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def places(table: Table) -> list[str]:
    return [row.place for row in table.rows]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD.replace("\n", "\r\n"),
        "label,voice\ncalm,a.wav,\nloud,b.wav,\n",  # a comma ends each row, not the header
        ",label,voice\n0,calm,a.wav\n1,loud,b.wav\n",  # an index without a name
        " label , voice \n\n calm, a.wav\n\nloud ,b.wav\n",
    ],
)
def test_the_same_rows_however_they_are_written(text: str, tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "list.csv", text))
    assert table.columns == ("label", "voice")
    assert table.cells("label") == ["calm", "loud"]
    assert table.cells("voice") == ["a.wav", "b.wav"]
    assert not [issue for issue in table.issues if issue.fatal]


def test_tabs(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "list.tsv", GOOD.replace(",", "\t")))
    assert table.cells("voice") == ["a.wav", "b.wav"]


def test_a_quote_that_is_not_closed_is_one_broken_row(tmp_path: Path) -> None:
    text = 'label,title\ncalm,"a lake\nloud,storm\ncalm,night\nloud,"sea"\ncalm,day\n'
    table = read_table(write(tmp_path / "list.csv", text))
    assert places(table) == ["list.csv line 6"]
    (issue,) = table.issues
    assert issue.kind == "broken row"
    assert issue.message.startswith("list.csv line 2 opens a quote that is closed in line 5")


def test_rows_of_another_length_are_broken(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "list.csv", GOOD + "calm\ncalm,a,b.wav\n"))
    assert places(table) == ["list.csv line 2", "list.csv line 3"]
    assert [issue.clip for issue in table.issues] == ["list.csv line 4", "list.csv line 5"]
    assert "expected 2 cells as the header has" in table.issues[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,label\na,b\n", "expected one header of different names"),
        ("", "expected one header of different names"),
        ("label,voice\na," + 200_000 * "x", "is not a table of UTF-8 text"),
    ],
)
def test_what_is_no_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_table(write(tmp_path / "list.csv", text))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"does not exist; set dataset\.list"):
        read_table(tmp_path / "list.csv")
    (tmp_path / "list.xlsx").touch()
    with pytest.raises(ValueError, match=r"header that ends in \.csv"):
        read_table(tmp_path / "list.xlsx")
    (tmp_path / "list.csv").write_bytes("label,voice\nr\u00e9,a\n".encode("latin-1"))
    with pytest.raises(ValueError, match="save it again as UTF-8"):
        read_table(tmp_path / "list.csv")


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    path = tmp_path / "list.parquet"
    pd.DataFrame({"label": [1, 2], "voice": ["a.wav", None]}).to_parquet(path)
    table = read_table(path)
    assert table.cells("label") == ["1", "2"]
    assert table.cells("voice") == ["a.wav", ""]
    pd.DataFrame({"label": [1], "values": [[1.0, 2.0]]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"holds lists in \['values'\]"):
        read_table(path)


def test_classes_are_in_the_order_of_their_numbers_or_letters() -> None:
    assert class_names(["10", "2", "2", "10"], "y") == ("2", "10")
    assert class_names(["b", "a", "", "a"], "y") == ("a", "b")
    with pytest.raises(ValueError, match="'y' holds 1 different labels in 2 rows"):
        class_names(["a", "a"], "y")
    with pytest.raises(ValueError, match=r"name its column by dataset\.label"):
        class_names([f"name{n}" for n in range(20)], "y")
