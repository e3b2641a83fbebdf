"""Process 1 of a bubblewrap box: forks one command after another, and kills what each leaves behind.

It runs inside the box, by the box's own Python, and imports nothing of ours. Requests come over a socket: a memory file
with the request, standard input, output and error. `kill -9 -1` cannot end it, since the kernel keeps process 1 from
that. Each box pays for what is imported here, so it is little: no json, no socket, no signal, no contextlib.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import ctypes
import marshal
import os
import resource
import select
import sys

FDS, FD_BYTES = 4, 4  # descriptors of a request, and how many bytes tell of one
TICK = 0.1  # seconds between two looks at memory, processes and files


def main() -> None:
    """Until the maker of the box is gone."""
    channel = _socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(channel.fileno(), False)  # noqa: FBT003
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody in the box may look into this process
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # the only one that Python handles: the kernel keeps others off
    channel.send(b"ready")
    while True:
        message, ancillary, _, _ = channel.recvmsg(16, _socket.CMSG_LEN(FDS * FD_BYTES))
        if not message:  # whoever made the box is gone: with process 1 everything ends
            os._exit(0)
        packed = b"".join(data for _, _, data in ancillary)
        places = range(0, len(packed), FD_BYTES)
        fds = [int.from_bytes(packed[at : at + FD_BYTES], sys.byteorder) for at in places]
        if fds:  # without them it was a kill that came too late
            status, cause = command(channel, marshal.loads(whole(fds[0])), fds)  # noqa: S302 - our own maker wrote it
            channel.send(f'{{"status": {status}, "cause": "{cause}"}}'.encode())


def whole(fd: int) -> bytes:
    """What a file holds."""
    parts: list[bytes] = []
    while part := os.pread(fd, 1 << 20, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def command(channel: _socket.socket, request: dict, fds: list[int]) -> tuple[int, str]:  # type: ignore[type-arg]
    """How it ended: status as wait gives it, and the cause where this process stopped it."""
    begun = {folder: used(folder) for folder in request["folders"]}
    child = forked(request, fds)
    if not child:
        return 126 << 8, "pids"
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
    return status, cause


def forked(request: dict, fds: list[int]) -> int:  # type: ignore[type-arg]
    """The process of the command; none where what was left in the background takes every one that there may be."""
    try:
        child = os.fork()
        if child == 0:
            become(request, fds)
    except OSError:
        child = 0
    for fd in fds:
        os.close(fd)
    return child


def become(request: dict, fds: list[int]) -> None:  # type: ignore[type-arg]
    """The command, in the child."""
    try:
        os.setsid()
        for target in range(3):
            os.dup2(fds[target + 1], target)
        os.closerange(3, 4096)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # so that the next file is its own
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
            file.write("900")  # where memory runs out, commands go before process 1
        for name, value in request["rlimits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ):  # which Python ignores
            _signal.signal(number, _signal.SIG_DFL)
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606
    except FileNotFoundError as error:
        os.write(2, f"{error.filename}: not found\n".encode("utf-8", "replace"))
        os._exit(127)
    except BaseException as error:  # noqa: BLE001 - the child must end
        os.write(2, f"{error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(126)


def end_all() -> None:
    """Kills every other process of the box."""
    try:
        os.kill(-1, _signal.SIGKILL)
    except OSError:  # there is none
        return


def adopt(child: int) -> None:
    """Takes the exit status of processes that others left, so that they do not count; the command's own stays."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        while (found := os.waitid(os.P_ALL, 0, look)) and found.si_pid != child:
            os.waitpid(found.si_pid, 0)
    except ChildProcessError:
        return


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
