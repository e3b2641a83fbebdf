"""Are all dates right, and is everything else as it was?"""

import csv
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("deliveries-iso.csv")
if not path.is_file():
    end(0, "there is no deliveries-iso.csv")
try:
    rows = [row for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"deliveries-iso.csv cannot be read: {error}")
if not rows or rows[0] != ["delivery", "depot", "received", "pallets"]:
    end(0, "the header is not that of deliveries.csv")
if len(rows) - 1 != len(wanted):
    end(0, f"{len(rows) - 1} rows, there should be {len(wanted)}")
wrong = [(given, right) for given, right in zip(rows[1:], wanted) if given != right]
if wrong:
    given, right = wrong[0]
    first = f"delivery {right[0]} of {right[1]}: {','.join(given)[:60]}"
    end(0, f"{len(wrong)} of {len(wanted)} rows are wrong; the first is {first}")
end(1, "all dates are right")
