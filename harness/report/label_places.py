"""Where the names of points stand in a picture: the one rule for every chart, page and sheet.

A name stands next to its own point and nearer to it than to any other; where there is no such place, a line leads from
the point to it. Places are pixels off the point, so they hold in a wider picture than the one they were found for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
Point = tuple[float, float]
Boxes = NDArray[np.float64]  # a row a box

HALF = 8.0  # pixels of half the height of a name
MARK = 7.0  # pixels from a point's middle to the edge of its mark
CLEAR = 4.0  # pixels by which a name without a line is nearer to its own point than to any other
NEAR, SEEN = 16.0, 18.0  # pixels off its point up to which a name needs no line, and from which on a line is seen
_OUTSIDE, _TAKEN, _LINE, _CROSSED, _UNCLEAR = 1e6, 20.0, 60.0, 150.0, 1e4  # what speaks against a place
_AROUND = [
    (11 * distance * dx, 11 * distance * dy)
    for distance in (1.0, 1.4, 1.8, 2.4, 3.2, 4.2, 5.5, 7.5, 10.0)
    for dx, dy in ((1, -0.9), (1, 0.9), (-1, -0.9), (-1, 0.9), (1, 0), (-1, 0), (0, -1.5), (0, 1.5))
]


@dataclass(frozen=True, slots=True)
class Place:
    """Of a name: where it is held and by which side, and where a line to it ends; all in pixels off its point.

    It is held by the side to its point, for it is drawn shorter than the room that is kept for it.
    """

    dx: float
    dy: float
    align: str
    to_dx: float
    to_dy: float
    line: bool


def place_labels(
    points: Sequence[Point], wide: Sequence[float], bars: Sequence[Box], size: tuple[float, float]
) -> list[Place]:
    """A place for the name of each of the first points; of more points than names the rest is only kept clear of.

    Points, bars and the picture's ``size`` are in pixels from its upper left corner, as is how ``wide`` each name is.
    A name stands over no point and no other name if that can be, and over few bars.
    """
    taken: list[Box] = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points]
    found: list[Place] = []
    spots, lines = np.array(points, dtype=float).reshape(-1, 2), np.array(bars, dtype=float).reshape(-1, 4)
    for at, width in enumerate(wide):
        own = points[at]
        boxes = np.array([_box(own, off, width) for off in _AROUND])
        ends = np.clip(np.array(own), boxes[:, :2], boxes[:, 2:])
        gaps = np.hypot(*(ends - own).T)
        others = np.delete(spots, at, axis=0)
        clear = _nearest(boxes, others) >= gaps + CLEAR
        line = ~clear | (gaps > NEAR)
        against = (
            _LINE * line * (1 + gaps / 60)
            + _UNCLEAR * (line & (gaps < SEEN))
            + _CROSSED * line * _crossed(own, ends, others)
            + _shared(boxes, lines).sum(axis=1)
            + _TAKEN * _shared(boxes, np.array(taken)).sum(axis=1)
            + _OUTSIDE * _outside(boxes, size)
            + 0.01 * np.arange(len(boxes))
        )
        best = int(np.argmin(against))
        left, top, right, bottom = boxes[best].tolist()
        taken.append((left, top, right, bottom))
        off, (to_x, to_y) = _AROUND[best], (ends[best] - own).tolist()
        align = "left" if off[0] > 0 else "right" if off[0] < 0 else "center"
        found.append(Place(*off, align, to_x, to_y, bool(line[best])))
    return found


def _box(own: Point, off: Point, wide: float) -> Box:
    """A name's box, with its nearer edge so far off its point."""
    left = own[0] + off[0] - (0 if off[0] > 0 else wide if off[0] < 0 else wide / 2)
    return left, own[1] + off[1] - HALF, left + wide, own[1] + off[1] + HALF


def _nearest(boxes: Boxes, points: Boxes) -> NDArray[np.float64]:
    """How far each box is from the nearest of the points."""
    if not len(points):
        return np.full(len(boxes), math.inf)
    x, y = points[:, 0][None], points[:, 1][None]
    left, top, right, bottom = (boxes[:, k][:, None] for k in range(4))
    across = np.maximum(np.maximum(left - x, x - right), 0)
    down = np.maximum(np.maximum(top - y, y - bottom), 0)
    return np.asarray(np.hypot(across, down).min(axis=1))


def _crossed(own: Point, ends: Boxes, others: Boxes) -> NDArray[np.float64]:
    """How many other points a line from ``own`` to each of the ends runs over; one at the same place is no other."""
    apart = others[np.hypot(*(others - own).T) > MARK] if len(others) else others
    if not len(apart):
        return np.zeros(len(ends))
    way = ends - own
    long = np.maximum((way**2).sum(axis=1), 1e-9)
    share = np.clip((way @ (apart - own).T) / long[:, None], 0, 1)
    off = own + share[:, :, None] * way[:, None, :] - apart[None]
    return np.asarray((np.hypot(off[..., 0], off[..., 1]) < MARK).sum(axis=1), dtype=float)


def _shared(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """The areas that each box shares with each of the others."""
    low, high = np.maximum(boxes[:, None, :2], others[None, :, :2]), np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2))


def _outside(boxes: Boxes, size: tuple[float, float]) -> NDArray[np.bool_]:
    over = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, 2:] > np.array(size)).any(axis=1)
    return np.asarray(over)
