"""Random skill folders, valid and invalid, for the comparison with the reference validator."""

import random

NAMES = [
    "{f}",
    "'{f}'",
    '"{f}"',
    "Other",
    "{f}-",
    "-{f}",
    "a--b",
    "UPPER",
    "über-name",
    "名前",
    "x y",
    "a_b",
    "",
    "~",
    "null",
    "123",
    "1.0",
    "true",
    "{f} # comment",
    "&a {f}",
    "*a",
    "!!str {f}",
    "[{f}]",
    "{a: b}",
    ">\n  {f}",
    "|\n  {f}",
    "a" * 64,
    "a" * 65,
    "ﬁle",
    "{f}: x",
    "\n  - {f}",
    "@x",
    "`x`",
    "%x",
    "-",
    "?",
    "a:b",
    "x\ty",
    "'it''s'",
]
DESCRIPTIONS = [
    "Does a thing.",
    "",
    "Use when: it fits",
    "'Use when: it fits'",
    "x" * 1024,
    "x" * 1025,
    "|\n  two\n  lines",
    ">-\n  folded\n  text",
    "a --- b",
    "\n  - list",
    "\n  key: value",
    "null",
    "7",
    "[a]",
    "{a: 1}",
    "emoji 🙂",
    "tab\there",
    "# only a comment",
    '"quoted \\" text"',
    '"broken',
    "'broken",
    "a # b",
    "a\n  goes on",
    "a\nno indent",
    "*ref",
    "&anchor text",
    "! x",
    "!tag x",
    "y",
    "\u00a0",
    "x\u2028y",
    "x\u0085y",
    "x\u0000y",
    "x\u0007y",
    "---",
    "|+\n\n",
]
EXTRAS = [
    "license: MIT",
    "license:",
    "license: [MIT]",
    "compatibility: Linux",
    "compatibility:",
    "compatibility:\n  - a",
    "compatibility: " + "c" * 500,
    "compatibility: " + "c" * 501,
    "metadata:\n  author: me\n  version: 1.0",
    "metadata: text",
    "metadata:",
    "metadata: {}",
    "metadata:\n  a:\n    b: c",
    "metadata:\n    a: b\nlicense:\n  c: d",
    "metadata:\n  a: 1\n  a: 2",
    "allowed-tools: Bash(git:*) Read",
    "allowed-tools: [Read]",
    "allowed-tools:\n  - Read",
    "version: 1",
    "author: me",
    "name: twice",
    "when_to_use: never",
    "# comment",
    "Name: x",
    "? x\n: y",
    "1: 2",
    "<<: x",
    "<<:\n  license: MIT",
    "...",
    " indented: 1",
    "\ttab: 1",
    "noseparator",
    "- item",
    "'license': MIT",
    '"license": MIT',
    "metadata:\n- a",
    "license : MIT",
    "license:MIT",
]
BODIES = ["# Title\n\nText.\n", "", "no heading", "---\nmore\n---\n", "x" * 3000]
HEADS = ["---\n", "", "--- \n", "\n---\n", "\ufeff---\n", "---", "----\n", "---\r\n"]
ENDS = ["---\n", "---", "", "--- \n", "----\n", "...\n", "\n---\n", " ---\n"]


def random_skill(chance: random.Random, folder_name: str) -> str:
    """The text of a SKILL.md in which each part is odd now and then; about half are valid."""

    def part(choices: list[str], odd: float) -> str:
        return chance.choice(choices) if chance.random() < odd else choices[0]

    fields = [
        "name: " + part(NAMES, 0.3).replace("{f}", folder_name),
        "description: " + part(DESCRIPTIONS, 0.4),
        *chance.sample(EXTRAS, chance.choice([0, 0, 0, 1, 1, 2])),
    ]
    if chance.random() < 0.05:
        fields.pop(chance.randrange(len(fields)))
    if chance.random() < 0.3:
        chance.shuffle(fields)
    return part(HEADS, 0.1) + "\n".join(fields) + "\n" + part(ENDS, 0.2) + chance.choice(BODIES)
