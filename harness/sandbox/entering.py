"""A listening socket inside the network namespace of a box that has no network: nothing is needed in its image."""

import os
import socket
import subprocess
import sys

from harness.core import BoxError

_SCRIPT = """
import ctypes, fcntl, os, socket, sys
pid, port, fd = map(int, sys.argv[1:])
space = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
owner = [fcntl.ioctl(space, 0xB701)] if os.getuid() else []  # NS_GET_USERNS: who owns the namespace has its rights
library = ctypes.CDLL(None, use_errno=True)
for entered in (*owner, space):
    if library.setns(entered, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
listening = socket.create_server(("127.0.0.1", port), backlog=64)
socket.send_fds(socket.socket(fileno=fd), [b"ok"], [listening.fileno()])
"""


def listen_inside(pid: int, port: int) -> socket.socket:
    """Listens on 127.0.0.1 in the namespace of a process. A process of its own enters it, since none can go back.

    Raises BoxError: it may not, or the port is taken.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-I", "-S", "-c", _SCRIPT, str(pid), str(port), str(theirs.fileno())]
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False, cwd="/")
        theirs.close()
        fds = socket.recv_fds(ours, 16, 1)[1] if done.returncode == 0 else []
    if not fds:
        problem = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise BoxError(f"the box cannot be listened to on port {port}: {problem}")
    os.set_inheritable(fds[0], False)  # noqa: FBT003
    return socket.socket(fileno=fds[0])
