"""What may be changed after a run is read from the experiment as it stands now."""

import pytest

from harness.core import Manifest, UserFileError
from harness.store import load_settings, write_manifest

RAN = Manifest(report="r", created_at="", reference="a", economics={"tasks_per_month": 5.0})


def test_what_the_experiment_says_now_goes_before_what_was_recorded(tmp_path):
    assert load_settings(tmp_path).reference is None
    assert load_settings(tmp_path).economics.tasks_per_month is None
    write_manifest(tmp_path, RAN)
    assert load_settings(tmp_path).reference == "a"
    assert load_settings(tmp_path).economics.tasks_per_month == 5.0
    path = tmp_path / "experiment.yaml"
    path.write_text("reference: b\neconomics: {training_usd: 7}\n")
    assert load_settings(tmp_path).reference == "b"
    assert (load_settings(tmp_path).economics.tasks_per_month, load_settings(tmp_path).economics.training_usd) == (
        None,
        7,
    )
    path.write_text("name: r\n")
    assert load_settings(tmp_path).reference is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reference: [a]", r"reference: found a list"),
        ("{reference: skiled, contenders: {skilled: {}}}", "reference: no contender is named 'skiled'; did you mean"),
        ("reference: {", "experiment.yaml"),
    ],
)
def test_a_wrong_reference_is_one_line(tmp_path, text, says):
    (tmp_path / "experiment.yaml").write_text(text)
    with pytest.raises(UserFileError, match=says) as error:
        load_settings(tmp_path)
    assert "\n" not in str(error.value)


def test_wrong_economics_are_one_line(tmp_path):
    (tmp_path / "experiment.yaml").write_text("economics: {task_per_month: 5}")
    with pytest.raises(UserFileError, match=r"economics.task_per_month: unknown key; did you mean 'tasks_per_month'"):
        load_settings(tmp_path)
