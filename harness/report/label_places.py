"""The figure of cost and pass rate: its frame, and where a name stands so that no other is read for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import harness.report.vega as vl

MOST_NAMES = 30  # contenders named in a chart of points; the subtitle says where there are more
WIDTH = 760.0  # pixels of the plot
LETTER = 6.6  # pixels of a letter of the labels (12 px, on the wide side)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The visible part of the figure, and how it falls on pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    ticks: list[float]
    width: float = WIDTH
    height: float = 400.0

    def pixel(self, cost: float, value: float) -> tuple[float, float]:
        """Where a cost and a pass rate stand, from the upper left corner."""
        left, right, at = (math.log(v) if self.log else v for v in (*self.x, cost))
        return (
            self.width * (at - left) / (right - left),
            self.height * (self.y[1] - value) / (self.y[1] - self.y[0]),
        )

    def point(self, px: float, py: float) -> tuple[float, float]:
        """The cost and the pass rate at a pixel: `pixel` the other way round."""
        left, right = (math.log(v) if self.log else v for v in self.x)
        cost = left + (right - left) * px / self.width
        return (math.exp(cost) if self.log else cost, self.y[1] - (self.y[1] - self.y[0]) * py / self.height)


def frame_of(rows: list[vl.Row]) -> Frame:
    """A frame that holds all points and their bars; logarithmic where costs differ by more than 20 times."""
    costs = [r["cost"] for r in rows]
    log = min(costs) > 0 and max(costs) > 20 * min(costs)
    if log:
        floor = min(costs) / 3
        low = min(max(r["cost_low"], floor) for r in rows) / 1.5
        high = max(r["cost_high"] for r in rows) * 1.8
    else:
        high = max(r["cost_high"] for r in rows)
        low = min(0.0, *(r["cost_low"] for r in rows))
        high = high + 0.12 * (high - low) if high > low else low + 1.0
    values = [v for r in rows for v in (r["low"], r["high"])]
    bottom, top = vl.percent_domain(values)
    return Frame(
        x=(low, high), y=(bottom, top), log=log, ticks=vl.log_ticks(low, high) if log else vl.even_ticks(low, high)
    )


_AROUND = [
    (distance * dx, distance * dy)
    for distance in (1.0, 1.8, 2.8, 4.0, 5.5)
    for dx, dy in ((1, -0.9), (1, 0.9), (-1, -0.9), (-1, 0.9), (1, 0), (-1, 0), (0, -1.5), (0, 1.5))
]
_FAR = 8  # from this place of the list on, a name stands so far off that a line must lead to its point

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def place_labels(rows: list[vl.Row], frame: Frame) -> list[vl.Row]:
    """A place for each name near its point: never over a point or another name if that can be, over few bars."""
    points = [frame.pixel(r["cost"], r["value"]) for r in rows]
    solid: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    bars: list[Box] = []
    for row, (x, y) in zip(rows, points, strict=True):
        left, right = (frame.pixel(row[end], row["value"])[0] for end in ("cost_low", "cost_high"))
        top, bottom = (frame.pixel(row["cost"], row[end])[1] for end in ("high", "low"))
        bars += [(left, y - 1, right, y + 1), (x - 1, top, x + 1, bottom)]
    placed = []
    for row, (x, y) in zip(rows[:MOST_NAMES], points, strict=False):
        wide = LETTER * len(row["name"]) + 4
        boxes = [_label_box(x, y, wide, 11 * dx, 11 * dy) for dx, dy in _AROUND]
        marks = [
            60.0 * (rank // _FAR)
            + sum(overlap(box, other) for other in bars)
            + 20 * sum(overlap(box, other) for other in solid)
            + 8 * _nearer_to_another(box, (x, y), points)
            + (0 if box[0] >= 0 and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.height else 1e6)
            for rank, box in enumerate(boxes)
        ]
        rank = min(range(len(boxes)), key=marks.__getitem__)
        box = boxes[rank]
        solid.append(box)
        text_cost, text_value = frame.point(box[0] + 2, (box[1] + box[3]) / 2)
        to_cost, to_value = frame.point(min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
        placed.append(
            {"name": row["name"], "cost": row["cost"], "value": row["value"], "text_cost": text_cost,
             "text_value": text_value, "to_cost": to_cost, "to_value": to_value, "far": rank >= _FAR}
        )  # fmt: skip
    return placed


def _nearer_to_another(box: Box, own: tuple[float, float], points: Sequence[tuple[float, float]]) -> float:
    """How many pixels nearer a name would stand to another point than to its own: it would be read as that one's."""

    def gap(x: float, y: float) -> float:
        return math.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3]))

    others = [gap(*point) for point in points if point != own]
    return max(0.0, gap(*own) + 4 - min(others)) if others else 0.0


def _label_box(x: float, y: float, wide: float, dx: float, dy: float) -> Box:
    left = x + dx if dx > 0 else x + dx - wide if dx < 0 else x - wide / 2
    return (left, y + dy - 8, left + wide, y + dy + 8)


def overlap(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0
