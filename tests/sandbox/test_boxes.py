"""What boxes do for those who use them: files, snapshots, a port, many at once, and what they say when they cannot."""

import asyncio
import glob
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.core import Box, BoxError, Cause, Environment, Limits, Status, fault_of
from harness.sandbox import (
    BubblewrapBox,
    ContainerBox,
    SandboxOptions,
    cgroups,
    containers,
    in_thread,
    open_box,
    opened,
    opening,
    prepare,
    probe,
)
from harness.sandbox.commands import StartError

SMALL = SandboxOptions(memory_mb=256, disk_mb=16)


@pytest.fixture
def bubblewrap():
    if not probe("bubblewrap").usable:
        pytest.skip(f"no bubblewrap: {probe('bubblewrap').problem}")


def test_files_go_in_and_out(kind, make, tmp_path):
    if kind == "bubblewrap as an ordinary user":
        pytest.skip("an ordinary user may not read the tests' folders")
    box = make()
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "in" / "deep" / "run.sh").chmod(0o755)
    (tmp_path / "in" / "Ünicode name").write_bytes(bytes(range(256)))
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    box.put_dir(tmp_path / "in", "/w/sub")
    assert box.run("./sub/deep/run.sh").out == b"ran\n"
    box.get_dir("/w/sub", tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names == {"deep/run.sh", "Ünicode name"}
    assert (tmp_path / "out" / "Ünicode name").read_bytes() == bytes(range(256))
    assert box.get(["sub/deep/run.sh", "/w/none"]) == {"sub/deep/run.sh": b"#!/bin/sh\necho ran\n"}


def test_what_commands_changed_is_told(box):
    box.put({"same.txt": b"1", "other.txt": b"2", "gone.txt": b"3"})
    assert box.changes() == []
    box.run("echo 1 > new.txt; echo more >> other.txt; rm gone.txt; ln -s /x link; echo t > /dev/shm/t; cat same.txt")
    assert box.changes() == ["/dev/shm/t", "/w/gone.txt", "/w/link", "/w/new.txt", "/w/other.txt"]  # noqa: S108


@pytest.mark.parametrize("path", ["../x", "/w/../etc/passwd", "", "/", "a\0b"])
def test_a_path_that_leaves_the_box_is_refused(bubblewrap, path):
    with open_box(SMALL) as box, pytest.raises(BoxError, match="no path inside the box"):
        box.put({path: b""})


def test_more_than_was_asked_for_does_not_come_out(bubblewrap, tmp_path):
    with open_box(SMALL) as box:
        box.run("head -c 3000000 /dev/zero > big")
        with pytest.raises(BoxError, match="more than 1 MB"):
            box.get(["big"], cap=1 << 20)
        with pytest.raises(BoxError, match="more than 1 MB"):
            box.get_dir("/w", tmp_path / "out", cap=1 << 20)
        with pytest.raises(BoxError, match="files could not be put into the box"):
            box.put({"large": bytes(20 << 20)})


def test_another_box_goes_on_from_a_snapshot(bubblewrap):
    with open_box(SMALL) as box:
        box.put({"given.txt": b"1"})
        box.run("mkdir d; echo 2 > d/made.txt; printf '#!/bin/sh\\necho ran' > run; chmod +x run; ln -s /etc/passwd l")
        image = box.snapshot()
    assert image.changed == ("/w/d/made.txt", "/w/l", "/w/run")
    with open_box(SMALL, image) as box:
        assert box.run("ls; cat d/made.txt; ./run").out == b"d\ngiven.txt\nrun\n2\nran\n"
        assert box.changes() == []


def test_a_mounted_folder_is_seen_and_not_written(bubblewrap, tmp_path):
    (tmp_path / "SKILL.md").write_text("read me")
    (tmp_path / "tool.sh").write_text("#!/bin/sh\necho used\n")
    (tmp_path / "tool.sh").chmod(0o700)
    (tmp_path / "link").symlink_to("/etc/shadow")
    with open_box(SMALL, mounts={"/skills/one": tmp_path}) as box:
        assert (
            box.run("ls /skills/one; /skills/one/tool.sh; echo x >> /skills/one/SKILL.md").out
            == b"SKILL.md\ntool.sh\nused\n"
        )
        assert box.run("chmod 777 /skills/one/tool.sh; rm -rf /skills; cat /skills/one/SKILL.md").out == b"read me"
    with pytest.raises(BoxError, match="no such folder"):
        open_box(SMALL, mounts={"/skills/one": tmp_path / "none"})


def test_a_container_is_a_box_too(image, tmp_path):
    """All that the slow tests try in containers, in one small piece."""
    (tmp_path / "tool.sh").write_text("#!/bin/sh\necho used\n")
    (tmp_path / "tool.sh").chmod(0o700)
    options = SandboxOptions(backend="podman", memory_mb=256, disk_mb=16)
    with open_box(options, Environment(image=image), mounts={"/skills/one": tmp_path}) as box:
        assert box.run("/skills/one/tool.sh; rm -rf /skills/one/*; ls /skills/one").out == b"used\ntool.sh\n"
        assert box.image == image
        box.put({"given.txt": b"1"})
        assert box.run("cat given.txt; id -u; unshare -Ur true || echo refused").out == b"165534\nrefused\n"
        assert (
            box.run("head -c 900000000 /dev/zero | tail").cause == "memory"
        )  # far above what its folders may hold too
        assert box.run("sleep 60", timeout=0.5).cause == "timeout"
        assert box.changes() == []
        assert box.get_tar()
    with pytest.raises(BoxError, match="podman has no image 'none:1', and none is pulled"):
        prepare(options, Environment(image="none:1"))


def test_an_environments_variables_reach_every_command_and_a_commands_own_come_before(bubblewrap):
    with open_box(SMALL, Environment(env=(("A", "1"), ("B", "2")))) as box:
        assert box.run("echo $A $B $HOME", env={"B": "3"}).out == b"1 3 /tmp\n"


def test_a_variable_of_a_container_is_none_of_the_runtimes_own_program(image):
    """It would otherwise choose where podman looks for its settings, or what is loaded into it."""
    options = SandboxOptions(backend="podman", memory_mb=256, disk_mb=16)
    given = (("CONTAINERS_CONF", "/none/at/all"), ("EMPTY", ""), ("LINES", "a\nb"))
    with open_box(options, Environment(image=image, env=given)) as box:
        assert box.run('echo "$CONTAINERS_CONF|$EMPTY|$LINES"').out == b"/none/at/all||a\nb\n"


def test_a_box_that_does_not_start_is_tried_three_times(bubblewrap, monkeypatch):
    monkeypatch.setattr(opening, "PAUSES_S", (0.0, 0.0))
    tried, start = [], BubblewrapBox.start

    def flaky(box):
        tried.append(box)
        if len(tried) % 3:
            raise StartError("bubblewrap made no box: Resource temporarily unavailable")
        return start(box)

    monkeypatch.setattr(BubblewrapBox, "start", flaky)
    with open_box(SMALL) as box:
        assert box.run("echo alive").out == b"alive\n"
    assert len(tried) == 3
    monkeypatch.setattr(BubblewrapBox, "start", _never)
    with pytest.raises(BoxError, match="temporarily unavailable"):
        open_box(SMALL)


def _never(box):
    raise StartError("Resource temporarily unavailable")


def test_a_process_without_files_left_says_so(bubblewrap, monkeypatch):
    monkeypatch.setattr(opening, "PAUSES_S", ())
    with open_box(SMALL) as box:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)  # below it there is no free one
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(BoxError, match="bubblewrap made no box: Too many open files"):
                open_box(SMALL)
            with pytest.raises(BoxError, match="could not be given to the box: Too many open files"):
                box.run("true")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert box.run("echo alive").out == b"alive\n"


def test_a_box_that_nobody_waits_for_any_more_is_closed(bubblewrap, monkeypatch):
    made, really = [], opening.open_box

    def slow(*given, **how):
        time.sleep(0.3)
        made.append(really(*given, **how))
        return made[-1]

    monkeypatch.setattr(opening, "open_box", slow)

    async def hurried():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(opened(SMALL), 0.1)

    asyncio.run(hurried())
    for _ in range(100):
        if made and made[0].run("true").cause == "box died":
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


def test_one_port_leads_out(kind, make):
    if kind == "bubblewrap as an ordinary user":
        pytest.skip("a socket does not travel over the tests' pipe")
    box = make()
    with box.listen(8123) as listening:

        def serve():
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"from outside")

        thread = threading.Thread(target=serve)
        thread.start()
        code = "import socket; s = socket.create_connection(('127.0.0.1', 8123), 3); s.sendall(b'x'); print(s.recv(99))"
        assert box.run(["/usr/bin/python3", "-c", code]).out == b"b'from outside'\n"
        thread.join()
        with pytest.raises(BoxError, match="port 8123"):
            box.listen(8123)


def test_the_background_lives_on_where_that_is_asked(box):
    box.run("(sleep 1; echo done > later.txt) >/dev/null 2>&1 &", keep=True)
    time.sleep(1.6)
    assert box.get(["later.txt"]) == {"later.txt": b"done\n"}


def test_a_box_that_is_closed_says_that_it_died(bubblewrap):
    box = open_box(SMALL)
    threading.Timer(0.4, box.close).start()
    done = box.run("sleep 20")
    assert (done.code, done.cause) == (None, "box died")
    assert done.seconds < 10
    assert box.run("true").cause == "box died"
    box.close()


def test_the_thread_that_made_a_box_may_end(bubblewrap):
    boxes = []
    thread = threading.Thread(target=lambda: boxes.append(open_box(SMALL)))
    thread.start()
    thread.join()
    with boxes[0] as box:
        assert isinstance(box, BubblewrapBox)
        assert box.run("echo alive").out == b"alive\n"


def test_many_boxes_at_once(bubblewrap):
    async def all_of_them():
        gate = asyncio.Semaphore(8)
        return await asyncio.gather(*(one(gate, number) for number in range(40)))

    async def one(gate, number):
        async with gate:
            box = await in_thread(open_box, SMALL)
            done = await in_thread(box.run, f"sleep .05; echo {number} > n; cat n")
            await in_thread(box.close)
            return done.out

    outs = asyncio.run(all_of_them())
    assert outs == [f"{number}\n".encode() for number in range(40)]
    assert not groups_of(os.getpid())


def commands():
    """The commands of this machine's processes, boxes included."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            yield path.read_bytes()


def groups_of(pid):
    return glob.glob(f"/sys/fs/cgroup/*/**/ownbench-{pid}-*", recursive=True)  # noqa: PTH207 - forgiving


def test_a_program_that_is_killed_leaves_no_process_and_the_next_removes_its_cgroup(bubblewrap):
    code = (
        "from harness.sandbox import SandboxOptions, open_box\n"
        "b = open_box(SandboxOptions(memory_mb=256, disk_mb=16))\n"
        f"print('made', flush=True)\nb.run('sleep 78.{os.getpid()}')"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"made\n"
        time.sleep(0.3)
        process.kill()
    end = time.monotonic() + 10
    while any(f"78.{os.getpid()}".encode() in line and b"python" not in line for line in commands()):
        assert time.monotonic() < end
        time.sleep(0.05)
    cgroups.sweep()
    assert not groups_of(process.pid)


# ------------------------------------------------------------------------------------------------------ what is refused


def test_a_missing_sandbox_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    opening.probe.cache_clear()
    try:
        with pytest.raises(BoxError) as caught:
            open_box(SandboxOptions())
        assert "no sandbox on this machine: bubblewrap is not installed: apt-get install bubblewrap" in str(
            caught.value
        )
        with pytest.raises(BoxError, match="podman is not installed; docker is not installed"):
            open_box(SandboxOptions(), Environment(image="x"))
    finally:
        opening.probe.cache_clear()
    fault = fault_of(caught.value)
    assert (fault.cause, fault.status) == (Cause.SANDBOX, Status.ERRORED)


def test_a_backend_and_an_environment_that_do_not_go_together():
    with pytest.raises(BoxError, match="bubblewrap has no images"):
        prepare(SandboxOptions(backend="bubblewrap"), Environment(image="x"))
    with pytest.raises(BoxError, match="needs an environment with an image"):
        prepare(SandboxOptions(backend="podman"), Environment())


@pytest.mark.slow
def test_an_image_that_is_not_there_and_a_dockerfile_that_fails(image, tmp_path):
    podman = SandboxOptions(backend="podman")
    with pytest.raises(BoxError, match="podman has no image 'none:1', and none is pulled"):
        prepare(podman, Environment(image="none:1"))
    with pytest.raises(BoxError, match="no Dockerfile in it"):
        prepare(podman, Environment(dockerfile=str(tmp_path)))
    (tmp_path / "Dockerfile").write_text("FROM nowhere.invalid/none:1\n")
    with pytest.raises(BoxError, match="cannot be built without a network"):
        prepare(podman, Environment(dockerfile=str(tmp_path)))


@pytest.mark.slow
def test_a_dockerfile_is_built_once(image, tmp_path):
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nCOPY given.txt /given.txt\n")
    (tmp_path / "given.txt").write_text("given")
    options = SandboxOptions(backend="podman", memory_mb=256, disk_mb=16)
    _, built = prepare(options, Environment(dockerfile=str(tmp_path)))
    try:
        assert prepare(options, Environment(dockerfile=str(tmp_path)))[1] == built
        with open_box(options, built) as box:
            assert box.run("cat /given.txt").out == b"given"
    finally:
        containers.call("podman", "rmi", "-f", built.image)


@pytest.mark.slow
def test_a_container_whose_limits_cannot_be_read_back_is_refused(image, monkeypatch):
    monkeypatch.setattr(containers, "group_of", lambda pid: None)
    box = ContainerBox("podman", Limits(memory_mb=128, disk_mb=16), Environment(image=image))
    with pytest.raises(BoxError, match="does not enforce limits"):
        box.start()
    assert box._name not in containers.call("podman", "ps", "-a", "--format", "{{.Names}}")


@pytest.mark.slow
def test_containers_of_a_program_that_was_killed_are_removed(image):
    gone = subprocess.Popen(["true"])
    gone.wait()
    name = f"ownbench-{gone.pid}-0"
    containers.call("podman", "create", "--name", name, image, "sh")
    containers.sweep_containers("podman")
    assert name not in containers.call("podman", "ps", "-a", "--format", "{{.Names}}")


def test_rootless_podman_on_cgroup_v1_is_refused(monkeypatch):
    told = '{"host": {"cgroupVersion": "v1", "security": {"rootless": true}, "cgroupControllers": []}}'
    monkeypatch.setattr(containers, "call", lambda *given, **more: told)
    assert "rootless podman ignores limits" in containers.enforces("podman")


def test_cgroup_version_2_is_limited_and_read_back(monkeypatch, tmp_path):
    """The files of a mount of version 2, held by a folder: this machine may have version 1 alone."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path)
    limits = Limits(memory_mb=256, disk_mb=64, pids=32, cpus=0.5)
    group = cgroups.make_cgroup(limits)
    folder = group.folders["memory"]
    assert (folder / "memory.max").read_text() == str((256 + 64 + 32) << 20)
    assert (folder / "pids.max").read_text() == "32"
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert group.holds(limits)
    assert not group.holds(Limits(memory_mb=128, disk_mb=64, pids=32))
    (folder / "memory.max").write_text("max")
    assert not group.holds(limits)
    (folder / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (folder / "memory.stat").write_text("anon 4096\nfile 12\n")
    (folder / "pids.events").write_text("max 5\n")
    assert (group.kills(), group.process_bytes(), group.refusals()) == (2, 4096, 5)


def test_both_kinds_are_boxes(bubblewrap):
    members = [name for name in vars(Box) if not name.startswith("_")]
    for kind in (BubblewrapBox, ContainerBox):
        made = kind("podman", Limits(), Environment()) if kind is ContainerBox else kind(Limits())
        assert all(hasattr(made, name) for name in members)


def test_what_bubblewrap_says_is_told_in_one_line(bubblewrap, monkeypatch):
    monkeypatch.setattr("harness.sandbox.bubblewrap._python", lambda: "/usr/bin/python-none")
    with pytest.raises(BoxError, match="bubblewrap made no box: execvp /usr/bin/python-none: No such file"):
        BubblewrapBox(Limits(memory_mb=128, disk_mb=16)).start()
    assert not groups_of(os.getpid())
