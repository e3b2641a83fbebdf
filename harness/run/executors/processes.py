"""Workers that are processes of this machine.

One process is forked off before the command has threads, a loop or a lock, and does nothing but fork workers off when
it is asked to: so a worker begins within milliseconds, with all that was read before, and shares its memory. Each talks
to the command over a socket of its own, and ends where that is closed, however the command ended.
"""

import asyncio
import gc
import os
import pickle
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn

from harness.core import UsageError
from harness.experiment import Assembled
from harness.run.executors.fleet import WorkerGoneError
from harness.run.executors.worker import Workbench
from harness.run.stopping import SIGNALS
from harness.store import Recalled

_LENGTH = 8  # bytes before each message, which say how long it is


class Nursery:
    """The process that forks workers off, as the command knows it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    async def fork(self) -> "Process":
        """A worker. Raises UsageError: none can be started any more."""
        here, there = socket.socketpair()
        with there:
            try:
                socket.send_fds(self._control, [b"+"], [there.fileno()])
            except OSError:
                here.close()
                problem = "the process that starts workers has ended"
                raise UsageError(f"{problem}; run again, which goes on from here") from None
        return Process(*await asyncio.open_unix_connection(sock=here))

    def close(self) -> None:
        """Lets the process end: no worker is started any more. A second call does nothing."""
        self._control.close()


@contextmanager
def nursery(assembled: Assembled, recorded: Recalled) -> Iterator[Nursery]:
    """Within it workers can be started, which have read this. It is to be entered before any thread is started."""
    here, there = socket.socketpair()
    gc.freeze()  # what is collected would have to be copied first

    def serve() -> None:
        here.close()
        _fork_for_ever(there, assembled, recorded)

    with there:
        process = _forked(serve)
    try:
        with here:
            yield Nursery(here)
    finally:
        with suppress(ChildProcessError):
            os.waitpid(process, 0)


class Process:
    """A worker as a process of this machine, behind the protocol `Contact`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._asked = dict[int, asyncio.Future[Any]]()
        self._process: int | None = None
        self._gone, self._number = False, 0
        self._reading = asyncio.ensure_future(self._read())

    def ask(self, what: str, *given: Any) -> "asyncio.Future[Any]":
        """As `Contact.ask`."""
        future = asyncio.get_running_loop().create_future()
        if self._gone:
            future.set_exception(WorkerGoneError())
            return future
        self._number += 1
        self._asked[self._number] = future
        self._writer.write(_framed((self._number, what, given)))
        return future

    def kill(self) -> None:
        """As `Contact.kill`."""
        if self._process is not None and not self._gone:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
        self._lose()

    async def _read(self) -> None:
        try:
            self._process = await self._message()
            while True:
                number, found = await self._message()
                if not (future := self._asked.pop(number)).done():
                    future.set_result(found)
        except (EOFError, OSError):
            self._lose()

    async def _message(self) -> Any:
        length = int.from_bytes(await self._reader.readexactly(_LENGTH))
        return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - of a process of our own

    def _lose(self) -> None:
        self._gone = True
        self._writer.close()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(WorkerGoneError())
        self._asked.clear()


def _framed(message: Any) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_LENGTH) + data


def _forked(do: Callable[[], None]) -> int:
    """Does it in a process that is forked off, and ends that; the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which a notebook has: nothing of theirs is touched
        process = os.fork()
    if process:
        return process
    try:
        do()
    finally:
        os._exit(1)


def _fork_for_ever(control: socket.socket, assembled: Assembled, recorded: Recalled) -> NoReturn:
    """Forks a worker off each time that it is told to, until the command has ended."""
    for number in SIGNALS:  # they are for the command; what a box runs begins with the usual handlers
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, lambda *_: _reap(os.WNOHANG))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _reap()
            os._exit(0)
        with socket.socket(fileno=handles[0]) as channel:
            _forked(partial(_work, control, channel, Workbench(assembled, recorded)))


def _reap(how: int = 0) -> None:
    """Workers that have ended leave nothing but what they took of the processors' time."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, how) != (0, 0):
            pass


def _work(control: socket.socket, channel: socket.socket, bench: Workbench) -> None:
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _serve(channel, bench)


def _serve(channel: socket.socket, bench: Workbench) -> None:
    """Does what the command asks, many things at once, until it asks no more."""
    writing = threading.Lock()

    def send(message: Any) -> None:
        with writing, suppress(OSError):
            channel.sendall(_framed(message))

    def do(number: int, what: str, given: tuple[Any, ...]) -> None:
        try:
            send((number, getattr(bench, what)(*given)))
        except BaseException:  # noqa: BLE001 - the command sees that it is gone
            os._exit(1)

    send(os.getpid())
    with channel.makefile("rb") as asked:
        while len(length := asked.read(_LENGTH)) == _LENGTH:
            message = pickle.loads(asked.read(int.from_bytes(length)))  # noqa: S301 - of the command
            threading.Thread(target=do, args=message, daemon=True).start()
