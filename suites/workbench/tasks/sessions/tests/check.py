"""Are these the sessions? The reward is the share of right rows among all that are there or should be."""

import csv
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:g}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("sessions.csv")
if not path.is_file():
    end(0, "there is no sessions.csv")
try:
    rows = [row for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"sessions.csv cannot be read: {error}")
if not rows or rows[0] != ["user", "start", "end", "events"]:
    end(0, "the header is not user,start,end,events")

found = rows[1:]
right = [row for row in wanted if row in found]
reward = len(right) / (len(wanted) + len(found) - len(right))
if reward == 1 and found != wanted:
    end(0.9, "all rows are right, but not sorted by user and start")
wrong = next((row for row in wanted if row not in found), None)
said = f"; not that of {wrong[0]} at {wrong[1]}" if wrong else ""
end(round(reward, 4), f"{len(right)} of {len(wanted)} sessions are right, {len(found)} are there{said}")
