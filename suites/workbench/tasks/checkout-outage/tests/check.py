"""Are the facts of the outage right? The reward is the share of the five that are."""

import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:g}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("outage.json")
if not path.is_file():
    end(0, "there is no outage.json")
try:
    found = json.loads(path.read_text("utf-8-sig"))
except (ValueError, RecursionError) as error:
    end(0, f"outage.json is no JSON: {error}")

if not isinstance(found, dict):
    end(0, "outage.json is not an object")
wrong = [key for key in wanted if found.get(key) != wanted[key] or isinstance(found.get(key), bool)]
said = ", ".join(f"{key} ({json.dumps(found.get(key))[:60]})" for key in wrong)
end((len(wanted) - len(wrong)) / len(wanted), f"wrong or missing: {said}" if wrong else "all 5 figures are right")
