"""Docker's own client, answered by podman's service: the client that users have, without its daemon.

The client sends the text of a seccomp profile, as its daemon wants it, and podman's service wants a file's name; what
stands between the two changes that and nothing else.
"""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from harness.core import BoxError, Environment, Limits
from harness.sandbox import ContainerBox, SandboxOptions, containers, open_box, opening, probe

DOCKER = SandboxOptions(backend="docker", memory_mb=256, disk_mb=16)


class Translator:
    """Passes connections on to a service; of a request to create a container the profile becomes a file."""

    def __init__(self, folder):
        self.service, self.rules = folder / "podman.sock", folder / "rules.json"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(folder / "docker.sock"))
        self.listening.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.joined, args=(client,), daemon=True).start()

    def joined(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.service))
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                self.requests(client, server)
            back.join(10)

    def requests(self, client, server):
        with client.makefile("rb") as stream:
            while line := stream.readline():
                head = [line]
                while (line := stream.readline()) not in {b"\r\n", b""}:
                    head.append(line)
                found = re.search(rb"(?i)\r\ncontent-length: (\d+)", b"".join(head))
                body = stream.read(int(found[1])) if found else b""
                if b"/containers/create" in head[0]:
                    body = self.translated(body)
                    head = [one for one in head if not one.lower().startswith(b"content-length")]
                    head.append(b"Content-Length: %d\r\n" % len(body))
                server.sendall(b"".join(head) + b"\r\n" + body)
                if any(one.lower().startswith(b"upgrade:") for one in head):
                    break
            while data := stream.read1(1 << 16):
                server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    def translated(self, body):
        asked = json.loads(body)
        options = asked["HostConfig"]["SecurityOpt"] or []
        for at, option in enumerate(options):
            if option.startswith("seccomp="):
                self.rules.write_text(option.removeprefix("seccomp="))
                options[at] = f"seccomp={self.rules}"
        return json.dumps(asked).encode()


def pump(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def docker(image, tmp_path, monkeypatch):
    if not shutil.which("docker"):
        pytest.skip("no client of docker is installed")
    between = Translator(tmp_path)
    command = [*containers.program_of("podman"), "system", "service", "-t", "0", f"unix://{between.service}"]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if between.service.exists():
            break
        time.sleep(0.1)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    opening.probe.cache_clear()
    yield
    opening.probe.cache_clear()
    between.listening.close()
    service.terminate()
    service.wait()


@pytest.mark.slow
def test_the_client_of_docker_makes_the_same_boxes(docker, image):
    assert probe("docker").usable
    with open_box(DOCKER, Environment(image=image)) as box:
        done = box.run("id -u; unshare -Ur id; touch /x; grep Seccomp: /proc/self/status")
        assert done.out == b"65534\nSeccomp:\t2\n"
        assert b"unshare failed: Operation not permitted" in done.err
        assert b"Read-only file system" in done.err
        assert box.run("(sleep 100 &); cat", stdin=b"given").out == b"given"
        assert box.run("sleep 60", timeout=1).cause == "timeout"
        box.put({"a": b"1"})
        assert box.changes() == []
        assert box.kind == "docker"
    assert box._name not in containers.call("docker", "ps", "-a", "--format", "{{.Names}}")


@pytest.mark.slow
def test_a_limit_that_its_daemon_does_not_set_is_found_by_reading_back(docker, image, monkeypatch):
    def forgetful(kind, *arguments, **more):
        if arguments[0] == "create":  # as a daemon does that takes a limit and ignores it
            at = arguments.index("--pids-limit")
            arguments = (*arguments[:at], *arguments[at + 2 :])
        return called(kind, *arguments, **more)

    called = containers.call
    monkeypatch.setattr(containers, "call", forgetful)
    box = ContainerBox("docker", Limits(memory_mb=128, disk_mb=16), Environment(image=image))
    with pytest.raises(BoxError, match="docker does not enforce limits of memory and processes here"):
        box.start()


def test_a_daemon_that_does_not_answer_is_one_line(monkeypatch):
    if not shutil.which("docker"):
        pytest.skip("no client of docker is installed")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    problem = containers.enforces("docker")
    assert "nowhere/docker.sock" in problem
    assert "\n" not in problem
