"""Keeps to so many a minute, whatever is counted: requests or tokens."""


class Pace:
    """The generic cell rate algorithm with a burst of one (ITU-T I.371): amounts are spread evenly over time.

    In any span of ``t`` seconds at most ``per_minute * t / 60`` plus one amount start. Who reserves first goes first;
    an amount reserved ahead of time keeps its place, so a machine that wakes late loses nothing of the rate.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._next = float("-inf")

    def reserve(self, amount: float, now: float) -> float:
        """Seconds to wait before ``amount`` may start; 0 without a limit."""
        start = max(now, self._next)
        self._next = start + amount * self._seconds_each
        return start - now

    def correct(self, difference: float) -> None:
        """Charges what was used beyond what was reserved; a negative difference is given back."""
        self._next += difference * self._seconds_each
