"""Numbers as people and models write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import grade

from harness.core import Answer, Task
from harness.grade import grader


def passes(text, reference, **options):
    task = Task(id="t", domain="d", cluster="t", reference=reference)
    return grade(task, Answer(text=text), grader({"name": "number", "take": "last", **options})).passed


FIFTEEN_HUNDRED = (
    *(
        "1500",
        "1,500.00",
        "1'500",
        "1’500",
        "1_500",
        "1\u202f500",
        "1\u00a0500",
        "1 500",
        "1{,}500",
        r"1\,500",
        "１５００",
    ),
    *(
        "1.5e3",
        "1.5E+03",
        "1.5 × 10^3",
        "1.5 × 10³",
        "15000 × 10⁻¹",
        r"$1.5 \times 10^{3}$",
        r"1.5\cdot10^3",
        "1.5*10**3",
    ),
    *(
        r"\boxed{1{,}500}",
        "$1,500",
        "US$1500",
        "1500 €",
        r"1500\text{ km}",
        "答案是1500。",
        "#### 1,500",
        "~1500",
        "٢ - ١٥٠٠",
    ),
    *("3000/2", r"\frac{3000}{2}", "The answer is 3000/2.", "x = 3000/2"),
)
MINUS_42 = (
    *("-42", "–42", "−42", "‑42", "－42", "= –42", "x=−42", "(–42)", "$-42$", "-$42", "$-42", "**–42**", "– 1, –42"),
    *("The answer is –42.", r"\boxed{-42}", "–\u200b42", r"-\frac{84}{2}", "答案是−42"),
)
PLUS_42 = (
    *("10–42", "10 – 42", "10—42", "—42", "- 42", "$10–$42", "10%–42%", "10€–42€", "(10)–42", "--42", "+42", "page–42"),
    *("x² and 42", "42 m²", "42 cm^{3}", "x_2 = 42", "log₂ 42", "42%", "12/12 and 42", "6 × 7 = 42", "12/25/42"),
)


@pytest.mark.parametrize("text", FIFTEEN_HUNDRED)
def test_one_number_in_many_forms(text):
    assert passes(text, 1500)
    assert not passes(text, 500)


@pytest.mark.parametrize("text", MINUS_42)
def test_an_attached_dash_is_a_sign(text):
    assert passes(text, -42)


@pytest.mark.parametrize("text", PLUS_42)
def test_a_dash_between_two_things_or_apart_is_none(text):
    assert passes(text, 42)


@pytest.mark.parametrize(
    "text",
    [
        "1/2",
        "½",
        "-–1/2"[2:],
        "**1/2**",
        r"\frac12",
        r"\boxed{1/2}",
        "#### 1/2",
        "The answer is x = 1/2",
        "the rate is ½",
    ],
)
def test_a_fraction_that_is_the_answer_is_one_number(text):
    assert passes(text, 0.5)
    assert passes(text, "1/2")


@pytest.mark.parametrize(("text", "last"), [("12/12 boxes, so 24", 24), ("1/2 of 48", 48), ("done 3/4 so far", 4)])
def test_another_fraction_is_two_numbers(text, last):
    assert passes(text, last)


def test_mixed_numbers_and_thirds():
    assert passes("3½", 3.5)
    assert passes(r"3\frac{1}{2}", 3.5)
    assert passes("2/6", "1/3")
    assert not passes("0.333", "1/3")
    assert passes("0.333", "1/3", absolute=0.001)


@pytest.mark.parametrize("text", ["50%", "50 %", r"$50\%$", "50 percent", "50 per cent", r"50\,\%", "５０％", "0.5"])
def test_a_percentage_is_a_hundredth_where_asked(text):
    assert passes(text, 0.5, percent="fraction")


def test_powers():
    assert passes("2^10 = 1024", 1024, take="only")
    assert passes("10^{-3}", 0.001)
    assert not passes("1.5 × 10³", 10)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3), st.data())
def test_a_number_is_itself_in_every_dress(value, data):
    dress = data.draw(
        st.sampled_from(["{}", "**{}**", "${}$", r"\boxed{{{}}}", "The answer is {}.", "= {}", "({})", "{} km"])
    )
    dash = data.draw(st.sampled_from("-–−‑"))
    gap = data.draw(st.sampled_from(["", ",", "\u202f", "'", "{,}", r"\,"]))
    text = f"{value:,}".replace(",", gap).replace("-", dash)
    assert passes(dress.format(text), str(value))
    assert not passes(dress.format(text), str(value + Decimal("0.001")))
