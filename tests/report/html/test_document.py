"""A page of sections, whatever they are about."""

import base64
import gzip
import json
import re
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from fusion_sched.report.html.document import (
    BADGES,
    Chart,
    Code,
    Facts,
    Fold,
    Notes,
    Section,
    Table,
    Text,
    plain,
    script_json,
    write_page,
)

HOSTILE = "</script><b>\"&' <br>"


def page(tmp_path: Path, *sections: Section) -> str:
    output = tmp_path / "page.html"
    write_page(output, "Title", "Lead", sections)
    html = output.read_text(encoding="utf-8")
    return html[: html.index("</main>")]


def test_everything_is_in_one_file_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    chart = Chart("Bars", {"data": [{"type": "bar", "y": [1]}], "layout": {}}, "One bar.")
    write_page(output, "Title", "Lead", [Section("a", "A", [chart])], facts={"seed": "3"})
    html = output.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    (packed,) = re.findall(r'id="plotly">([^<]*)<', html)
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", html)
    assert len(html) < 2_200_000
    assert "data-running" not in html.split(">")[1]


def test_text_is_escaped_wherever_it_stands(tmp_path: Path) -> None:
    blocks = [
        Text([HOSTILE]), Table([HOSTILE, "b"], [[HOSTILE, HOSTILE]], HOSTILE),
        Facts({HOSTILE: HOSTILE}), Code(HOSTILE, HOSTILE, folded=True), Notes(HOSTILE, [HOSTILE]),
        Chart(HOSTILE, {"data": [{"name": HOSTILE}], "layout": {}}, HOSTILE),
        Fold("f", HOSTILE, [Text([HOSTILE])]),
    ]  # fmt: skip
    html = page(tmp_path, Section("a", HOSTILE, blocks))
    assert "<b>" not in html
    assert html.count("</script>") == html.count("<script")


def test_json_in_a_script_is_still_the_same_json() -> None:
    value = {"name": f"{HOSTILE}<!--", "y": [1, 0.123456789, float("nan"), None], "z": (1, 2)}
    text = script_json(value)
    assert "<" not in text
    assert json.loads(text) == {"name": f"{HOSTILE}<!--", "y": [1, 0.12346, None, None],
                                "z": [1, 2]}  # fmt: skip


def test_plotly_is_told_to_show_text_as_it_is() -> None:
    assert plain("<br>\n&amp; $x$") == "&lt;br&gt; &amp;amp; &#36;x&#36;"


@pytest.mark.parametrize("status", BADGES)
def test_a_badge_has_its_sign_and_its_word(tmp_path: Path, status: str) -> None:
    html = page(tmp_path, Section("claim", "A claim", [], status))
    badge = f'class="badge {BADGES[status].tone}"'
    assert html.count(badge) == 2, "in the contents and at the heading"
    assert html.count(BADGES[status].sign) >= 2
    assert html.count(f"{status}</span>") == 2


def test_contents_lead_to_every_section(tmp_path: Path) -> None:
    html = page(tmp_path, Section("one", "One", []), Section("two", "Two", []))
    for name in ("one", "two"):
        assert f'href="#{name}"' in html
        assert f'<section id="{name}"' in html


def test_two_sections_of_one_id_are_refused(tmp_path: Path) -> None:
    twice = [Section("a", "A", []), Section("a", "B", [])]
    with pytest.raises(ValueError, match="several sections have the id a"):
        write_page(tmp_path / "page.html", "", "", twice)


def test_a_folder_or_a_missing_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder; expected the HTML file"):
        write_page(tmp_path, "", "", [])
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        write_page(tmp_path / "none" / "page.html", "", "", [])


def test_a_page_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    write_page(output, "Old", "", [])
    broken = Chart("c", {"data": [{1, 2}], "layout": {}}, "a set is no JSON")
    with pytest.raises(TypeError):
        write_page(output, "New", "", [Section("a", "A", [broken])])
    assert "<h1>Old</h1>" in output.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
