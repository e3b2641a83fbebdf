"""The line that a run shows while it works."""

from harness.cli.running import line
from harness.run import Progress


def test_open_boxes_are_told_where_there_are_any():
    moment = Progress(planned=10, started=0.0, passed=2, spent_usd=0.5).at(4.0, "attempts")
    assert line(moment) == "attempts: 2/10 | 0.5/s | 2 passed | 16 s left | $0.5000"
    for count, told in ((1, "1 box open"), (1200, "1,200 boxes open")):
        moment.boxes = count
        assert line(moment) == f"attempts: 2/10 | 0.5/s | 2 passed | 16 s left | $0.5000 | {told}"
