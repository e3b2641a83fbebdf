"""A suite whose answers stand in a table, a model that knows what its skill says, and a scripted author."""

import json
import re
from pathlib import Path

import live
import yaml

WORDS = ("red", "blue", "green", "white", "black", "brown")
SPLITS = {"train": 24, "dev": 24, "test": 24}
ROWS = {f"k{n}": WORDS[n % len(WORDS)] for n in range(12)}
HEAD = "---\nname: colours\ndescription: Use to find the colour of a code.\nallowed-tools: Read\n---\n"
BODY = "# Colours\n\n| code | colour |\n| --- | --- |\n{}\n\nAnswer with the colour."


def table(codes):
    return "\n".join(f"| {code} | {ROWS[code]} |" for code in codes)


KNOWN = [*ROWS][:4]
GOOD = {"edits": [{"op": "add", "after": "| --- | --- |", "new": table([*ROWS][4:])}]}
NOISE = {"edits": [{"op": "add", "after": "# Colours", "new": "Be careful."}]}
WRONG = {"edits": [{"op": "replace", "old": "| k0 | red |", "new": "| k0 | grey |"}]}


def answer(body):
    """The colour that the skill in the prompt gives; else none."""
    found = re.search(r"colour of (k\d+)", live.question(body))
    shown = str(body["messages"])
    row = re.search(rf"\| {found[1]} \| (\w+) \|", shown) if found else None
    return row[1] if row else "none"


class Author:
    """Answers in turn, the last again and again; keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, []

    def __call__(self, body):
        if body["model"] != "author":
            return answered(body, answer(body))
        seen = body["messages"][-1]["content"]
        if seen not in self.asked:
            self.asked.append(seen)
        said = self.answers[min(self.asked.index(seen), len(self.answers) - 1)]
        return answered(body, said if isinstance(said, str) else json.dumps(said))


def answered(body, text):
    reply = live.openai_answer(body | {"messages": [{"role": "user", "content": "question 0"}]})
    reply["choices"][0]["message"]["content"] = text
    return reply


def write_house(folder: Path, served, *, splits=SPLITS, **author) -> Path:
    """A folder with a suite, a skill that knows a third of the codes, and models.yaml."""
    rows = []
    for split, many in splits.items():
        for n in range(many):
            code = [*ROWS][n % len(ROWS)]
            rows.append({"id": f"{split}-{n}", "input": f"In {split} {n}: colour of {code}?", "reference": ROWS[code],
                         "split": split, "domain": "d"})  # fmt: skip
    live.write_suite(folder / "suites/colours", rows)
    skill = folder / "skills/colours"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(HEAD + BODY.format(table(KNOWN)) + "\n")
    (skill / "references").mkdir()
    (skill / "references/more.md").write_text("More.\n")
    models = {"small": live.served_model(served), "big": live.served_model(served, model="author", **author)}
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": models, "limits": {"concurrency": 8, "tries": 1}}))
    return folder


def command(*more):
    return (
        "skill",
        "improve",
        "colours",
        "--suite",
        "colours",
        "--model",
        "small",
        "--author",
        "big",
        "--quiet",
        *more,
    )


def lines(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]
