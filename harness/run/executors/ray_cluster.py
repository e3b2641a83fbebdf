"""Joins a Ray cluster, or starts one on this machine that nobody else can reach, and ends it.

Ray is asked to send nothing home and to show no dashboard. A Ray of our own listens on loopback only, takes a token
that no file holds, keeps its files in a folder of its own, and ends with this process however that ends.
"""

import asyncio
import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import OwnbenchError, UsageError, UserFileError, install_line, is_this_machine

AUTO, LOCAL = "auto", "local"
REACH_S = 5.0
JOIN_S = 180.0  # Ray itself gives a busy machine 30 s twice, and its library takes as long to be read there
HEAD_S = 60.0  # for a head that is at work already, and so answers soon
LEAVE_S = 30.0
LONGEST = 17  # characters of a folder in which the sockets of a Ray still have names short enough
STORE_BYTES = 80 << 20  # Ray's least: nothing large is handed around
_NOTHING = logging.CRITICAL + 1  # what concerns a user, the run says
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # else it ends workers for what others on the machine take
}
_OWN = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(24),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # whatever its name says: all of it listens on loopback
    "RAY_ADDRESS": "",
}


def missing_ray() -> str | None:
    """A sentence that says what to install, where Ray is not."""
    import importlib.util

    if importlib.util.find_spec("ray") is not None:
        return None
    return f"executor ray needs the package ray; {install_line('ray')}"


def named_cluster(address: str, path: Path, *, offline: bool) -> str | None:
    """``HOST:PORT`` of the cluster that is meant; ``None``: one of our own.

    Raises UserFileError: of the experiment at ``path``; UsageError: it cannot be joined.
    """
    found, by_environment = address, False

    def refused(problem: str, advice: str) -> OwnbenchError:
        if by_environment:
            return UsageError(f"RAY_ADDRESS: {problem}; {advice}")
        return UserFileError(path, problem, field="executor.address", advice=advice)

    if address == LOCAL:
        return None
    if address == AUTO:
        found, by_environment = os.environ.get("RAY_ADDRESS", ""), True
        if not found or found in {AUTO, LOCAL}:
            started = _started()
            return started if started and _reached(started) is None else None
    if "://" in found:
        problem = f"{found!r} is the address of Ray's client or dashboard, and workers share files with the command"
        raise refused(problem, "run the command on a machine of the cluster, with address: auto")
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit():
        raise refused(f"{found!r} is no address", "write HOST:PORT of the cluster's head, auto or local")
    if offline and not is_this_machine(host):
        raise refused(f"--offline keeps to this machine, and Ray's head is at {found}", "write address: local")
    if (why := _reached(found)) is not None:
        raise refused(f"nothing answers at {found} ({why})", "start a head there, or write address: local")
    return found


def _started() -> str:
    """What ``ray start`` leaves where its documentation says."""
    place = Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir())) / "ray" / "ray_current_cluster"
    try:
        return place.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _reached(address: str) -> str | None:
    """Why nothing answers there, where that is so."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return None


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A Ray that this process is part of."""

    ray: Any
    own: str | None  # the folder of a Ray of our own
    leaving: threading.Event
    left: threading.Event

    def resources(self, kind: str) -> float:
        """How many CPUs or GPUs it has."""
        return float(self.ray.cluster_resources().get(kind, 0))

    @property
    def machines(self) -> int:
        """How many machines work in it."""
        return sum(bool(node["Alive"]) for node in self.ray.nodes())

    def leave(self) -> None:
        """Ends what was begun in it; a Ray of our own with all its processes and files."""
        self.leaving.set()
        self.left.wait(LEAVE_S)


async def join(address: str | None, workers: int) -> Cluster:
    """Joins the cluster at an address, or starts one of ``workers`` CPUs. Raises UsageError: it cannot be had."""
    own = None if address else _folder()
    leaving, left, unheard = threading.Event(), threading.Event(), ExitStack()

    def begin() -> Cluster:
        with _quietly(_QUIET | ({} if address else _OWN)), unheard:
            if address:
                unheard.enter_context(_unheard())
            import ray

            logging.getLogger("ray").setLevel(_NOTHING)
            how: dict[str, Any] = (
                {"address": address}
                if address
                else {
                    "address": LOCAL,
                    "num_cpus": workers,
                    "include_dashboard": False,
                    "object_store_memory": STORE_BYTES,
                    "_temp_dir": own,
                }
            )
            for last in (False, True):
                try:
                    ray.init(log_to_driver=False, configure_logging=False, logging_level=_NOTHING, **how)
                    break
                except Exception as error:
                    if last or "timed out during startup" not in str(error):  # Ray gives a busy machine 30 s
                        raise
                    ray.shutdown()
        return Cluster(ray=ray, own=own, leaving=leaving, left=left)

    def end() -> None:
        leaving.wait()
        with _quietly({}):
            import ray

            ray.shutdown()
        if own:
            shutil.rmtree(own, ignore_errors=True)
        left.set()

    starting = in_thread(begin, end)  # Ray's processes end with the thread that started them
    try:
        return await asyncio.wait_for(asyncio.shield(starting), HEAD_S if address else JOIN_S)
    except asyncio.CancelledError:  # what is begun is ended
        starting.add_done_callback(lambda done: done.cancelled() or done.exception() or done.result().leave())
        await asyncio.wait({starting}, timeout=JOIN_S)
        raise
    except Exception as error:  # noqa: BLE001 - whatever Ray raises
        unheard.close()  # it may still be looking for the head, and what is said now is for the user
        if own:
            shutil.rmtree(own, ignore_errors=True)
        why = "it did not answer in time" if isinstance(error, TimeoutError) else " ".join(str(error).split())[:400]
        what = f"the Ray at {address} cannot be joined" if address else "no Ray can be started on this machine"
        raise UsageError(f"executor.address: {what}: {why or type(error).__name__}") from None


def _folder() -> str:
    """A folder for a Ray of our own, in which no other user reads; those of runs that were killed are taken away."""
    place = Path(tempfile.gettempdir())
    place = place if len(str(place)) <= LONGEST else Path("/tmp")  # noqa: S108 - mkdtemp lets nobody else in
    for old in place.glob("ownbench-ray-*"):
        number = old.name.split("-")[2]
        if number.isdigit() and not Path("/proc", number).exists() and old.stat().st_uid == os.getuid():
            shutil.rmtree(old, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"ownbench-ray-{os.getpid()}-")


def in_thread(do: Callable[[], Any], then: Callable[[], None] = lambda: None) -> "asyncio.Future[Any]":
    """Does it in a thread that no end of the process waits for, and something else in the same thread afterwards."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(found: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_exception(error) if error is not None else future.set_result(found)

    def run() -> None:
        found, failed = None, None
        try:
            found = do()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            failed = error
        loop.call_soon_threadsafe(settle, found, failed)
        if failed is None:
            then()

    threading.Thread(target=run, daemon=True).start()
    return future


@contextmanager
def _unheard() -> Iterator[None]:
    """What Ray's own library writes to standard error while it looks for a head is for nobody."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _quietly(environment: dict[str, str]) -> Iterator[None]:
    """Ray's warnings are not for our users; the environment is as before afterwards."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
