"""Every name of a point stands at its own point or has a line to it, in every picture that names points."""

import math
import re

import numpy as np
import pytest

from harness.analysis import scoreboard
from harness.report.figures import cost_figure
from harness.report.label_places import CLEAR, HALF, NEAR, place_labels
from harness.report.vega import DAY, PAPER, PHONE, svg, vega_lite

SIZE = (760.0, 400.0)
NEAR_POINTS = {
    "one": [(300, 200)],
    "the same place": [(300, 200), (300, 200), (300, 200)],
    "side by side": [(300 + 6 * k, 200) for k in range(5)],
    "a pillar": [(700, 100 + 22 * k) for k in range(8)],
    "in every corner": [(1, 1), (759, 1), (1, 399), (759, 399)],
    "one at the right edge, near others": [(600, 180), (602, 190), (640, 175), (603, 240), (752, 250)],
    "drawn at random": np.random.default_rng(7).uniform((0, 0), SIZE, (14, 2)).tolist(),
    "thirty in a corner": np.random.default_rng(8).uniform((600, 0), (760, 160), (30, 2)).tolist(),
}


def box(point, place, wide):
    left = point[0] + place.dx - {"left": 0, "center": wide / 2, "right": wide}[place.align]
    return left, point[1] + place.dy - HALF, left + wide, point[1] + place.dy + HALF


def gap(box, point):
    return math.hypot(max(box[0] - point[0], 0, point[0] - box[2]), max(box[1] - point[1], 0, point[1] - box[3]))


def over(a, b):
    return min(a[2], b[2]) > max(a[0], b[0]) + 1e-9 and min(a[3], b[3]) > max(a[1], b[1]) + 1e-9


@pytest.mark.parametrize("points", NEAR_POINTS.values(), ids=NEAR_POINTS)
@pytest.mark.parametrize("letters", [1, 10, 24])
def test_a_name_is_at_its_own_point_or_has_a_line_to_it(points, letters):
    wide = [6.6 * letters] * len(points)
    places = place_labels(points, wide, [], SIZE)
    for at, (point, place) in enumerate(zip(points, places, strict=True)):
        own = gap(box(point, place, wide[at]), point)
        others = [gap(box(point, place, wide[at]), other) for k, other in enumerate(points) if k != at]
        if not place.line:
            assert own <= NEAR
            assert not others or own + CLEAR <= min(others)
        end = (point[0] + place.to_dx, point[1] + place.to_dy)
        assert gap(box(point, place, wide[at]), end) < 1e-6, "the line ends at the name"


@pytest.mark.parametrize("name", [name for name in NEAR_POINTS if name != "thirty in a corner"])
def test_names_lie_over_no_name_and_within_the_picture(name):
    points, wide = NEAR_POINTS[name], 6.6 * 9
    boxes = [
        box(p, place, wide)
        for p, place in zip(points, place_labels(points, [wide] * len(points), [], SIZE), strict=True)
    ]
    assert not any(over(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(a[0] >= 0 and a[1] >= 0 and a[2] <= SIZE[0] and a[3] <= SIZE[1] for a in boxes)


def near_costs(make_report):
    """Names of which several have almost the same cost and pass rate, the dearest at the picture's edge."""
    found = [("tuned", 31, 1.0), ("sampled", 31, 1.2), ("skilled", 28, 100), ("found", 27, 105), ("opens", 22, 104),
             ("forced", 29, 120), ("distracted", 21, 350), ("twin", 31, 1.0)]  # fmt: skip
    return scoreboard(make_report([
        {"contender": name, "contender_kind": "model", "task": f"t{i}", "cost_usd": cost / 1e6,
         "status": "passed" if i < passes else "failed"} for name, passes, cost in found for i in range(40)
    ]))  # fmt: skip


@pytest.mark.parametrize("theme", [PAPER, DAY])
def test_the_rule_holds_at_every_width_that_a_picture_has(make_report, theme):
    """The places are in the data, one for each range of widths, and the drawing picks one by the width that it has."""
    spec = vega_lite(cost_figure(near_costs(make_report), theme))
    texts = [layer["mark"]["dx"]["expr"] for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    used = [960, *map(int, re.findall(r"width < (\d+)", texts[-1])[::-1])]
    rows = spec["data"]["values"]
    x, y = (next(one["encoding"][axis]["scale"] for one in spec["layer"] if "scale" in one["encoding"].get(axis, {}))
            for axis in "xy")  # fmt: skip
    assert x["type"] == "log"
    (left, right), (bottom, top) = map(math.log, x["domain"]), y["domain"]
    for wide in [960, *(wide for least in used[1:] for wide in (least, least + 90))] if len(used) > 1 else [960]:
        tier = sum(wide >= least for least in used[1:])
        points = [(wide * (math.log(r["cost"]) - left) / (right - left),
                   spec["height"] * (top - r["value"]) / (top - bottom)) for r in rows]  # fmt: skip
        for at, (row, point) in enumerate(zip(rows, points, strict=True)):
            place = {what: row[f"{what}_{tier}"] for what in ("text", "dx", "dy", "align", "line")}
            size = 6.6 * len(place["text"])
            left_edge = point[0] + place["dx"] - {"left": 0, "center": size / 2, "right": size}[place["align"]]
            named = (left_edge, point[1] + place["dy"] - HALF, left_edge + size, point[1] + place["dy"] + HALF)
            nearest = min(gap(named, other) for k, other in enumerate(points) if k != at)
            assert place["line"] or gap(named, point) < nearest, (row["name"], wide)
            assert place["text"] == (row["name"] if tier or theme is PAPER else row["rank"])


def test_a_phone_has_numbers_and_lines_are_drawn_only_to_names_that_need_one(make_report):
    view = near_costs(make_report)
    narrow, broad = svg(cost_figure(view, PHONE)), svg(cost_figure(view, PAPER))
    for number in range(1, 9):
        assert f">{number}</text>" in narrow
    assert ">distracted</text>" in broad
    assert ">distracted</text>" not in narrow
