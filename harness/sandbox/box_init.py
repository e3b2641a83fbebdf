"""Process 1 of a bubblewrap box: forks one command after another, and kills what each leaves behind.

It runs inside the box, by the box's own Python, and imports nothing of ours. Requests come over a socket: a memory file
with JSON, standard input, output and error. `kill -9 -1` cannot end it, since the kernel keeps process 1 from that.
"""

import array
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys

TICK = 0.1  # seconds between two looks at memory, processes and files


def main() -> None:
    """Until the maker of the box is gone."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody in the box may look into this process
    channel.send(b"ready")
    while True:
        message, ancillary, _, _ = channel.recvmsg(16, socket.CMSG_LEN(16))
        if not message:  # whoever made the box is gone: with process 1 everything ends
            os._exit(0)
        fds = array.array("i")
        for _, _, data in ancillary:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        if fds:  # without them it was a kill that came too late
            request = json.loads(whole(fds[0]))
            channel.send(json.dumps(command(channel, request, fds)).encode())


def whole(fd: int) -> bytes:
    """What a file holds."""
    parts: list[bytes] = []
    while part := os.pread(fd, 1 << 20, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def command(channel: socket.socket, request: dict, fds: array.array) -> dict:  # type: ignore[type-arg]
    """How it ended: status as wait gives it, and the cause where this process stopped it."""
    begun = {folder: used(folder) for folder in request["folders"]}
    child = os.fork()
    if child == 0:
        become(request, fds)
    for fd in fds:
        os.close(fd)
    waiter, cause = os.pidfd_open(child), ""
    while True:
        ready, _, _ = select.select([waiter, channel.fileno()], [], [], TICK)
        if waiter in ready:
            break
        if channel.fileno() in ready:
            if not channel.recv(16):
                os._exit(0)
            end_all()
        elif cause in ("", "pids"):
            adopt(child)
            cause = excess(request, begun) or cause
            if cause not in ("", "pids"):
                end_all()
    os.close(waiter)
    status = os.waitpid(child, 0)[1]
    cause = cause or excess(request, begun)
    if not request["keep"]:
        end_all()
        while reaped():
            pass
    return {"status": status, "cause": cause}


def become(request: dict, fds: array.array) -> None:  # type: ignore[type-arg]
    """The command, in the child."""
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # so that the next file is its own
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write("900")  # where memory runs out, commands go before process 1
        for target in range(3):
            os.dup2(fds[target + 1], target)
        os.closerange(3, 4096)
        for name, value in request["rlimits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(number, signal.SIG_DFL)
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606
    except FileNotFoundError as error:
        os.write(2, f"{error.filename}: not found\n".encode("utf-8", "replace"))
        os._exit(127)
    except BaseException as error:  # noqa: BLE001 - the child must end
        os.write(2, f"{error}\n".encode("utf-8", "replace"))
        os._exit(126)


def end_all() -> None:
    """Kills every other process of the box."""
    with contextlib.suppress(OSError):
        os.kill(-1, signal.SIGKILL)


def adopt(child: int) -> None:
    """Takes the exit status of processes that others left, so that they do not count; the command's own stays."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, look)) and found.si_pid != child:
            os.waitpid(found.si_pid, 0)


def reaped() -> bool:
    """Waits for one process of the box; whether there was one."""
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        return False
    return True


def excess(request: dict, begun: dict) -> str:  # type: ignore[type-arg]
    """The limit that the box is beyond, or nothing."""
    for folder, before in begun.items():
        files = used(folder)
        if files > request["files"] and files > before:
            return "disk"
    limit = request["watch"]
    if not limit:  # a cgroup does it
        return ""
    processes = [entry for entry in os.listdir("/proc") if entry.isdigit() and entry != "1"]  # noqa: PTH208
    if sum(map(resident, processes)) > limit and sum(map(own, processes)) > limit:
        return "memory"
    return "pids" if len(processes) >= request["pids"] - 4 else ""


def used(folder: str) -> int:
    """How many files it holds."""
    found = os.statvfs(folder)
    return found.f_files - found.f_ffree


def resident(process: str) -> int:
    """Bytes of memory."""
    try:
        with open(f"/proc/{process}/statm") as file:  # noqa: PTH123 - pathlib takes as long to load as all the rest
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def own(process: str) -> int:
    """Its share of memory, where it does not hide it: pages that a fork shares count once."""
    try:
        with open(f"/proc/{process}/smaps_rollup") as file:  # noqa: PTH123 - pathlib takes as long to load as all the rest
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident(process)


main()
