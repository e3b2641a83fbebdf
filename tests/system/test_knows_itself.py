"""What a contender says of itself: its calls, its parts, what is still to be chosen, and the same when it is."""

from types import SimpleNamespace

import made
import pytest
from made import TASK

from harness.experiment import DirectPlan, HybridPlan
from harness.system import DELIVERIES, SIGNALS

PARTS = {"cheap": DirectPlan(model="w"), "dear": DirectPlan(model="e")}


def hybrids(**rules):
    plans = {name: HybridPlan(worker="cheap", expert="dear", **rule) for name, rule in rules.items()}
    return made.built(PARTS | plans)


@pytest.mark.parametrize(
    ("signal", "fewest", "most"),
    [("always", "we", "we"), ("never", "w", "w"), ("margin", "w", "we"), ("oracle", "w", "we")],
)
def test_the_calls_of_a_hybrid_are_its_signal_s(signal, fewest, most):
    calls = made.hybrid(signal).calls(TASK)
    assert ["".join(model for model, _ in some) for some in calls] == [fewest, most]


def test_a_signal_that_asks_may_stop_at_once_and_hands_nothing_over_on_dev():
    system = hybrids(drawn={"signal": "agreement", "draws": 4})["drawn"]
    ends = [["".join(model for model, _ in some) for some in one.calls(TASK)] for one in (system, system.on_dev)]
    assert ends == [["w", "wwwwe"], ["w", "wwww"]]


def test_only_a_delivery_that_opens_skills_may_take_more_than_one_call(tmp_path):
    folder = made.write_skill(tmp_path, "sums")
    for name, delivery in DELIVERIES.items():
        if delivery.control:
            continue  # it takes another skill's text
        written = f"{name}:1" if delivery.takes else name
        system = made.built({"c": DirectPlan(model="m", skills={"s": (folder,)}, delivery=written)})["c"]
        fewest, most = system.calls(TASK)
        assert (len(fewest), len(most) > 1) == (1, delivery.opens)


def test_what_is_undecided_and_whom_it_waits_for():
    systems = hybrids(
        auto={"signal": "margin"},
        fixed={"signal": "margin", "threshold": 0.5},
        blind={"signal": "random", "like": "auto"},
        drawn={"signal": "random", "rate": 0.2},
        oracle={"signal": "oracle"},
        verified={"signal": "verifier", "threshold": SIGNALS["verifier"].threshold},
    )
    assert {name: set(one.undecided) for name, one in systems.items() if one.undecided} == {
        "auto": {"auto"},
        "blind": {"blind"},
    }
    assert {name: set(one.waits_for) for name, one in systems.items() if one.waits_for} == {
        "auto": {"cheap", "dear"},
        "blind": {"cheap", "dear"},
    }


def test_a_choice_is_made_in_the_parts_too():
    inner = HybridPlan(worker="cheap", expert="dear", signal="margin")
    outer = HybridPlan(worker="inner", expert="dear", signal="always")
    system = made.built(PARTS | {"inner": inner, "outer": outer})["outer"]
    assert (system.undecided, system.waits_for) == ({"inner"}, {"cheap", "dear"})
    chosen = system.with_choice({"inner": SimpleNamespace(threshold=0.3, rate=None)})
    assert not chosen.undecided
    assert chosen.worker.rule.threshold == 0.3
    assert system.undecided  # the first is as it was
    assert (
        made.built(PARTS)["cheap"].with_choice({"cheap": SimpleNamespace(threshold=1.0, rate=None)}).undecided == set()
    )


def test_needs_are_those_of_adapters_signals_and_forms(tmp_path):
    tuned = DirectPlan(
        model="w", adapters={"s": made.write_adapter(tmp_path / "a")}, forms={"s": {"type": "json_object"}}
    )
    systems = made.built(
        {"tuned": tuned, "dear": PARTS["dear"], "h": HybridPlan(worker="tuned", expert="dear", signal="margin")}
    )
    needs = {name: {(n.model, n.capability, n.key) for n in system.needs} for name, system in systems.items()}
    assert needs == {
        "tuned": {("w", "adapters", "adapter"), ("w", "response_format", "response_format")},
        "dear": set(),
        "h": {("w", "logprobs", "escalate.signal")},
    }
