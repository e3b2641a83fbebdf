"""Choices in the address: what a link opens, what Back does to them, and what is said of a wrong one."""

from urllib.parse import parse_qs

import pytest
from app_page import texts
from streamlit.testing.v1 import AppTest


def drawn(**asked):
    """Two pages with choices that depend on one another, as a pair and a threshold do."""

    def script():
        import streamlit as st

        from harness.report.pages.choices import choose, choose_or_none, held, href, number, several, ticked, visit

        stops = [0.1, 0.5, 0.9]

        def nearest(texts):
            asked = float(texts[-1])
            if asked != asked:
                raise ValueError
            return min(stops, key=lambda stop: 0.0 if stop == asked else abs(stop - asked))

        with visit():
            page = choose("Page", ["one", "two"], "page")
            kinds = {"old": ["x", "y"], "new": ["y", "z"]}
            report = choose("Report", list(kinds), "report")
            worker = choose("Worker", kinds[report], "worker")
            if page == "two":
                said = {"default": 0.5, "read": nearest, "texts": lambda value: [f"{value:.12g}"]}
                held("threshold", st.select_slider, "Threshold", stops, **said, of=worker)
                number("Volume", "volume", 100.0, 0.0, 1000.0)
                several("Some", ["p", "q"], "some", default=["p"])
                ticked("Box", "box")
                choose_or_none("Open", ["t1", "t2"], "task")
            st.text(href("Tasks", task="<t&1>"))

    test = AppTest.from_function(script, default_timeout=20)
    for key, value in asked.items():
        test.query_params[key] = value
    return run(test)


def run(test):
    test.run()
    assert not test.exception, test.exception
    return test


def address(test):
    found = {key: [values] if isinstance(values, str) else values for key, values in test.query_params.items()}
    return {key: values if len(values) > 1 else values[0] for key, values in found.items()}


def box(test, label):
    return next(one for one in test.selectbox if one.label == label)


def test_defaults_stand_in_the_address_too():
    assert address(drawn()) == {"page": "one", "report": "old", "worker": "x"}


def test_a_link_opens_what_it_says():
    test = drawn(page="two", worker="y", threshold="0.9", volume="7", box="yes", task="t2", some=["p", "q"])
    assert box(test, "Worker").value == "y"
    assert test.select_slider[0].value == 0.9
    assert test.number_input[0].value == 7
    assert test.checkbox[0].value is True
    assert box(test, "Open").value == "t2"
    assert test.multiselect[0].value == ["p", "q"]
    assert address(test)["some"] == ["p", "q"]


@pytest.mark.parametrize(("asked", "found"), [("0.63", 0.5), ("0.89", 0.9), ("-inf", 0.1), ("7", 0.9)])
def test_a_number_between_two_stops_takes_the_nearest(asked, found):
    assert drawn(page="two", threshold=asked).select_slider[0].value == found


@pytest.mark.parametrize(
    ("key", "value"),
    [("page", "three"), ("report", "nope"), ("worker", "<b>w</b>"), ("threshold", "half"), ("threshold", "nan"),
     ("volume", "-1"), ("volume", "much"), ("some", "r"), ("box", "perhaps"), ("task", "t3")],
)  # fmt: skip
def test_what_is_not_there_is_said_and_the_default_shown(key, value):
    test = drawn(**{"page": "two", key: value})
    assert f"The address asks for {key}={value}, which is not here." in texts(test)
    usual = address(drawn(page="one" if key == "page" else "two"))
    assert address(test) == usual
    run(test)
    assert f"{key}={value}" in texts(test)  # it stands until something else is chosen


def test_a_link_to_a_report_is_left_as_it_is_until_something_is_chosen():
    test = drawn(report="new")
    assert address(test) == {"report": "new"}
    box(test, "Page").set_value("two")
    assert address(run(test))["worker"] == "y"


def test_what_is_said_of_a_wrong_one_goes_when_another_is_chosen():
    test = drawn(worker="nope")
    box(test, "Worker").set_value("y")
    assert "nope" not in texts(run(test))
    assert address(test)["worker"] == "y"


def test_a_choice_lasts_while_its_page_is_left():
    test = drawn(page="two")
    test.select_slider[0].set_value(0.9)
    run(test)
    box(test, "Page").set_value("one")
    assert address(run(test))["threshold"] == "0.9"
    box(test, "Page").set_value("two")
    assert run(test).select_slider[0].value == 0.9


def test_a_choice_starts_anew_with_what_it_belongs_to():
    test = drawn(page="two", threshold="0.9")
    box(test, "Worker").set_value("y")
    assert run(test).select_slider[0].value == 0.5
    assert address(test)["threshold"] == "0.5"


def test_what_another_report_has_not_gives_way_without_a_word():
    test = drawn()
    box(test, "Report").set_value("new")
    run(test)
    assert box(test, "Worker").value == "y"
    assert "not here" not in texts(test)


def test_what_another_report_has_too_stays():
    test = drawn(worker="y")
    box(test, "Report").set_value("new")
    assert box(run(test), "Worker").value == "y"


def test_back_returns_to_all_that_the_address_said_before():
    test = drawn(page="two", volume="7")
    before = address(test)
    box(test, "Worker").set_value("y")
    test.number_input[0].set_value(9)
    run(test)
    assert address(test) != before
    test.query_params.clear()
    for key, value in before.items():  # as the browser does at Back: another address, no widget moved
        test.query_params[key] = value
    run(test)
    assert address(test) == before
    assert box(test, "Worker").value == "x"
    assert test.number_input[0].value == 7


def test_an_address_that_is_behind_takes_nothing_back():
    test = drawn()
    old = address(test)
    box(test, "Worker").set_value("y")
    run(test)
    for key, value in old.items():  # what a browser sends that has not yet heard of the last address
        test.query_params[key] = value
    box(test, "Report").set_value("new")
    run(test)
    assert (box(test, "Report").value, box(test, "Worker").value) == ("new", "y")


def test_a_number_goes_into_the_address_only_where_it_is_not_the_default():
    test = drawn(page="two")
    assert "volume" not in address(test)
    test.number_input[0].set_value(None)
    assert address(run(test))["volume"] == ""
    assert drawn(page="two", volume="").number_input[0].value is None


def test_nothing_chosen_where_something_is_the_default_stands_in_the_address():
    test = drawn(page="two")
    test.multiselect[0].set_value([])
    assert address(run(test))["some"] == ""
    assert drawn(page="two", some="").multiselect[0].value == []


def test_a_link_takes_the_report_with_it_and_is_encoded():
    link = drawn(report="new").text[0].value
    assert link.startswith("?page=Tasks&report=new&task=")
    assert parse_qs(link[1:])["task"] == ["<t&1>"]
    assert not set("<>\"' ") & set(link)
