#!/bin/bash
set -e
python3 - <<'PY'
import csv
NONE = {"", "-", "n/a", "no answer"}
with open("survey.csv", encoding="utf-8-sig", newline="") as file:
    header, _, *rows = csv.reader(file)
found = set()
for respondent, *cells in rows:
    for question, cell in zip(header[1:], cells):
        text = " ".join(cell.split())
        if text.lower() in NONE:
            continue
        parts = text.lower().split(";") if question in {"Q1", "Q2"} else [text if question == "Q3" else text.lower()]
        found.update((respondent, question, part.strip()) for part in parts)
with open("answers.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([("respondent", "question", "answer"), *sorted(found)])
PY
