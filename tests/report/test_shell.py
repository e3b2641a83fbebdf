"""The frame of the dashboard: which reports and which page, whatever becomes of the folders."""

import os
import shutil

import pytest
from app_page import texts
from escalating import write_escalating
from streamlit.testing.v1 import AppTest

from harness.report.pages import shell
from harness.store import Journal


def served(folder):
    """The script of the dashboard of a folder of reports."""
    from pathlib import Path

    from harness.report.pages import show

    show([Path(folder)])


def drawn(folder, **asked):
    """The whole dashboard of a folder of reports, at an address."""
    test = AppTest.from_function(served, args=(str(folder),), default_timeout=60)
    for key, value in asked.items():
        test.query_params[key] = value
    return run(test)


def run(test):
    test.run()
    assert not test.exception, test.exception
    return test


def choose_page(test, name):
    test.radio[0].set_value(name)
    return run(test)


@pytest.fixture
def reports(tmp_path):
    """A folder with the reports ``one`` and ``two``, of contenders with costs and confidences."""
    for name in ("one", "two"):
        write_escalating(tmp_path / "all" / name, n=40)
    return tmp_path / "all"


PAGES = ["Answer", "Head to head", "Domains", "Escalation", "Money", "Skills", "Tasks",
         "Distributions", "Gate and history"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_one_of_two_reports_that_are_chosen(reports, page):
    test = drawn(reports, report=["one", "two"], page=page)
    boxes = [box for box in test.selectbox if box.key == "shown"]
    assert len(boxes) == (page not in {"Answer", "Gate and history"})


def test_a_report_that_is_gone_hides_no_other(reports):
    test = drawn(reports)
    assert test.multiselect[0].options == ["one", "two"]
    shutil.rmtree(reports / "one")
    test = drawn(reports)
    assert test.multiselect[0].options == ["two"]


def test_a_report_that_goes_while_it_is_shown_is_missed_aloud(reports):
    test = drawn(reports, report="two", page="Answer")
    assert "which is not here" not in texts(test)
    shutil.rmtree(reports / "two")
    choose_page(test, "Domains")
    assert "report=two, which is not here. Shown instead: one." in texts(test)


def test_of_several_reports_in_a_link_those_that_are_there_are_shown(reports):
    test = drawn(reports, report=["two", "nope"])
    assert "report=nope, which is not here. Shown instead: two." in texts(test)
    assert test.multiselect[0].value == ["two"]


def test_a_report_made_since_is_offered(reports):
    test = drawn(reports)
    shutil.copytree(reports / "one", reports / "three")
    assert run(test).multiselect[0].options == ["one", "three", "two"]


def test_a_broken_report_is_not_the_first_that_is_shown(reports):
    (reports / "about").mkdir()
    (reports / "about" / "outcomes.parquet").write_bytes(b"PAR1")
    test = drawn(reports)
    assert test.multiselect[0].options[0] == "about"
    assert test.multiselect[0].value == ["two"]


def test_the_newest_report_of_a_folder_is_shown_first_and_of_those_given_the_first(reports):
    assert drawn(reports).multiselect[0].value == ["two"]
    os.utime(reports / "one" / "outcomes.parquet")
    assert drawn(reports).multiselect[0].value == ["one"]
    given = [reports / "two", reports / "one"]
    assert shell.first_shown(given, given) == given[0]
    with Journal(reports / "two"):  # a run under way is what somebody comes to see
        assert shell.first_shown([*reports.iterdir()], [reports]) == reports / "two"


def test_a_report_that_is_the_folder_one_stands_in_has_its_name(reports, monkeypatch):
    monkeypatch.chdir(reports / "one")
    test = drawn(".")
    assert test.multiselect[0].options == ["one"]
    assert "one" in texts(test).split()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_a_file_beside_the_outcomes_is_cut(reports, page):
    (reports / "one" / "transcripts.parquet").write_bytes(b"PAR1")
    test = drawn(reports, report="one", page=page)
    assert "one: transcripts.parquet cannot be opened" in texts(test)


def test_a_fault_of_the_program_is_one_sentence_without_a_traceback(reports, monkeypatch):
    from streamlit import config

    from harness.report.app import OPTIONS
    from harness.report.pages import shell

    def faulty(shown):
        raise ValueError("a figure that nobody foresaw")

    monkeypatch.setitem(shell.PAGES, "Domains", faulty)
    whole = config.get_option
    monkeypatch.setattr(config, "get_option", lambda key: OPTIONS.get(key, whole(key)))
    test = AppTest.from_function(served, args=(str(reports),), default_timeout=60)
    test.query_params["page"] = "Domains"
    test.run()
    (told,) = test.exception
    assert told.message == shell.FAULT
    assert not told.stack_trace


def test_streamlits_own_command_is_told_the_same_as_ownbench_app():
    import tomllib
    from pathlib import Path

    from harness.report.app import OPTIONS

    said = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["client"]
    assert said == {key.partition(".")[2]: value for key, value in OPTIONS.items() if key.startswith("client.")}
