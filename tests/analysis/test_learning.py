"""A learning curve as it is judged: the number that is enough, where the curve falls, and its parts."""

from harness.analysis import fields_of, judged_curve

PASSED = {"125": 72, "500": 61, "all": 74}  # of the first 75 tasks
NEW = {"125": 4, "500": 6, "all": 7}  # of 45 more
SIZES = {"125": 125, "500": 500, "all": 1830}


def curve(make_report, margin, old=PASSED, new=NEW):
    rows = [
        {"contender": name, "task": f"t{i}", "task_digest": f"d{i}",
         "status": "passed" if (i < old[name] if i < 75 else i - 75 < new[name]) else "failed"}
        for name in SIZES
        for i in range(120)
    ]  # fmt: skip
    parts = fields_of({f"d{i}": {"new": i >= 75, "keys": ["x"], "same": True} for i in range(120)})
    return judged_curve(make_report(rows), SIZES, margin, parts=parts)


def test_a_curve_that_falls_is_said_to_and_nothing_beyond_the_dip_is_claimed(make_report):
    found = curve(make_report, 0.02)
    assert found.smallest is None
    assert found.falls[0] == "The curve is not monotone: 500 examples pass 55.8%, fewer than 125 examples with 63.3%."
    assert found.falls[1] == "On tasks with new: false it is not monotone either: 72, 61, 74 of 75."
    assert found.falls[-1] == "Nothing is assumed of numbers that were not tried."
    assert [one.parts["new: true"] for one in found.points] == [(4, 45), (6, 45), (7, 45)]
    assert "Of 500 it cannot be told" in found.sentence or "500 are not" in found.sentence
    assert found.as_json()["monotone"] is False


def test_the_smallest_that_is_shown_is_said_with_its_limit(make_report):
    same = dict.fromkeys(SIZES, 70)
    found = curve(make_report, 0.05, old=same, new=dict.fromkeys(SIZES, 5))
    assert found.smallest == 125
    assert found.sentence.startswith(
        "125 examples are enough: within 5.0 points of all 1,830 (difference 0.0, at worst -2.2"
    )
    assert found.falls == ()
    assert [one.claimed for one in found.points] == [True, True, None]


def test_how_many_tasks_would_tell(make_report):
    same = {"125": 60, "500": 66, "all": 70}
    found = curve(make_report, 0.03, old=same)
    assert found.smallest is None
    assert found.tasks_needed > 120
    assert f"about {found.tasks_needed:,} tasks would tell if they are as good" in found.sentence
