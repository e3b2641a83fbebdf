"""Are the three slowest endpoints right, in order?"""

import csv
import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:g}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("slow.csv")
if not path.is_file():
    end(0, "there is no slow.csv")
try:
    rows = [row for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
except (UnicodeDecodeError, csv.Error) as error:
    end(0, f"slow.csv cannot be read: {error}")
if not rows or rows[0] != ["endpoint", "requests", "p95_ms"]:
    end(0, "the header is not endpoint,requests,p95_ms")

if len(rows) != 4:
    end(0, f"{len(rows) - 1} rows, there should be 3")
for place, (row, (endpoint, requests, p95)) in enumerate(zip(rows[1:], wanted), 1):
    if len(row) != 3 or row[0] != endpoint:
        end(0, f"place {place}: {row[0][:60]!r} is not that endpoint")
    if row[1] != str(requests):
        end(0, f"place {place}: {row[1][:20]!r} requests is not right")
    try:
        near = abs(float(row[2]) - p95) < 0.051
    except ValueError:
        near = False
    if not near:
        end(0, f"place {place}: {row[2][:20]!r} is not its 95th percentile")
end(1, "all three are right")
