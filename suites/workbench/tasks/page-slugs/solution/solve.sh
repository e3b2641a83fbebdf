#!/bin/bash
set -e
cat > textkit/words.py <<'PY'
"""Titles as plain words."""

import re
import unicodedata


def plain_words(title):
    """The words of a title in letters without accents and digits; "ß" is "ss", "&" is "and"."""
    text = title.replace("ß", "ss").replace("ẞ", "SS").replace("&", " and ")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[A-Za-z0-9]+", text)
PY
python3 - <<'PY'
from pathlib import Path

slugs = Path("textkit/slugs.py")
head, _, _ = slugs.read_text().partition("    slug = re.sub")
slugs.write_text(head.replace("import re\n", "from textkit.words import plain_words\n").replace("taken=[]", "taken=()") + '''\
    words = [word.lower() for word in plain_words(title)] or ["untitled"]
    name, number = _cut(words, longest), 2
    while name in taken:
        end = f"-{number}"
        name = _cut(words, longest - len(end)) + end
        number += 1
    return name


def _cut(words, longest):
    name = words[0][:longest]
    for word in words[1:]:
        if len(name) + 1 + len(word) > longest:
            break
        name = f"{name}-{word}"
    return name
''')
files = Path("textkit/files.py")
text = files.read_text().replace("import re\n", "from textkit.words import plain_words\n")
old = '    stem = re.sub(r"[^A-Za-z0-9 ]", "", title).replace(" ", "_")\n'
assert old in text
files.write_text(text.replace(old, '    stem = "_".join(plain_words(title)) or "untitled"\n'))
PY
