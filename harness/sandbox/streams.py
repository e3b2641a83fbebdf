"""Reads what a command writes while it runs: so much is kept, a flood ends it, and nobody waits for ever."""

import contextlib
import os
import selectors
import time
from collections.abc import Callable
from typing import Self

TICK = 0.1  # seconds between two looks at what only the maker of a box can see


class Streams:
    """The pipes of one command, and what came out of them."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._flood = cap + min(3 * cap, 64 << 20)
        self._selector = selectors.DefaultSelector()
        self._kept: dict[int, bytearray] = {}
        self._total: dict[int, int] = {}
        self.write_ends: list[int] = []  # the command's; the owner closes them once they are passed on
        try:
            for _ in range(2):
                reader, writer = os.pipe()
                self.write_ends.append(writer)
                self._kept[reader], self._total[reader] = bytearray(), 0
                self._selector.register(reader, selectors.EVENT_READ)
        except OSError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self.close_write_ends()
        for reader in self._kept:
            os.close(reader)

    def close_write_ends(self) -> None:
        """Once the command has them."""
        while self.write_ends:
            os.close(self.write_ends.pop())

    def wait(self, ended: int, deadline: float, excess: Callable[[], str]) -> str:
        """Reads until ``ended`` is readable: ""; else the cause why to stop: timeout, output, or what excess tells."""
        self._selector.register(ended, selectors.EVENT_READ)
        looked = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if now >= deadline:
                    return "timeout"
                if now - looked >= TICK:
                    looked = now
                    if cause := excess():
                        return cause
                for key, _ in self._selector.select(min(deadline - now, TICK)):
                    if key.fd == ended:
                        return ""
                    if self._read(key.fd) and self._total[key.fd] > self._flood:
                        return "output"
        finally:
            self._selector.unregister(ended)

    def drain(self, seconds: float) -> None:
        """Reads what is left, until the last writer is gone or the time is up."""
        deadline = time.monotonic() + seconds
        while self._selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self._read(key.fd)

    def _read(self, fd: int) -> bool:
        data = b""
        with contextlib.suppress(OSError):
            data = os.read(fd, 1 << 18)
        if not data:
            self._selector.unregister(fd)
            return False
        kept = self._kept[fd]
        self._total[fd] += len(data)
        kept += data[: self._cap - len(kept)]
        return True

    @property
    def texts(self) -> tuple[bytes, bytes]:
        """What was kept of standard output and of standard error."""
        out, err = (bytes(kept) for kept in self._kept.values())
        return out, err

    @property
    def cut(self) -> bool:
        """Whether more came than was kept."""
        return any(total > self._cap for total in self._total.values())
