"""An adapter for each training seed: what a list of them becomes, and which lists are refused."""

from pathlib import Path

import pytest
import yaml

from harness.core import UserFileError
from harness.experiment import load_experiment
from harness.experiment.seeds import SeedAdapter, check_recipes

HYBRID = {"worker": "tuned", "expert": "rented", "escalate": {"signal": "margin", "threshold": 0.5}}


def read(folder, **contenders):
    value = {
        "name": "x",
        "suites": ["suites/a", "suites/b"],
        "models": {"mine": {"backend": "transformers", "path": "base"}, "theirs": {"backend": "openai", "model": "m",
                   "base_url": "http://127.0.0.1:1/v1"}},
        "contenders": {"rented": {"model": "theirs"}, **contenders},
    }  # fmt: skip
    (folder / "experiment.yaml").write_text(yaml.safe_dump(value))
    return load_experiment(folder)


def tuned(adapter):
    return {"model": "mine", "adapter": adapter}


def test_a_list_is_one_contender_for_each_seed(tmp_path):
    found = read(tmp_path, tuned=tuned(["s1", "s2", "s3"])).contenders
    assert [*found] == ["rented", "tuned-1", "tuned-2", "tuned-3"]
    assert [found[f"tuned-{i}"].adapter for i in (1, 2, 3)] == ["s1", "s2", "s3"]
    assert {found[f"tuned-{i}"].seed_of for i in (1, 2, 3)} == {"tuned"}
    assert found["rented"].seed_of is None


def test_lists_by_suite_go_together_by_their_order(tmp_path):
    found = read(tmp_path, tuned=tuned({"a": ["a1", "a2"], "b": ["b1", "b2"]})).contenders
    assert found["tuned-2"].adapter == {"a": "a2", "b": "b2"}
    alone = read(tmp_path, tuned=tuned({"a": ["a1"], "b": "b1"})).contenders
    assert alone["tuned"].adapter_for("a") == "a1"


def test_what_is_made_of_seeds_has_as_many(tmp_path):
    more = {"escalate": {"signal": "random:hybrid"}}
    found = read(tmp_path, random={**HYBRID, **more}, hybrid=HYBRID, tuned=tuned(["s1", "s2"]),
                 first={**HYBRID, "worker": "tuned-1"}).contenders  # fmt: skip
    assert (found["hybrid-2"].worker, found["hybrid-2"].expert) == ("tuned-2", "rented")
    assert found["random-1"].escalate.signal == "random:hybrid-1"
    assert found["random-2"].seed_of == "random"
    assert found["first"].seed_of is None


@pytest.mark.parametrize(
    ("contenders", "said"),
    [
        ({"tuned": tuned(["s1", "./s1"])}, "contenders.tuned.adapter: s1 is there twice"),
        ({"tuned": tuned({"a": ["s1", "s2"], "b": ["s3"]})}, "tuned.adapter.b: found 1 adapter, and 2 adapters for a"),
        ({"tuned": tuned({"a": ["s1", "s2"], "b": "s3"})}, "tuned.adapter.b: found 1 adapter, and 2 adapters for a"),
        ({"tuned": tuned(["s1", 2])}, "contenders.tuned.adapter: found 2 among the training seeds"),
        ({"tuned": tuned([])}, "adapter names no folder"),
        ({"tuned": tuned([str(i) for i in range(101)])}, "found 101 training seeds; give at most 100"),
        ({"tuned": tuned(["s1", "s2"]), "tuned-2": {"model": "mine"}}, "'tuned-2' is that of tuned's training seed 2"),
        (
            {"tuned": tuned(["1", "2"]), "other": tuned(["3", "4", "5"]), "mix": {**HYBRID, "expert": "other"}},
            "contenders.mix: tuned has 2 training seeds and other has 3 training seeds",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(tmp_path, contenders, said):
    with pytest.raises(UserFileError) as caught:
        read(tmp_path, **contenders)
    assert said in str(caught.value)


def test_the_reference_is_the_whole_contender(tmp_path):
    read(tmp_path, tuned=tuned(["s1", "s2"]))
    path = tmp_path / "experiment.yaml"
    path.write_text(path.read_text() + "reference: tuned\n")
    assert load_experiment(tmp_path).reference == "tuned"
    path.write_text(path.read_text().replace("reference: tuned", "reference: tuned-1"))
    with pytest.raises(UserFileError, match="no contender is named 'tuned-1'"):
        load_experiment(tmp_path)


def one(written, digest, recipe="r", seed=0):
    training = {} if recipe is None else {"recipe": recipe, "seed": seed}
    return SeedAdapter(seed_of="tuned", suite="a", written=written, digest=digest, training=training)


def test_cards_have_to_tell_of_one_recipe_and_different_seeds():
    path = Path("experiment.yaml")
    assert check_recipes([one("s1", "x", seed=1), one("s2", "y", seed=2)], path) == []
    (note,) = check_recipes([one("s1", "x", seed=1), one("s2", "y", None)], path)
    assert "no card tells recipe and seed of s2" in note
    for second, said in (
        (one("s2", "x", seed=2), "s1 and s2 hold the same weights"),
        (one("s2", "y", "other", 2), "of different recipes or data"),
        (one("s2", "y", seed=1), r"with the same seed \(1\)"),
    ):
        with pytest.raises(UserFileError, match=said):
            check_recipes([one("s1", "x", seed=1), second], path)
