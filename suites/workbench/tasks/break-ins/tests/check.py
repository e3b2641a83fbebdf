"""Are these the suspect addresses, with their times? The reward is the share of right rows among all."""

import csv
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:g}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("suspects.csv")
if not path.is_file():
    end(0, "there is no suspects.csv")
try:
    rows = [row for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"suspects.csv cannot be read: {error}")
if not rows or rows[0] != ["address", "first_failure", "user", "login"]:
    end(0, "the header is not address,first_failure,user,login")

found = rows[1:]
right = [row for row in wanted if row in found]
reward = len(right) / (len(wanted) + len(found) - len(right))
if reward == 1 and found != wanted:
    end(0.9, "all rows are right, but not sorted by login")
addresses = {row[0] for row in wanted}
innocent = [row[0] for row in found if row[0] not in addresses]
missed = sorted(addresses - {row[0] for row in found})
parts = [f"{len(right)} of {len(wanted)} rows are right"]
parts += [f"{innocent[0][:40]} is not suspect"] if innocent else []
parts += [f"{missed[0]} is missing"] if missed else []
end(round(reward, 4), "; ".join(parts))
