"""Is the survey long, with every answer once?"""

import csv
import io
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward}\n")
    sys.exit()


wanted = [tuple(row) for row in json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))]
path = Path("answers.csv")
if not path.is_file():
    end(0, "there is no answers.csv")
try:
    rows = [tuple(row) for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"answers.csv cannot be read: {error}")
if not rows or rows[0] != ("respondent", "question", "answer"):
    end(0, "the header is not respondent,question,answer")
found = rows[1:]
if found == wanted:
    end(1, "every answer is there once")
missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
if missing or extra:
    parts = [f"{len(missing)} answers missing, such as one of {missing[0][0]} to {missing[0][1]}"] if missing else []
    parts += [f"{len(extra)} rows too many, such as {' '.join(extra[0])[:80]!r}"] if extra else []
    end(0, "; ".join(parts))
end(0, "the rows are right, but doubled or not sorted")
