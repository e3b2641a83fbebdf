"""Figures are written in one form, and nobody else's text renders as mark-up."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.core import (
    Estimate,
    amount_of,
    amount_text,
    chance,
    dollars,
    dollars_interval,
    number,
    p_equation,
    p_text,
    percent,
    percent_interval,
    points,
    points_interval,
    round_dollars,
    seconds,
    visible,
)
from harness.report import cells
from harness.report.markdown_text import markdown_code, markdown_table, markdown_text
from harness.stats import compare, fieller_ratio

HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "a\\|b",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "![x](http://e.example/x.png)",
    "[x](javascript:alert(1))",
    "`` ` ``",
    "`",
    "<!--",
    "$x$",
    "# x",
    "@someone",
    "https://e.example www.e.example",
    "line\nbreak\r\ttab",
    "[red]x[/red]",
    "~~x~~ **x** __x__",
    "&lt;b&gt;",
]
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(markdown: str) -> tuple[set[str], str]:
    """The kinds of tokens that a CommonMark reader finds, and the text that it shows."""
    kinds, text = set(), ""
    for token in READER.parse(markdown):
        kinds.add(token.type)
        for child in token.children or []:
            kinds.add(child.type)
            text += child.content
    return kinds, text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself_in_markdown(text):
    kinds, shown = rendered(f"said {markdown_text(text)} so")
    assert kinds <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
    assert shown.replace("\u200b", "") == f"said {visible(text)} so"
    kinds, shown = rendered(markdown_code(text))
    assert kinds <= {"paragraph_open", "inline", "code_inline", "paragraph_close"}
    assert shown.strip() == visible(text).strip()


@given(st.text(min_size=1, max_size=40))
def test_any_name_fills_exactly_one_cell_of_a_table(text):
    lines = markdown_table(["a", "b"], [[markdown_code(text, cell=True), "1"]])
    tokens = READER.parse("\n".join(lines))
    cells = [tokens[i + 1] for i, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    assert cells[1].content == "1"
    assert cells[0].children[0].type == "code_inline"
    if "\\|" not in text:
        assert cells[0].children[0].content.strip() == visible(text).strip()


@given(st.text())
def test_nothing_hidden_is_left(text):
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in visible(text))
    assert visible(visible(text)) == visible(text)


def test_hidden_characters_are_named():
    assert visible("a\x1b[31m\u202e\u200d\U000e0041b") == "a\\x1b[31m\\u202e\\u200d\\U000e0041b"
    assert visible("é 漢 🙂") == "é 漢 🙂"
    assert visible("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),  # an operating-system command of a terminal
        ("\x9b31m", "\\x9b31m"),  # the one-byte form of the same escape
        ("\u200f\u061c\u2067x\u2069", "\\u200f\\u061c\\u2067x\\u2069"),
        ("a\u034f\u115f\u3164\uffa0b", "a\\u034f\\u115f\\u3164\\uffa0b"),
        ("x\U000e0101\ufe00", "x\\U000e0101\\ufe00"),
        ("\u26a0\ufe0f ok", "\u26a0\ufe0f ok"),
        ("\u26a0\ufe0f\ufe0e\ufe0f", "\u26a0\ufe0f\\ufe0e\\ufe0f"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\ud800", "\\ud800"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),  # letters that run from right to left are letters
    ],
)
def test_what_hides_is_shown(text, shown):
    assert visible(text) == shown
    assert visible(visible(text)) == shown


def test_lines_stay_where_several_are_shown():
    assert visible("a\r\nb\n\tc\rd\x1b\u2028", lines=True) == "a\nb\n\tc\\x0dd\\x1b\\u2028"


@given(st.text(max_size=30), st.integers(1, 40))
def test_a_limit_cuts_the_same_text(text, limit):
    whole, cut = visible(text), visible(text, limit)
    assert len(cut) <= limit
    assert cut == (whole if len(whole) <= limit else whole[: limit - 1] + "…")


def test_only_the_start_of_a_long_text_is_looked_at():
    assert visible("\x1b" * 100_000_000, 10) == "\\x1b\\x1b\\…"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.7275, "72.8%"), (0.6825, "68.3%"), (0.7625, "76.3%"), (0.0, "0.0%"), (1.0, "100.0%"), (None, "-")],
)
def test_halves_go_up_everywhere(share, text):
    assert percent(share) == text


def test_a_difference_has_its_sign_and_zero_has_none():
    assert [points(d) for d in (-0.0075, 0.034802, 0.0, -1e-9, None)] == ["-0.75", "+3.48", "0.00", "0.00", "-"]
    assert points_interval(-0.016265, -0.002685) == "[-1.63, -0.27]"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0, "$0"),
        (0.00079930, "$0.000799"),
        (0.242857, "$0.243"),
        (0.9999, "$1.00"),
        (12.3, "$12.30"),
        (1234.5, "$1,234"),
        (-0.5, "-$0.500"),
        (0.0000545, "$0.0000545"),
        (9.11e-7, "$0.000000911"),
        (141.27, "$141.27"),
        (999.999, "$1,000"),
        (1.234e18, "$1.23e18"),
        (1e-12, "$1.00e-12"),
        (None, "-"),
    ],
)
def test_money_has_three_digits(usd, text):
    assert dollars(usd) == text


def test_money_with_an_open_end_says_so():
    assert dollars_interval(Estimate(value=0.5, low=0.4, high=None)) == "$0.500 [0.400, unbounded]"
    assert dollars_interval(Estimate(value=0.5)) == "$0.500"
    assert dollars_interval(Estimate(value=None, why="no price")) == "-"
    assert percent_interval(Estimate(value=37 / 80, low=0.357480, high=0.570956)) == "46.3% [35.7, 57.1]"


def test_a_cost_per_pass_without_a_pass_is_known_not_to_be():
    cell = cells.money(fieller_ratio((0.1, 0.2), (0, 0)).of_many(1000))
    assert (cell.text, cell.hover, cell.under) == ("no passes", "nothing passed, so there is no cost per pass", "")
    assert cells.money(fieller_ratio((0.1, float("nan")), (0, 0))).text == "-"


@pytest.mark.parametrize(
    ("s", "text"),
    [
        (0.0123, "12.3 ms"),
        (0.9999, "1.00 s"),
        (1.8, "1.80 s"),
        (12.34, "12.3 s"),
        (1.23312, "1.23 s"),
        (412.0, "412 s"),
        (7200.0, "7,200 s"),
    ],
)
def test_durations(s, text):
    assert seconds(s) == text


def test_a_tiny_p_is_never_zero():
    assert [p_text(p) for p in (0.015625, 0.03125, 1e-19, 0.5, None)] == ["0.0156", "0.0313", "<0.0001", "0.500", "-"]


def test_large_numbers_are_written_for_people():
    assert [number(n) for n in (0, 0.5, 412.5, 293_512, 1e6, 2.5e6, 1e9, 1e12, 1e15)] == [
        "0", "0.5", "412.5", "293,512", "1 million", "2.5 million", "1 billion", "1 trillion", "1 quadrillion"
    ]  # fmt: skip
    assert [round_dollars(n) for n in (0, 1e-6, 0.5, 2.5, 10, 20_000, 5e7)] == [
        "$0", "$0.000001", "$0.50", "$2.50", "$10", "$20,000", "$50 million"
    ]  # fmt: skip


def test_sure_is_only_what_always_is():
    assert [chance(p) for p in (0, 0.0002, 0.374, 0.9999, 1, None)] == ["0%", "<1%", "37%", ">99%", "100%", "-"]


@given(st.floats(min_value=0, max_value=1e12))
def test_what_a_field_shows_is_read_as_that_amount(value):
    assert amount_of(amount_text(value), 1e12) == pytest.approx(value, abs=1e-11, rel=1e-5)


@pytest.mark.parametrize("text", ["-5", "2,50", "1,00,000", "1e18", "nan", "inf", "-0.1", "five", ".", "0x10", "1 2"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is no amount from 0 to 1 trillion"):
        amount_of(text, 1e12)


@pytest.mark.parametrize(("lost", "said"), [(0, "p < 0.0001"), (4, "p = 0.0192")])
def test_a_sentence_writes_p_as_the_tables_do(lost, said):
    """20 tasks gained and none lost; 14 gained and 4 lost: mid-p of 14 in 18 tosses."""
    gained, ones = 14 if lost else 20, [1] * 60
    first = [1] * gained + [0] * lost + [1] * (60 - gained - lost)
    second = [0] * gained + [1] * lost + [1] * (60 - gained - lost)
    found = compare(first, ones, second, ones)
    assert p_equation(found.p_value) == said
    assert said in found.sentence
