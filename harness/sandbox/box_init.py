"""Process 1 of a bubblewrap box: forks one command after another, and kills what each leaves behind.

It runs inside the box, by the box's own Python, and imports nothing of ours. Requests come over a socket: a memory file
with JSON, standard input, output and error. `kill -9 -1` cannot end it, since the kernel keeps process 1 from that.
"""

import array
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys

TICK = 0.1  # seconds between two looks at memory, processes and files


def main():
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


def whole(fd):
    parts = []
    while part := os.pread(fd, 1 << 20, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def command(channel, request, fds):
    """How it ended: status as wait gives it, and the cause where this process stopped it."""
    begun = {folder: used(folder) for folder in request["folders"]}
    child = os.fork()
    if child == 0:
        become(request, fds)
    for fd in fds:
        os.close(fd)
    waiter, cause, status = os.pidfd_open(child), "", 0
    while True:
        ready, _, _ = select.select([waiter, channel], [], [], TICK)
        if waiter in ready:
            break
        if channel in ready:
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


def become(request, fds):
    try:
        os.setsid()
        for target in range(3):
            os.dup2(fds[target + 1], target)
        os.closerange(3, 4096)
        for name, value in request["rlimits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(number, signal.SIG_DFL)
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except FileNotFoundError as error:
        os.write(2, ("%s: not found\n" % error.filename).encode("utf-8", "replace"))
        os._exit(127)
    except BaseException as error:
        os.write(2, ("%s\n" % error).encode("utf-8", "replace"))
        os._exit(126)


def end_all():
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass


def adopt(child):
    """Takes the exit status of processes that others left, so that they do not count; the command's own stays."""
    try:
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and found.si_pid != child:
            os.waitpid(found.si_pid, 0)
    except ChildProcessError:
        pass


def reaped():
    """Waits for one process of the box; whether there was one."""
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        return False
    return True


def excess(request, begun):
    """The limit that the box is beyond, or nothing."""
    for folder, before in begun.items():
        files = used(folder)
        if files > request["files"] and files > before:
            return "disk"
    limit = request["watch"]
    if not limit:  # a cgroup does it
        return ""
    processes = [entry for entry in os.listdir("/proc") if entry.isdigit() and entry != "1"]
    if sum(resident(process) for process in processes) > limit:
        if sum(own(process) for process in processes) > limit:
            return "memory"
    return "pids" if len(processes) >= request["pids"] - 4 else ""


def used(folder):
    found = os.statvfs(folder)
    return found.f_files - found.f_ffree


def resident(process):
    try:
        with open("/proc/%s/statm" % process) as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def own(process):
    """Its share of memory, where it does not hide it: pages that a fork shares count once."""
    try:
        with open("/proc/%s/smaps_rollup" % process) as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident(process)


main()
