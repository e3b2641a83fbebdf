"""What a wrong value is told by: our words, and the kind of entry that was meant."""

from pathlib import Path

import pytest

from harness.core import UserFileError
from harness.userfile import Strict, Text, parse, read_yaml


class Files(Strict):
    """One of two kinds."""

    user: Text
    system: Text | None = None


class Loose(Strict):
    """Fields that take what can be read as a number."""

    whole: int | None = None
    number: float | None = None
    truth: bool | None = None
    prompt: str | Files | None = None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"whole": "x"}, "f: whole: found the text 'x'; needed: a whole number"),
        ({"whole": "1,5"}, "f: whole: found the text '1,5'; needed: a whole number; write 1.5"),
        ({"whole": 1.5}, "f: whole: found the number 1.5; needed: a whole number"),
        ({"number": "x"}, "f: number: found the text 'x'; needed: a number"),
        ({"truth": "x"}, "f: truth: found the text 'x'; needed: true or false"),
        ({"prompt": {"system": "a"}}, "f: prompt.user: this key is missing; add it"),
        ({"prompt": {"user": 3}}, "f: prompt.user: found the number 3; needed: a text; put it in quotes"),
        ({"prompt": 3}, "f: prompt: found the number 3; needed: a text; put it in quotes"),
    ],
)
def test_no_library_s_words_reach_the_user(value: object, said: str) -> None:
    with pytest.raises(UserFileError) as caught:
        parse(Loose, value, Path("f"))
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": 1}\n{"id": 2}\n', "line 2, column 1: there is more than one value in it; needed: one mapping of keys"),
        ("a: {[x]: 1}\n", "line 1, column 5: not valid YAML: found a list or a mapping as a key"),
    ],
)
def test_no_word_of_the_yaml_library_reaches_the_user(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(UserFileError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "<" not in str(caught.value)
