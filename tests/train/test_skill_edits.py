"""What an author may change, and how."""

import json

import pytest

from harness.train import EditsError, edited, read_edits

BODY = "# Title\n\n| a | b |\n| 1 | 2 |\n\nAnswer shortly."


def made(*rows, most=6):
    return edited(BODY, read_edits(json.dumps({"edits": rows}), most))


def test_each_kind_of_edit():
    assert made({"op": "replace", "old": "| 1 | 2 |", "new": "| 1 | 3 |"}) == BODY.replace("| 1 | 2 |", "| 1 | 3 |")
    assert made({"op": "delete", "old": "| 1 | 2 |"}) == "# Title\n\n| a | b |\n\nAnswer shortly."
    assert made({"op": "add", "after": "a | b", "new": "| 0 | 0 |"}).split("\n")[2:5] == [
        "| a | b |", "| 0 | 0 |", "| 1 | 2 |",
    ]  # fmt: skip
    assert made({"op": "add", "after": "", "new": "The end."}) == f"{BODY}\nThe end."


def test_edits_are_made_one_after_another():
    rows = [{"op": "add", "after": "# Title", "new": "Once."}, {"op": "replace", "old": "Once.", "new": "Twice."}]
    assert "Twice." in made(*rows)
    assert "Once." not in made(*rows)


def test_text_and_a_fence_around_the_json_do_no_harm():
    row = {"op": "delete", "old": "Answer shortly."}
    (edit,) = read_edits(f"Here:\n```json\n{json.dumps({'edits': [row]})}\n```\nDone.", 3)
    assert edit.as_told() == row


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"op": "rewrite", "new": "x"}], "op has to be one of"),
        ([{"op": ["add"], "new": "x"}], "op has to be one of"),
        (["add"], "op has to be one of"),
        ([{"op": "replace", "old": "| 9 |", "new": "x"}], "is not in the text"),
        ([{"op": "replace", "old": "|", "new": "x"}], "is in the text"),
        ([{"op": "replace", "old": "", "new": "x"}], "old is empty"),
        ([{"op": "add", "after": "# Title", "new": " "}], "new is empty"),
        ([{"op": "add", "after": 3, "new": "x"}], "after is no text"),
        ([{"op": "add", "after": "", "new": "x", "name": "other"}], "takes no 'name'"),
        ([{"op": "add", "after": "", "new": "x\u202ey"}], "U+202E"),
        ([{"op": "add", "after": "", "new": "x\ud800y"}], "U+D800"),
        ([{"op": "add", "after": "", "new": "x" * 7_000}], "characters"),
        ([{"op": "add", "after": "", "new": f"x{n}"} for n in range(7)], "7 edits, and 6 are allowed"),
        ([{"op": "replace", "old": "shortly", "new": "shortly"}], "change nothing"),
        ([{"op": "delete", "old": BODY}], "leave no text"),
        ([], "no edit"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(rows, why):
    with pytest.raises(EditsError, match=why.replace("+", r"\+")):
        made(*rows)


@pytest.mark.parametrize("answer", ["", "I am sorry.", "{", "[1]", '{"edits": 3}', "{" * 50_000 + "}" * 50_000])
def test_prose_and_broken_json_are_no_edits(answer):
    with pytest.raises(EditsError, match="no JSON"):
        read_edits(answer, 6)


def test_a_body_grows_to_twenty_thousand_characters_and_no_further():
    long = "word " * 3_500
    rows = read_edits(json.dumps({"edits": [{"op": "add", "after": "", "new": "x" * 5_000}]}), 6)
    with pytest.raises(EditsError, match="20,000 are allowed"):
        edited(long, rows)
