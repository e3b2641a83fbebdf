"""What of a command's output a model is told."""

import time

import pytest

from harness.core import BoxError, Done
from harness.system import BOX_TOOLS
from harness.system.box_tool import readable, result_of, shortened


def test_the_tools_are_these_and_each_says_what_it_takes():
    assert list(BOX_TOOLS) == ["bash", "edit_file", "read_file", "write_file"]
    for name, tool in BOX_TOOLS.items():
        assert tool.tool.name == name
        assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])
        assert tool.parameters["additionalProperties"] is False


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"plain\n\ttabs\n", "plain\n\ttabs\n"),
        (b"\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link"),
        (b"10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        (b"a longer te\x07xt\x08\x9b", "a longer text\ufffd"),
        ("\ufeffÜ \u202e".encode(), "Ü \u202e"),
        (b"\x00\x01\x02\xff" * 9, "[36 bytes that are no text]"),
        (b"", ""),
        (b"\x1b[" * 400_000, ""),
    ],
)
def test_what_a_terminal_would_do_is_not_told(written, read):
    began = time.monotonic()
    assert readable(written).strip("[") == read.strip("[")
    assert time.monotonic() - began < 2


def test_a_long_text_loses_its_middle_and_says_so():
    text = shortened("a" * 20_000 + "b" * 20_000)
    assert text.startswith("aaa")
    assert text.endswith("bbb")
    assert "[… 24,000 characters left out …]" in text
    assert len(text) < 16_100
    assert shortened("short") == "short"


def test_a_box_that_died_is_no_result():
    with pytest.raises(BoxError, match="died"):
        result_of(Done(code=None, cause="box died"), "", 0)
    assert result_of(Done(code=None, cause="memory"), "told", 3).cause == "memory"
