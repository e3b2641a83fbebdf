"""Is there one right row a person? The reward is the share of right rows among all that are there or should be."""

import csv
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:.4f}\n")
    sys.exit()


wanted = [tuple(row) for row in json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))]
path = Path("people.csv")
if not path.is_file():
    end(0, "there is no people.csv")
try:
    rows = [tuple(row) for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"people.csv cannot be read: {error}")
if not rows or rows[0] != ("created", "name", "email", "phone", "city"):
    end(0, "the header is not created,name,email,phone,city")
found = rows[1:]
if len(found) > 2 * len(wanted):
    end(0, f"{len(found)} rows for {len(wanted)} people: nobody was joined")
right = set(found) & set(wanted)
reward = len(right) / (len(wanted) + len(found) - len(right))
if reward == 1 and found != wanted:
    end(0.9, "all rows are right, but not sorted by created")
left = sorted(set(wanted) - right)
said = f"; wrong or missing: the person created {left[0][0]}" if left else ""
end(reward, f"{len(found)} rows for {len(wanted)} people, {len(right)} of them right{said}")
