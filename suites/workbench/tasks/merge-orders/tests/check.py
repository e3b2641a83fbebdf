"""Is orders.csv the merged table? The reward is the share of right rows among all that are there or should be."""

import csv
import json
import sys
from pathlib import Path

HEADER = ["order_id", "customer", "date", "amount"]


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:.4f}\n")
    sys.exit()


wanted = [tuple(row) for row in json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))]
path = Path("orders.csv")
if not path.is_file():
    end(0, "there is no orders.csv")
try:
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"orders.csv cannot be read: {error}")
if not rows or rows[0] != HEADER:
    end(0, f"the header is {rows[0] if rows else 'missing'}, not {','.join(HEADER)}")
found = [tuple(row) for row in rows[1:] if row]
right = set(found) & set(wanted)
reward = len(right) / (len(set(wanted)) + len(found) - len(right))
if reward == 1 and found != wanted:
    end(0.9, "all rows are right, but not sorted by order_id")
wrong = sorted(set(wanted) - right)
extra = sorted(set(found) - right)
parts = [f"{len(right)} of {len(wanted)} rows are right"]
parts += [f"missing or wrong: {wrong[0][0]}"] if wrong else []
parts += [f"{len(extra)} rows that should not be there, such as {','.join(extra[0])[:80]}"] if extra else []
end(reward, "; ".join(parts))
