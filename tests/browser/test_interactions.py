"""What people do on the pages: choose two contenders, move the threshold, open a task, send a link, download."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from harness.analysis import pair


@pytest.fixture(scope="module")
def routerbench(serve, routerbench_report):
    return serve(routerbench_report)


@pytest.fixture(scope="module")
def hostile(serve, hostile_report):
    return serve(hostile_report)


def choose(tab, label, option):
    """One option of a select box, as a person would: opened, typed at, chosen."""
    tab.page.get_by_role("combobox", name=label).first.click()
    tab.page.keyboard.type(option)
    tab.page.get_by_role("option", name=option, exact=True).first.click()
    return tab.settled()


def saved(download):
    """What a download holds."""
    return Path(download.value.path()).read_bytes()


def to_page(tab, name):
    tab.page.locator("[data-testid=stRadioOption]").filter(has_text=name).first.click()
    return tab.settled()


@pytest.mark.shared
def test_two_contenders_are_chosen_and_the_link_opens_the_same_view(routerbench, routerbench_report, visit):
    tab = visit(routerbench).go("?page=Head+to+head")
    choose(tab, "First contender", "learned_combined")
    choose(tab, "Second contender", "always_strong")
    found = pair(routerbench_report, "learned_combined", "always_strong").as_json()
    for text in (f"{100 * found['delta']:+.2f} points", f"p = {found['p_value']:.4f}"):
        assert text in tab.text
    assert "a=learned_combined" in tab.page.url
    other = visit(routerbench).go(tab.page.url.rpartition("/")[2])
    assert other.text == tab.text
    tab.check()
    other.check()


@pytest.mark.shared
def test_the_choice_lasts_from_page_to_page(routerbench, visit):
    tab = visit(routerbench).go("?page=Head+to+head&a=learned_combined&b=always_cheap")
    before = tab.text
    to_page(tab, "Answer")
    assert "page=Answer" in tab.page.url
    to_page(tab, "Head to head")
    assert tab.text == before
    tab.check()


@pytest.mark.shared
def test_the_threshold_moves_the_figures_and_the_link_keeps_it(routerbench, visit):
    tab = visit(routerbench).go("?page=Escalation")
    before = tab.text
    slider = tab.page.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    tab.settled()
    tab.page.wait_for_timeout(500)
    assert tab.text != before
    assert "threshold=" in tab.page.url
    other = visit(routerbench).go(tab.page.url.rpartition("/")[2])
    assert other.page.get_by_role("slider").first.get_attribute("aria-valuetext") == slider.get_attribute(
        "aria-valuetext"
    )
    tab.check()


@pytest.mark.shared
def test_the_volume_changes_the_bill(routerbench, visit):
    tab = visit(routerbench).go("?page=Money")
    field = tab.page.locator("input[aria-label='Tasks a month']")
    bills = []
    for volume in ("1000", "1000000"):
        field.fill(volume)
        field.press("Enter")
        tab.settled()
        tab.page.wait_for_timeout(400)
        bills.append(tab.page.locator("table").first.inner_text())
    assert bills[0] != bills[1]
    assert "volume=1000000" in tab.page.url
    tab.check()


def test_a_task_is_opened_and_its_hostile_conversation_is_text(hostile, visit):
    tab = visit(hostile).go("?page=Tasks")
    opener = tab.page.get_by_role("combobox", name=re.compile("Open a task"))
    opener.scroll_into_view_if_needed()
    tab.page.wait_for_timeout(700)  # scrolling and a late redraw close an open list
    opener.click()
    tab.page.get_by_role("option").first.click()
    tab.settled()
    tab.page.wait_for_timeout(400)
    assert "task=" in tab.page.url
    assert "<script>document.title='owned'</script>" in tab.text
    assert "10,000,0" in tab.text or "9,999,9" in tab.text  # the long answer's length is said
    assert len(tab.page.content()) < 3_000_000  # and the answer itself is not sent
    main = tab.page.locator("[data-testid=stMain]")
    assert main.locator("img, iframe, script, a:not([href^='?'])").count() == 0
    assert tab.page.title() == "hostile - Tasks"
    for hidden in "\u202e\u2066\u200b\x1b":
        assert hidden not in tab.page.content()
    tab.check()


def test_no_cell_of_a_download_is_a_formula(hostile, visit):
    tab = visit(hostile).go("?page=Tasks")
    with tab.page.expect_download() as started:
        tab.page.get_by_role("button", name=re.compile("CSV")).first.click()
    rows = list(csv.reader(io.StringIO(saved(started).decode("utf-8-sig"), newline="")))
    assert len(rows) == 1 + 49
    assert any("HYPERLINK" in cell for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell[:1] in set("=+@\t\r") or re.match(r"-\D", cell)]
    tab.check()


@pytest.mark.shared
def test_the_comparison_is_downloaded_as_the_command_prints_it(routerbench, routerbench_report, visit):
    tab = visit(routerbench).go("?page=Head+to+head&a=learned_combined&b=always_strong")
    with tab.page.expect_download() as started:
        tab.page.get_by_role("button", name=re.compile("JSON")).first.click()
    found = json.loads(saved(started))
    assert found == json.loads(json.dumps(pair(routerbench_report, "learned_combined", "always_strong").as_json()))


def test_a_broken_an_empty_and_an_unfinished_report_say_so(serve, visit, tmp_path, hostile_report):
    broken, empty, unfinished = (tmp_path / name for name in ("broken", "empty", "unfinished"))
    broken.mkdir()
    (broken / "outcomes.parquet").write_bytes(b"PAR1 and no more")
    empty.mkdir()
    (empty / "experiment.yaml").write_text("name: empty\n")
    shutil.copytree(hostile_report, unfinished)
    record = {"schema": 1, "report": "unfinished", "created_at": "2026-01-01T00:00:00+00:00", "planned": 90, "done": 49,
              "complete": False, "stopped_because": "the budget is spent"}  # fmt: skip
    (unfinished / "manifest.json").write_text(json.dumps(record))
    base = serve(broken, empty, unfinished)
    for page in ("Answer", "Head+to+head", "Domains", "Escalation", "Money", "Skills", "Tasks"):
        for name, said in (("broken", "Parquet"), ("empty", "outcomes"), ("unfinished", "INCOMPLETE")):
            if (page, name) in {("Tasks", "unfinished"), ("Skills", "unfinished")}:
                continue
            tab = visit(base).go(f"?page={page}&report={name}")
            assert said in tab.text, (page, name)
            tab.check()


@pytest.mark.shared
def test_back_returns_to_the_view_before(routerbench, visit):
    tab = visit(routerbench).go("?page=Head+to+head&report=routerbench&a=learned_combined&b=always_cheap")
    first = tab.text
    choose(tab, "Second contender", "always_strong")
    second = tab.text
    to_page(tab, "Domains")
    for wanted in (second, first):
        tab.page.go_back()
        tab.settled()
        tab.page.wait_for_timeout(500)
        assert tab.text == wanted
    tab.page.go_forward()
    tab.settled()
    tab.page.wait_for_timeout(500)
    assert tab.text == second
    tab.check()


def test_an_address_that_asks_for_what_is_not_there_says_so(hostile, visit):
    tab = visit(hostile).go("?page=Nope&report=gone&a=%3Cimg%20src%3Dx%3E")
    for words in ("page=Nope, which is not here", "report=gone, which is not here"):
        assert words in tab.text
    to_page(tab, "Head to head")
    assert "a=<img src=x>, which is not here" in tab.text
    assert tab.page.locator("[data-testid=stMain] img").count() == 0
    tab.check()


def test_a_task_of_the_list_is_a_link_that_opens_it(hostile, visit):
    tab = visit(hostile).go("?page=Tasks&report=hostile")
    tab.page.locator("[data-testid=stMain] table a[href*='task=']").first.click()
    tab.page.wait_for_selector("h1")
    tab.settled()
    tab.page.wait_for_timeout(500)
    assert "task=" in tab.page.url
    assert "The tasks found" in tab.text
    tab.page.go_back()
    tab.page.wait_for_selector("h1")
    tab.settled()
    tab.page.wait_for_timeout(500)
    assert "task=" not in tab.page.url
    assert "The tasks found" not in tab.text
    tab.check()


def test_on_a_phone_the_side_bar_closes_once_a_page_is_chosen(hostile, visit):
    tab = visit(hostile, width=390, height=844).go("?page=Answer&report=hostile")
    tab.page.locator("[data-testid=stExpandSidebarButton]").click()
    edge = "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right"
    tab.page.wait_for_function(f"() => {edge} > 200")
    to_page(tab, "Domains")
    tab.page.wait_for_function(f"() => {edge} <= 0")
    assert tab.page.locator("h1").first.inner_text() == "Domains"
    tab.check()
