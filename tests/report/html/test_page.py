"""The page in a browser: drawn without a mistake or a request, at every width, on paper too."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.report.html.document import Chart, Section, write_page
from fusion_sched.report.html.run_page import run_sections
from fusion_sched.report.view import read_run
from fusion_sched.report.writing import PageRequest, read_runs, write_report, write_runs
from tests.report.conftest import Opened, windows
from tests.report.traces import Events, changed, charts_of, events_of, write_run

pytestmark = pytest.mark.browser
TRACES = "[...document.querySelectorAll('.plot')].map((p) => p.data.length)"
OPEN_SECTIONS = "document.querySelectorAll('.folded > details').forEach((d) => { d.open = true; })"
OPEN_FOLDS = "document.querySelectorAll('details:not(.numbers)').forEach((d) => { d.open = true; })"
OPEN_ALL = "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
HOSTILE = {"gray": "</script><b>g</b>", "colored": "<br>%{x} $a$ @ink"}
CLASSES = ["<i>0</i>", "</script><script>alert(1)</script>", "$x^2$", "@1", "%{y}", "&amp;", "10",
           "9", "<br>", "x" * 60]  # fmt: skip

Opener = Callable[..., Opened]


@pytest.fixture(scope="module")
def one_run(short_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("pages") / "one.html"
    write_report([short_runs / "pid0"], output)
    return output


@pytest.fixture(scope="module")
def two_runs(short_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("pages") / "two.html"
    write_report([short_runs / "pid0", short_runs / "joint0"], output)
    return output


@pytest.fixture(scope="module")
def opened_run(browser: Any, one_run: Path) -> Iterator[Opened]:
    """Return the page of one run, drawn, for tests that leave it as they found it."""
    with windows(browser) as make:
        opened = make()
        opened.visit(one_run, clock=True)
        opened.page.evaluate(OPEN_SECTIONS)
        opened.wait_drawn()
        yield opened


def test_every_chart_of_a_run_is_drawn(opened_run: Opened, short_runs: Path) -> None:
    page = opened_run.page
    charts = charts_of(run_sections(read_run(short_runs / "pid0", "")))
    assert page.evaluate("[fusionReport.drawn, fusionReport.total]") == [len(charts)] * 2
    wanted = [len(shown_first(chart)) for chart in charts.values()]
    assert page.evaluate(TRACES) == wanted
    described = page.locator(".plot").evaluate_all("all => all.map((p) => p.ariaLabel)")
    assert described == [f"{chart.name}. {chart.summary}" for chart in charts.values()]
    assert opened_run.overflow() <= 0


def test_the_answer_and_the_schedule_come_first(open_page: Opener, one_run: Path) -> None:
    opened = open_page()
    page = opened.visit(one_run)
    assert opened.wait_drawn() == 3, "schedule, information, loss; the rest is folded away"
    assert page.locator("figure.chart").first.bounding_box()["y"] < 600
    assert page.locator("section.folded").count() == 4
    page.get_by_role("link", name="Robustness").click()
    page.locator("#robustness[class] > details[open]").wait_for()
    page.evaluate(OPEN_FOLDS)
    opened.wait_drawn()
    assert page.evaluate("document.documentElement.scrollHeight") <= 4000


def test_points_of_several_colours_have_their_symbol_in_the_legend(opened_run: Opened) -> None:
    chart = opened_run.page.locator("figure.chart", has_text="95\u00a0% intervals; dashed: H(Y)")
    strokes = chart.first.locator(".legend svg > *").evaluate_all(
        "all => all.map((mark) => mark.getAttribute('stroke'))"
    )
    assert strokes
    assert set(strokes) == {"#1c2024"}


def test_nothing_is_wider_than_a_phone(open_page: Opener, one_run: Path) -> None:
    opened = open_page(320)
    page = opened.visit(one_run)
    opened.wait_drawn()
    page.evaluate(OPEN_ALL)
    page.locator(".numbers table").nth(page.locator(".numbers").count() - 1).wait_for()
    assert opened.overflow() <= 0


def shown_first(chart: Chart) -> list[Any]:
    """Return the traces that are shown before another choice is made."""
    traces = chart.figure["data"]
    choices = [t["meta"]["choice"] for t in traces if "choice" in t.get("meta", {})]
    first = chart.figure["layout"].get("meta", {}).get("choice", next(iter(choices), None))
    return [t for t in traces if t.get("meta", {}).get("choice", first) == first]


def test_curves_of_all_runs_can_be_chosen(open_page: Opener, two_runs: Path) -> None:
    opened = open_page(360)
    page = opened.visit(two_runs)
    opened.wait_drawn()
    assert opened.overflow() <= 0
    page.locator("select").first.select_option("synergy [bit]")
    shown = page.locator(".plot").nth(1).evaluate("p => p.data.map((t) => t.meta.choice)")
    assert set(shown) == {"synergy [bit]"}


def test_what_a_legend_entry_hides_comes_back(opened_run: Opened) -> None:
    page = opened_run.page
    hidden = "p => p.data.filter((t) => t.visible === false).map((t) => t.name)"
    chart = page.locator("figure.chart", has_text="Noise in one modality")
    plot, entry = chart.locator(".plot"), chart.locator(".legend button").first
    entry.focus()
    page.keyboard.press("Enter")
    assert plot.evaluate(hidden) == ["gray"]
    assert entry.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Enter")
    assert plot.evaluate(hidden) == []


def test_the_keyboard_reaches_everything(open_page: Opener, one_run: Path) -> None:
    page = open_page().visit(one_run)
    here = "document.activeElement.textContent.trim()"
    page.keyboard.press("Tab")
    assert page.evaluate(here) == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Tab")
    assert page.evaluate(here) == "Switch to dark theme"
    page.keyboard.press("Enter")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    numbers = page.locator(".numbers > summary").first
    numbers.focus()
    page.keyboard.press("Enter")
    rows = page.locator(".numbers table").first.locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == 5
    assert rows.first.locator("th").text_content() == "1"


def test_the_theme_of_the_system_is_followed_until_one_is_chosen(
    open_page: Opener, one_run: Path
) -> None:
    opened = open_page(color_scheme="dark")
    page = opened.visit(one_run)
    ink = "document.querySelector('.plot').layout.font.color"
    opened.wait_drawn()
    assert page.evaluate(ink) == "#e9ebed"
    page.emulate_media(color_scheme="light")
    page.wait_for_selector("html[data-theme=light]")
    assert page.evaluate(ink) == "#1c2024"
    page.get_by_role("button", name="Switch to dark theme").click()
    assert page.evaluate(ink) == "#e9ebed"
    page.reload()
    opened.wait_drawn()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_on_paper_everything_is_open_light_and_as_wide_as_the_sheet(
    open_page: Opener, one_run: Path
) -> None:
    opened = open_page(color_scheme="dark")
    page = opened.visit(one_run)
    opened.wait_drawn()
    page.emulate_media(media="print")
    total = page.evaluate("fusionReport.total")
    opened.wait_drawn(total)
    assert page.locator(".folded > details:not([open])").count() == 0
    assert page.locator("html").get_attribute("data-theme") == "light"
    sizes = page.locator(".plot").evaluate_all(
        "all => all.map((p) => [p.layout.width, p.layout.height])"
    )
    assert {width for width, _ in sizes} == {680}
    assert max(height for _, height in sizes) <= 840
    assert not page.locator("nav").is_visible()
    page.emulate_media(media="screen")
    page.wait_for_selector("html[data-theme=dark]")
    assert page.locator(".folded > details[open]").count() == 0
    page.evaluate(OPEN_SECTIONS)
    page.wait_for_selector(".folded .main-svg[width]:not([width='680'])")  # as wide as before


def renamed(events: Events) -> Events:
    """Return events whose modalities and classes have names that are code elsewhere."""

    def rename(value: Any) -> Any:
        if isinstance(value, dict):
            return {new_name(key): rename(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [rename(inner) for inner in value]
        return new_name(value) if isinstance(value, str) else value

    def change(event: dict[str, Any]) -> None:
        kind, new = event["event"], rename(event)
        event.clear()
        event.update(new)
        if kind == "start":
            event["classes"], event["run"] = CLASSES, HOSTILE["gray"]

    return changed(events, change)


def new_name(text: str) -> str:
    for old, new in HOSTILE.items():
        text = text.replace(old, new) if text in (old, f"only {old}", "gray/colored") else text
    return text


def test_names_that_are_code_elsewhere_are_shown_as_they_are(
    open_page: Opener, short_runs: Path, tmp_path: Path
) -> None:
    for name in ("pid0", "joint0"):
        write_run(tmp_path / "<b>runs</b>" / name, renamed(events_of(short_runs / name)))
    title = "</title><script>alert(2)</script>"
    write_report([tmp_path / "<b>runs</b>"], tmp_path / "page.html", title=title)
    opened = open_page()
    page = opened.visit(tmp_path / "page.html")
    opened.wait_drawn()
    assert page.title() == title
    check_choices(page)
    write_report([tmp_path / "<b>runs</b>" / "pid0"], tmp_path / "page.html", title=title)
    page = opened.visit(tmp_path / "page.html")
    page.evaluate(OPEN_SECTIONS)
    opened.wait_drawn()
    ends = page.locator("figure.chart").first.locator(".annotation").all_text_contents()
    assert [end for end in ends if end.startswith("</script>")], ends
    assert [end for end in ends if "%{x}" in end], ends
    check_confusion(page.locator("figure.chart", has_text="Confusion on test"))


def check_choices(page: Any) -> None:
    """Choose a quantity with a name that is code elsewhere: it is that of the axis too."""
    curves = page.locator("figure.chart", has_text="Curves of all runs")
    chosen = f"validation accuracy, {HOSTILE['gray']} [%]"
    assert chosen in curves.locator("option").all_text_contents()
    curves.locator("select").select_option(label=chosen)
    assert curves.locator(".ytitle").text_content() == chosen


def check_confusion(chart: Any) -> None:
    heads = chart.locator("option").all_text_contents()
    assert heads == ["fused head", *(f"{name} head" for name in HOSTILE.values())]
    plot = chart.locator(".plot")
    ticks = plot.locator(".ytick text").all_text_contents()
    assert ticks == [name if len(name) <= 14 else f"{name[:9]}…{name[-4:]}" for name in CLASSES]
    reached = plot.evaluate("p => p.data[0].hovertext.flat().filter(Boolean)[0]")
    assert reached.startswith("&lt;i&gt;0&lt;/i&gt;, taken for")


def test_a_page_of_a_run_under_way_reloads_itself(
    open_page: Opener, short_runs: Path, tmp_path: Path
) -> None:
    events, output = events_of(short_runs / "pid0"), tmp_path / "page.html"
    run = write_run(tmp_path / "run", events[:6])
    write_runs(PageRequest([run]), read_runs([run]), output, reload_seconds=30)
    opened = open_page()
    page = opened.visit(output, clock=True)
    assert "Not ended" in page.locator("header").text_content()
    page.get_by_role("button", name="Switch to dark theme").click()
    page.evaluate(OPEN_SECTIONS)
    page.locator(".code").evaluate("d => { d.open = true; }")
    opened.wait_drawn()
    page.evaluate("scrollTo(0, 600)")
    top = "document.querySelector('#run').getBoundingClientRect().top"
    before = page.evaluate(top)

    write_run(run, events)
    write_runs(PageRequest([run]), read_runs([run]), output, reload_seconds=30)
    with page.expect_navigation():
        page.clock.fast_forward(31_000)
    assert "Not ended" not in page.locator("header").text_content()
    assert page.locator(".code").evaluate("d => d.open"), "as the reader left it"
    opened.wait_drawn()
    assert page.evaluate(top) == pytest.approx(before, abs=2)
    assert page.locator("html").get_attribute("data-theme") == "dark"

    page.get_by_role("button", name="Reload by itself").click()
    origin = page.evaluate("performance.timeOrigin")
    page.clock.fast_forward(61_000)
    assert page.evaluate("performance.timeOrigin") == origin


def test_a_page_that_is_written_once_never_reloads(opened_run: Opened) -> None:
    page = opened_run.page
    origin = page.evaluate("performance.timeOrigin")
    page.clock.fast_forward(3_600_000)
    assert page.evaluate("performance.timeOrigin") == origin
    assert not page.get_by_role("button", name="Reload by itself").is_visible()


def test_any_figure_will_do(open_page: Opener, tmp_path: Path) -> None:
    figure = {"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}]}
    sections = [Section("s", "Claim", [Chart("Bars", figure, "Two bars.")], "not reproduced")]
    write_page(tmp_path / "page.html", "Claims", "One.", sections)
    opened = open_page(360)
    page = opened.visit(tmp_path / "page.html")
    assert opened.wait_drawn() == 1
    assert page.locator(".plot .main-svg").first.bounding_box()["height"] == 360
