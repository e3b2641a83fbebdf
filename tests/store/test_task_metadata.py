"""Tasks are found by what they say of themselves: what is kept, and what a filter makes of it."""

import json

import pytest

from harness.core import UsageError
from harness.store import Outcomes, TaskFilter, find_tasks, keep_metadata, metadata_found, read_metadata

SAID = {
    "d0": {"level": "hard", "year": 2024, "tags": ["a", "b"], "long": "x" * 300, "table": {"k": 1}},
    "d1": {"level": "easy", "year": 2024, "tags": ["b"], "new": True, "empty": [], "none": None},
    "d2": {"level": "hard", "year": 2025},
    "d3": {"text": "y" * 201},
}


@pytest.fixture
def index(make_report):
    report = make_report([{"contender": "A", "task": f"t{i}", "task_digest": f"d{i}", "status": "passed"}
                          for i in range(5)])  # fmt: skip
    keep_metadata(report, SAID.items(), lambda text: text.replace("easy", "[secret]"))
    return Outcomes(report)


def found(index, *pairs):
    return find_tasks(index, TaskFilter(metadata=pairs)).found.tolist()


def test_names_and_numbers_are_kept_and_texts_are_not(index):
    assert metadata_found(index) == {"level=[secret]": 1, "level=hard": 2, "new=true": 1, "tags=a": 1, "tags=b": 2,
                                     "year=2024": 2, "year=2025": 1}  # fmt: skip
    assert next(iter(metadata_found(index))) == "new=true"  # keys of few values first


def test_of_one_key_any_value_and_of_several_keys_all(index):
    assert found(index, "level=hard") == [0, 2]
    assert found(index, "level=hard", "level=[secret]") == [0, 1, 2]
    assert found(index, "year=2024", "tags=a") == [0]
    assert found(index, "year=2025", "tags=a") == []
    with pytest.raises(UsageError, match=r"no task has the metadata 'level=hart'; .*level=hard"):
        found(index, "level=hart")


def test_what_is_kept_stays_and_a_broken_file_is_none(index, make_report):
    keep_metadata(index.report, [("d0", {"level": "other"}), ("d4", {"level": "new"})])
    assert read_metadata(index.report)["d0"][0] == "level=hard"
    assert read_metadata(index.report)["d4"] == ("level=new",)
    (index.report / "metadata.json").write_text("[" * 10)
    assert read_metadata(index.report) == {}
    with pytest.raises(UsageError, match="is kept in this report, import the table again with --metadata COLUMN"):
        found(index, "level=hard")
    (index.report / "experiment.yaml").touch()
    with pytest.raises(UsageError, match="is kept in this report, start ownbench run again to keep it"):
        found(index, "level=hard")
    bare = make_report([{"contender": "A", "task": "t", "status": "passed"}], name="bare")
    keep_metadata(bare, [("d", {"text": "z" * 900})])
    assert not (bare / "metadata.json").exists()
    assert json.loads(json.dumps(read_metadata(bare))) == {}
