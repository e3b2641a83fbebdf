"""Labels in answers as people and models give them: a label predicts itself, however it is dressed, and no other."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from judged import grade

from harness.core import Answer, Task
from harness.grade import grader

WORDS = st.text(alphabet="xyzqXQ79é", min_size=1, max_size=4) | st.sampled_from(
    ["qz-zq", "qz zq", "计费", "网络", "ガス", "บิล", "청구", "счёт"]
)
SIGNED = st.builds("{}{}".format, WORDS, st.sampled_from(["", "", "", "+", "-", "#", "++", "*"]))
NUMBERED = st.builds("{}{}".format, st.sampled_from(["", "-"]), st.integers(0, 99))
BARE_SETS = st.lists(SIGNED | NUMBERED, min_size=2, max_size=6, unique_by=str.casefold)
LABEL_SETS = BARE_SETS | st.lists(WORDS, min_size=2, max_size=5, unique_by=str.casefold).map(
    lambda words: [f"({word})" for word in words]
)

ALONE = [
    *("{}", " {}\n", "{}.", "{}!", "{},", "**{}**", "`{}`", '"{}"', "“{}”", "‘{}’", "({})", "[{}]", "$ {} $"),
    *("\\boxed{{{}}}", "\\text{{{}}}", "- {}", "• {}", "> {}", "```\n{}\n```", "<answer>{}</answer>", "\u200b{}\u200e"),
]
INLINE = ["{}", "**{}**", "`{}`", '"{}"', "“{}”", "({})", "[{}]", "\\text{{{}}}", "<b>{}</b>", "\u200b{}"]
WITHIN = [
    *("The answer is {}.", "Label: {}", "**Answer:** {}", "It must be **{}**.", "I would say `{}`, all in all"),
    *("So: {} — no doubt", "So: {} – no doubt", "答案是{}。", "{}\n\nBecause of this and that.", "\\boxed{{{}}}"),
    '{{"label": "{}"}}',
]


def predicted(labels, take, answer, **options):
    task = Task(id="t", domain="d", cluster="t", reference=labels[0])
    by = grader({"name": "label", "labels": labels, "take": take, **options})
    return grade(task, Answer(text=answer), by).label_predicted


@given(LABEL_SETS, st.sampled_from(ALONE), st.sampled_from(ALONE), st.data())
def test_the_whole_answer_is_the_label_under_any_two_wrappers(labels, inner, outer, data):
    label = data.draw(st.sampled_from(labels))
    assert predicted(labels, "only", outer.format(inner.format(label))) == label


@given(
    LABEL_SETS,
    st.sampled_from(WITHIN),
    st.sampled_from(INLINE),
    st.sampled_from(["first", "last", "anywhere"]),
    st.data(),
)
def test_a_sentence_gives_the_label_that_stands_in_it(labels, sentence, dress, take, data):
    label = data.draw(st.sampled_from(labels))
    assert predicted(labels, take, sentence.format(dress.format(label))) == label


@given(LABEL_SETS, st.data())
def test_case_does_not_count_unless_asked(labels, data):
    label = data.draw(st.sampled_from(labels))
    assert predicted(labels, "only", label.swapcase()) == label
    assume(label.swapcase() != label)
    assert predicted(labels, "only", label.swapcase(), case_sensitive=True) is None


@given(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=4), st.data())
def test_any_label_at_all_is_its_own_answer(labels, data):
    try:
        by = grader({"name": "label", "labels": labels})
    except Exception:  # noqa: BLE001 - a list that the suite's author is told to change
        assume(False)
    label = data.draw(st.sampled_from(labels))
    task = Task(id="t", domain="d", cluster="t", reference=label)
    assume(label.strip())
    assert grade(task, Answer(text=label), by).passed


@pytest.mark.parametrize(
    ("labels", "answer", "expected"),
    [
        (["-1", "0", "1"], "–1", "-1"),  # an attached en dash is a sign
        (["-1", "0", "1"], "- 1", "1"),  # a bullet is none
        (["-1", "0", "1"], "—1", "1"),  # nor is an em dash
        (["0", "1"], "-1", None),
        (["C", "Java"], "C#", None),
        (["AA", "BBB"], "AA-", None),
        (["A*", "A"], "**A***", "A*"),
        (["A*", "A"], "**A**", "A"),
        (["(A)", "(B)"], "B", "(B)"),
        (["(B)", "B"], "(B).", "(B)"),
        (["toxic", "non-toxic"], "non\u00adtoxic", "non-toxic"),
        (["toxic", "nontoxic"], "non\u00adtoxic", "nontoxic"),
        (["don't know", "no"], "Don’t know", "don't know"),
        (["R&D", "D"], "R&D", "R&D"),
        (["<yes>", "<no>"], "**<yes>**", "<yes>"),  # markup that tells labels apart stays
    ],
)
def test_the_label_that_the_answer_is(labels, answer, expected):
    assert predicted(labels, "only", answer) == expected


@pytest.mark.parametrize(
    ("labels", "answer", "expected"),
    [
        (["toxic", "non-toxic"], "It is non‑toxic.", "non-toxic"),
        (["toxic", "unsure"], "It is non-toxic", None),
        (["toxic", "non-toxic"], "Non-**toxic**", "non-toxic"),
        (["AA", "AA-"], "AA—stable outlook", "AA"),
        (["AA", "AA-"], "AA- since May", "AA-"),
        (["AA", "AA-"], "AA-stable", None),
        (["AA", "BB"], "AA- since May", "AA"),  # no label of the list ends in a sign: a dash
        (["1", "2", "3", "4", "5"], "4/5", None),
        (["can", "will"], "I can't", None),
        (["D", "E"], "It is R&D, e.g. tests", None),
        (["Java", "C"], "JavaScript", None),
        (["ワーク", "ガス"], "ネットワーク", None),
        (["청구", "배송"], "정답은 청구입니다.", "청구"),
        (["straße", "weg"], "Über die STRASSE", "straße"),
        (["no info", "info"], "no\ninfo", "no info"),
    ],
)
def test_a_label_counts_only_where_it_is_nothing_longer(labels, answer, expected):
    assert predicted(labels, "last", answer) == expected


B = (
    *("B", "b.", "(B)", "B)", "B) Paris", "B. Paris", "B: Paris", "B – Paris", "B, because 1 < 2", "B is correct"),
    *("The answer is B", "The correct option is (B) since a day passed.", "Option B", "I choose b.", "Answer:\nB"),
    *("**B**", "**B)** Paris", "**Answer: B**", r"\boxed{B}", r"$\boxed{\text{(B)}}$", "<answer>B</answer>", "#### B"),
    *(
        "Answer: B. A is too small.",
        "A good day, so B",
        "B) Vitamin C",
        "A and C are wrong. So B",
        "答案是B。",
        "[[B]]",
    ),
    *("정답은 B입니다.", "Ⓑ", "_B_", "My answer is B because A is not a prime and C is", "It's B.", "A: B"),
    *("It is B, not A.", "B rather than A", "The answer is not A. It is B.", "I'd go with B over A", "B. A is wrong."),
    *("Answer: B) Paris\n\nExplanation: A) London", "B\n\n(A) was close", "The answer is most likely B, as A is small"),
    *(
        "Thus, the correct answer is clearly B",
        "I think B is correct, since A is small",
        r"\\boxed{B}",
        "选B",
        "Cevap: B",
    ),
)


@pytest.mark.parametrize("labels", [["A", "B", "C", "D"], ["(A)", "(B)", "(C)", "(D)"], ["A.", "B.", "C.", "D."]])
@pytest.mark.parametrize("answer", B)
def test_a_choice_is_read_however_it_is_given(labels, answer):
    assert predicted(labels, "last", answer) == labels[1]


TALKED_OF = (
    *("It can't be A. B it is.", "The answer cannot be A. B", "The answer is unlikely to be A. I pick B"),
    *(
        "The answer could be A, but it is B.",
        "B it is, though it could be A.",
        "Answer: A? No, B",
        "A? No. B? Yes. C? No.",
    ),
    *("The wrong answer is A, the right is B", "Correct: B. Incorrect: A, C, D", "Selected: B. Rejected: A, C, D"),
    *("The correct answer: B\n\nIncorrect answers: A, C, D", "I pick B. A, C and D are wrong.", "It's B; C isn't."),
    *("Answer: B. Answer C would need more proof.", "I pick B. Option C would need more proof.", "B, as D doesn't fit"),
    *("Answer: A. Wait, no, B", "Final answer: A... no wait, it's B.", "I first thought the answer was A. It is B."),
    *("The answer is not option A or C. B", "Neither A nor C is right. B", "I don't think that it is A. B"),
    *("The answer would be A if x were 2. So B", "We rule out A and C. B", "It has to be B. It can't be A, C or D"),
    *("A is almost right, but B is better", "Answer: B. If x were 3, the answer would be D.", "I doubt it is A. B"),
    *("Answer: **B**\n\n**Why not the others?**\n- **A**: wrong", "You might think the answer is A. It is B."),
    *(
        "Die Antwort ist nicht A, sondern B",
        "答案不是A，而是B",
        "La respuesta no es A. Es B",
        "Answer: B\nOther options: A, C",
    ),
    *(
        "Answer: A. Final answer: B",
        "The statement that is not true is B",
        "If I had to guess, B",
        "The answer might be B",
        "B?",
    ),
    *("It is not hard to see that the answer is B", "Answer: B) Who are you?", "The answer is B) Nothing is wrong"),
)


@pytest.mark.parametrize("answer", TALKED_OF)
def test_a_letter_that_is_only_talked_of_is_no_statement(answer):
    assert predicted(["A", "B", "C", "D"], "last", answer) == "B"


@pytest.mark.parametrize(
    "answer",
    [
        *("It can't be A.", "The answer is not A.", "It is not A or B", "Neither A nor B", "It isn't option A."),
        *("The answer is unlikely to be A.", "I don't think it's A", "Incorrect: A, C, D", "The wrong answer is A"),
        *("A, B and C are wrong", "The answer is anything but A", "I doubt that it is A"),
    ],
)
def test_what_is_denied_is_no_choice(answer):
    assert predicted(["A", "B", "C", "D"], "last", answer) is None


@pytest.mark.parametrize(
    "answer",
    ["A good answer takes a day.", "The answer is a prime.", "N/A", "I saw a cat", "A/B test", "Cats, e.g. Tom"],
)
def test_an_article_is_no_choice(answer):
    assert predicted(["A", "B", "C", "D", "E", "I"], "last", answer) is None


@pytest.mark.parametrize(
    "answer", ["A", "a", "A.", "A) A big one", "The answer is a.", "The answer is A as it is", "Option a"]
)
def test_a_letter_that_is_a_word_too_is_a_choice_where_it_stands_as_one(answer):
    assert predicted(["A", "B", "C", "D"], "last", answer) == "A"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("4 - good, with 2 faults", "4"),
        ("Score: 4. It has 2 good points", "4"),
        ("The label is 1 because there are 2 signs.", "1"),
        ("Option 2: 4 apples", "2"),
        ("1. It is short.\n2. It is dull.\nI give it a 3", "3"),
    ],
)
def test_digits_are_choices_too(answer, expected):
    assert predicted(["1", "2", "3", "4", "5"], "last", answer) == expected


def test_anywhere_still_wants_one_label_only():
    assert predicted(["A", "B"], "anywhere", "Answer: B. (A) is close") is None
    assert predicted(["A", "B"], "anywhere", "A fair answer is B") == "B"
    assert predicted(["yes", "no"], "anywhere", "yes, or no") is None


def test_first_and_last_are_those_that_occur():
    assert predicted(["yes", "no"], "first", "Well, yes. Or no.") == "yes"
    assert predicted(["yes", "no"], "last", "Well, yes. Or no, as they say") == "no"


HOSTILE = [
    "A " * 500_000,
    "(A)" * 330_000,
    "<a>" * 330_000,
    "non\u00adtoxic " * 80_000,
    "-1" * 500_000,
    "answer is " * 99_999,
]


@pytest.mark.parametrize("labels", [["A", "B", "C"], ["toxic", "non-toxic"], ["AA", "AA-", "-1"]])
@pytest.mark.parametrize("text", HOSTILE)
def test_the_longest_answers_are_read_in_bounded_time(labels, text):
    start = time.process_time()
    for take in ("only", "last"):
        predicted(labels, take, text[:1_000_000])
    assert time.process_time() - start < 10.0
