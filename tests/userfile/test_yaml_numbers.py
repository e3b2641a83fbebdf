"""Numbers that YAML reads differently than they look."""

import pytest

from harness.core import UserFileError
from harness.userfile import read_yaml


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("010", "010 would be read as 8; write 10"),
        ("-0_17", "-0_17 would be read as -15; write 17"),
        ("1:30", "1:30 would be read as 90; write one number"),
        ("1:30.5", "1:30.5 would be read as 90.5"),
    ],
)
def test_what_is_read_as_another_number_is_refused_with_its_place(tmp_path, text, says):
    path = tmp_path / "x.yaml"
    path.write_text(f"a: 1\nb: {text}\n")
    with pytest.raises(UserFileError, match="line 2, column 4") as raised:
        read_yaml(path)
    assert says in str(raised.value)
    assert "or quote it" in str(raised.value)


def test_what_is_read_as_it_looks_is_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("{a: 0, b: -7, c: 1_000, d: 0x1F, e: 0.5, f: '010', g: 1e3, h: .inf, i: 08, j: 00.5, k: '1:30'}\n")
    numbers = {"a": 0, "b": -7, "c": 1000, "d": 31, "e": 0.5, "h": float("inf"), "j": 0.5}
    assert read_yaml(path) == numbers | {"f": "010", "g": "1e3", "i": "08", "k": "1:30"}
