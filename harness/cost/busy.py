"""A machine's busy time, shared out between the requests that it holds.

Not for use from several threads.
"""


class BusyTime:
    """Shares each busy second equally between the requests in flight; idle time is nobody's.

    So the shares sum to the time in which there was at least one request, however many there were at once.
    """

    def __init__(self) -> None:
        self._held = 0
        self._each = 0.0  # seconds that a request would have been charged that was there all the time
        self._since = 0.0

    def enter(self, now: float) -> float:
        """A request begins; what `leave` is given when it ends. ``now`` is the monotonic time in seconds."""
        self._pass(now)
        self._held += 1
        return self._each

    def leave(self, now: float, entered: float) -> float:
        """A request ends, answered or not: its share of the machine's time, in seconds."""
        self._pass(now)
        self._held -= 1
        return self._each - entered

    def _pass(self, now: float) -> None:
        if self._held:
            self._each += (now - self._since) / self._held
        self._since = now
