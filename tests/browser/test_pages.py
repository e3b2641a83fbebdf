"""Every page in a real browser: no exception, no complaint of the browser, no request to anybody outside."""

import accessible
import pytest

PAGES = ("Answer", "Head to head", "Domains", "Escalation", "Money", "Skills", "Tasks", "Distributions",
         "Gate and history")  # fmt: skip


def at(name):
    return f"?page={name.replace(' ', '+')}"


@pytest.fixture(scope="module")
def demo(serve, demo_report):
    return serve(demo_report)


@pytest.fixture(scope="module")
def routerbench(serve, routerbench_report):
    return serve(routerbench_report)


@pytest.fixture(scope="module")
def hostile(serve, hostile_report):
    return serve(hostile_report)


@pytest.mark.local
@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_the_demo_in_light_dark_and_on_a_phone(demo, visit, name):
    for options in ({}, {"dark": True}, {"dark": True, "width": 390, "height": 844}):
        tab = visit(demo, **options).go(at(name))
        assert len(tab.text) > 40
        tab.check()
        accessible.check(tab.page)


@pytest.mark.local
def test_one_task_is_read_by_everybody(demo, visit):
    tab = visit(demo).go(at("Tasks"))
    tab.go(tab.page.locator("a[href*='task=']").first.get_attribute("href")).check()
    accessible.check(tab.page)


@pytest.mark.local
def test_the_scoreboard_has_room_for_all_its_columns(demo, visit):
    tab = visit(demo).go(at("Answer"))
    head = tab.page.locator("table.scores thead").inner_text().split()
    assert {"setup", "type"} <= set(head)
    widths = tab.page.locator(".wide:has(> .scores)").evaluate("place => [place.clientWidth, place.scrollWidth]")
    assert widths[0] == widths[1]


@pytest.mark.local
@pytest.mark.parametrize("dark", [False, True])
def test_verdict_figures_and_picture_stand_above_the_fold(demo, visit, dark):
    tab = visit(demo, width=1280, height=800, dark=dark).go(at("Answer"))
    for what in (".lead", "dl.cards", "[data-testid=stVegaLiteChart]"):
        box = tab.page.locator(what).first.bounding_box()
        assert box["y"] >= 0, what
        assert box["y"] + box["height"] <= 800, what
    assert 3 <= tab.page.locator("dl.cards div").count() <= 5
    tab.check()


@pytest.mark.shared
@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_somebody_elses_results(routerbench, visit, name):
    tab = visit(routerbench, dark=True).go(at(name))
    assert len(tab.text) > 40
    tab.check()
    accessible.check(tab.page)


@pytest.mark.parametrize("name", PAGES)
def test_hostile_names_and_answers_are_text(hostile, visit, name):
    tab = visit(hostile).go(at(name)).check()
    assert tab.page.title() == f"hostile - {name}"
    main = tab.page.locator("[data-testid=stMain]")
    assert main.locator("img, iframe, script, a:not([href^='?'])").count() == 0
    assert "\u202e" not in tab.page.content()


@pytest.mark.shared
def test_a_link_opens_the_same_view(routerbench, visit):
    address = "?page=Head+to+head&a=learned_combined&b=always_strong"
    opened = visit(routerbench).go(address)
    for choice in ("page=Head+to+head", "report=routerbench", "a=learned_combined", "b=always_strong"):
        assert choice in opened.page.url
    for name in ("learned_combined", "always_strong"):
        assert name in opened.text
    opened.check()
