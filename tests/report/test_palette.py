"""One colour a contender: told apart by everybody, on white and on a dark ground, and the same wherever it is drawn."""

from itertools import combinations

import numpy as np
import pytest
from app_page import bodies, drawn

from harness.analysis import scoreboard
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.palette import DAY, GREY, NIGHT, PLAIN, colours_of
from harness.report.vega import DAY as WHITE
from harness.report.vega import NIGHT as DARK
from harness.report.vega import vega_lite

# Machado, Oliveira and Fernandes 2009, severity 1: what protans and deutans see, in linear RGB.
SIGHTS = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def linear(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson 2020."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return lab @ np.cbrt(np.clip(cones @ np.clip(rgb, 0, 1), 0, None))


def contrast(one, other):
    low, high = sorted(float(np.dot([0.2126, 0.7152, 0.0722], linear(colour))) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("colours", "ground", "least"), [(DAY, "#ffffff", 3), (NIGHT, DARK.ground, 5)])
def test_twelve_colours_are_told_apart(sight, colours, ground, least):
    seen = [oklab(np.array(SIGHTS[sight]) @ linear(colour)) for colour in colours]
    assert len(seen) == 12
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 0.075  # a step of .02 is just seen
    assert min(contrast(colour, ground) for colour in colours) >= least


def rows_of(names, control=None):
    return [{"contender": name, "task": f"t{i}", "status": "passed" if (i + k) % 3 else "failed", "cost_usd": 0.01 + k}
            for k, name in enumerate(names) for i in range(12)]  # fmt: skip


def test_figures_and_tables_have_the_same_colour_for_a_contender(make_report):
    report = make_report(rows_of(["a", "b", "c"]))
    view = scoreboard(report)
    for theme, place in ((WHITE, "day"), (DARK, "night")):
        for make in (pass_rate_figure, cost_figure):
            rows = vega_lite(make(view, theme))["data"]["values"]
            assert {row["name"]: row["colour"] for row in rows} == {
                name: getattr(colour, place) for name, colour in colours_of(view).items()
            }
    found = next(body for body in bodies(drawn("answer", report)) if '<table class="scores">' in body)
    for name, colour in colours_of(view).items():
        assert f'--dot:{colour.day};--dim:{colour.night}"></i>' in found.partition(f"<code>{name}</code>")[0][-200:]


def test_no_figure_moves_a_colour(make_report):
    rows = rows_of(["a", "b", "c"])
    before = colours_of(scoreboard(make_report(rows)))
    turned = [row | {"status": "passed" if row["contender"] == "c" else "failed"} for row in rows]
    assert colours_of(scoreboard(make_report(turned, name="turned"))) == before


def test_the_thirteenth_is_grey_until_it_is_chosen(make_report):
    names = [f"c{k:02}" for k in range(15)]
    rows = [{"contender": name, "task": f"t{i}", "status": "passed" if i < 40 - k else "failed"}
            for k, name in enumerate(names) for i in range(40)]  # fmt: skip
    view = scoreboard(make_report(rows))
    plain = [name for name, colour in colours_of(view).items() if colour == PLAIN]
    assert plain == names[10:]
    chosen = colours_of(view, ["c13", "c02"])
    assert chosen["c13"].day in DAY
    assert [chosen[name] for name in names[:10]] == [colours_of(view)[name] for name in names[:10]]
    assert len({colour.day for colour in chosen.values()} - {GREY[0]}) == 11


def test_a_control_is_grey(make_report):
    written = {"name": "b", "parts": {"written": {"delivery": "placebo"}}}
    report = make_report(rows_of(["a", "b", "c"]), manifest={"complete": True, "contenders": [written]})
    assert [name for name, colour in colours_of(scoreboard(report)).items() if colour == PLAIN] == ["b"]
