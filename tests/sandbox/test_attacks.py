"""What a hostile command tries, in every kind of box: nothing gets out, and each limit that it hits has its cause."""

import glob
import os
import time
from pathlib import Path

import pytest

from harness.core import Limits


def python(code):
    return ["/usr/bin/python3", "-c", code]


def listed(done):
    return set(done.out.decode().split())


REFUSED = {  # what is tried as C would call it: number on x86-64, arguments
    "unshare user": (272, 0x10000000),
    "unshare network": (272, 0x40000000),
    "clone user": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": (435, 0, 0),
    "setns": (308, 0, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "umount": (166, 0, 0),
    "move_mount": (429, 0, 0, 0, 0, 0),
    "fsopen": (430, 0, 0),
    "pivot_root": (155, 0, 0),
    "chroot": (161, 0),
    "ptrace seize": (101, 0x4206, 1, 0, 0),
    "ptrace attach": (101, 16, 1, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 1, 0),
    "keyctl": (250, 0, 0),
    "add_key": (248, 0, 0, 0, 0, 0),
    "open_by_handle_at": (304, 0, 0, 0),
    "init_module": (175, 0, 0, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "reboot": (169, 0, 0, 0, 0),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
def test_no_refused_system_call_gets_through(box):
    code = f"""
import ctypes, errno
call = ctypes.CDLL(None, use_errno=True).syscall
for name, args in {REFUSED!r}.items():
    ctypes.set_errno(0)
    answer = call(*map(ctypes.c_long, args))
    if answer != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print(name, answer, errno.errorcode.get(ctypes.get_errno()))
print("tried")
"""
    assert box.run(python(code)).out == b"tried\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
def test_the_same_calls_by_their_x32_numbers_are_refused_or_deadly(box):
    code = "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 521, 0, 0, 0, 0))"
    assert box.run(python(code)).out in {b"-1\n", b""}


def test_no_socket_leads_out(box):
    code = """
import socket
for family in (40, 16, 17, 38, 31, 15, 4):  # vsock, netlink, packet, alg, bluetooth, key, ipx
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try: socket.socket(family, kind); print("made", family)
        except OSError: pass
for place in (("1.1.1.1", 80), ("169.254.169.254", 80), ("127.0.0.1", 22), ("10.0.0.1", 53)):
    try: socket.create_connection(place, 2); print("connected", place)
    except OSError: pass
print("tried")
"""
    assert box.run(python(code)).out == b"tried\n"


def test_the_callers_environment_and_files_are_not_there(kind, make, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_TOKEN", "sesame-4711")
    (tmp_path / "key.txt").write_text("sesame-4711")
    tmp_path.chmod(0o755)
    box = make()
    found = box.run(
        f"env; cat /proc/*/environ /proc/*/cmdline {tmp_path}/key.txt /etc/shadow; "
        "ls /root /home /var/lib; cat /dev/mem; ls -l /proc/1/root/ /proc/1/cwd/ /proc/1/fd/; cat /proc/1/maps"
    )
    assert b"sesame" not in found.out + found.err
    assert b"root:*:" not in found.out
    assert b"root:$" not in found.out
    assert os.uname().nodename.encode() not in box.run("hostname; cat /proc/sys/kernel/hostname").out


def test_no_process_of_the_machine_is_seen_or_signalled(box):
    assert max(int(name) for name in listed(box.run("ls /proc | grep '^[0-9]*$'"))) < 1_000
    code = """
import os
for pid in range(2, 5000):
    try: os.kill(pid, 0); print(pid)
    except OSError: pass
"""
    assert len(listed(box.run(python(code)))) < 4


def test_links_lead_nowhere(box, tmp_path):
    box.run(
        "ln -s /etc/shadow a; ln -s /../../../etc/hostname b; ln -s / c; ln -s /proc/1/root/etc d; mkfifo e; ln -s a f"
    )
    assert box.get(["a", "b", "c", "d", "e", "f", "c/etc/passwd"]).keys() <= {"c/etc/passwd"}
    box.get_dir("/w", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))
    box.run("rm -f a; mkdir -p deep; ln -s /tmp deep/x; ln -s /usr/bin/id hard; ln /etc/passwd h2; ls -l")
    box.put({"a": b"new", "deep/x": b"new"})
    assert box.get(["a", "deep/x"]) == {"a": b"new", "deep/x": b"new"}
    assert box.run("ls /tmp").out == b""


def test_a_program_does_not_become_another_user(box):
    done = box.run(
        "cp /usr/bin/id i; chmod u+s i; ./i -u; id -u; su -c id; "
        "/usr/bin/python3 -c 'import os; os.setuid(0); print(os.getuid())'; "
        "grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status"
    )
    words = done.out.decode().split()
    assert words[:2] == ["65534", "65534"]
    assert words[words.index("NoNewPrivs:") + 1] == "1"
    assert int(words[words.index("CapEff:") + 1], 16) == 0


def test_nothing_of_the_system_is_written(box):
    tried = [
        "/usr/x",
        "/etc/x",
        "/x",
        "/bin/x",
        "/skills/x",
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/dev/x",
    ]
    code = f"for path in {tried!r}:\n  try: open(path, 'w').write('1'); print(path)\n  except OSError: pass"
    assert listed(box.run(python(code))) - {"/dev/x"} == set()
    assert box.run("mknod n b 8 0; mknod c c 1 1; cat /dev/sda /dev/vda /dev/kmsg | head -c 9").out == b""


def test_the_terminal_cannot_be_typed_into(box):
    code = """
import fcntl
for request in (0x5412, 0x541C, 0x100005412):
    try: fcntl.ioctl(0, request & 0xFFFFFFFF, b"x"); print("sent")
    except OSError: pass
try: open("/dev/tty", "w").write("x"); print("sent")
except OSError: pass
"""
    assert box.run(python(code)).out == b""


# ---------------------------------------------------------------------------------------------------------- resources


def test_a_fork_bomb_stops_at_the_limit(box):
    code = """
import os, time
n = 0
try:
    while True:
        if os.fork() == 0: time.sleep(20); os._exit(0)
        n += 1
except OSError: print(n); time.sleep(.5)
"""
    done = box.run(python(code))
    assert int(done.out) <= 64
    assert done.cause == "pids"
    assert box.run("echo alive").out == b"alive\n"


def test_an_endless_fork_bomb_ends_with_the_time(box):
    done = box.run("b() { b | b & b; }; b", timeout=3)
    # without a cgroup the processes of the user's other boxes count too, and the first fork may be refused at once
    assert done.cause in {"timeout", "pids"} or b"Cannot fork" in done.err
    assert done.seconds < 8
    assert box.run("echo alive").out == b"alive\n"


def test_two_gigabytes_are_not_given(box):
    done = box.run(python("x = bytearray(2 << 30); print(len(x))"))
    assert done.out == b""
    assert done.code != 0
    assert done.cause in {"memory", ""}  # without a cgroup the program is told so by itself


def test_memory_of_many_processes_is_summed(box):
    code = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(200 << 20)
        for at in range(0, len(x), 4096): x[at] = 1
        time.sleep(5); os._exit(0)
print(sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(8)))
"""
    done = box.run(python(code))
    assert done.cause == "memory"
    assert done.seconds < 5
    assert box.run("echo alive").out == b"alive\n"


def test_pages_that_forks_share_count_once(box):
    code = """
import os, time
x = bytearray(200 << 20)
for _ in range(8):
    if os.fork() == 0: time.sleep(.6); os._exit(0)
for _ in range(8): os.wait()
print("fine")
"""
    done = box.run(python(code))
    assert (done.out, done.cause) == (b"fine\n", "")


def test_memory_that_belongs_to_no_process_is_refused_or_counted(box):
    code = """
import os
held = []
try:
    for _ in range(40):
        held.append(os.memfd_create("x"))
        for _ in range(60): os.write(held[-1], bytes(1 << 20))
    print("got it all")
except OSError as e: print(e)
"""
    done = box.run(python(code))
    assert b"got it all" not in done.out
    assert box.run("echo alive").out == b"alive\n" or done.cause == "box died"


def test_a_full_disk_is_an_error_of_the_program(box):
    done = box.run(
        "head -c 200000000 /dev/zero > big; "
        "for f in 1 2 3 4 5 6 7 8; do head -c 60000000 /dev/zero > f$f; done; du -sm ."
    )
    assert int(done.out.split()[0]) <= 65
    done = box.run(
        "for d in /tmp /dev/shm; do head -c 90000000 /dev/zero > $d/x; done; "
        "du -cm /tmp /dev/shm | tail -1; rm -f /tmp/x /dev/shm/x"
    )
    assert int(done.out.split()[0]) <= 33
    assert int(box.run("rm -rf /w/*; echo fine > a; du -cm /w /tmp /dev/shm | tail -1").out.split()[0]) <= 1


def test_four_hundred_thousand_files_are_stopped(box):
    code = "import os\nos.mkdir('d')\nfor n in range(400_000): os.close(os.open(f'd/{n}', os.O_CREAT))\nprint('all')"
    done = box.run(python(code), timeout=60)
    assert done.out == b""
    assert done.cause == "disk" or b"No space left" in done.err
    assert int(box.run("ls d | wc -l").out) < 60_000
    assert box.run("rm -rf d && echo gone", timeout=30).out == b"gone\n"


@pytest.mark.parametrize("command", ["yes", "yes 1>&2", "cat /dev/zero"])
def test_a_flood_of_output_is_cut_and_stopped(box, command):
    done = box.run(command)
    assert (done.cause, done.cut, done.code) == ("output", True, None)
    assert len(done.out) + len(done.err) == 100_000
    assert done.seconds < 5


def test_too_much_output_that_ends_is_cut_only(box):
    done = box.run("head -c 150000 /dev/zero")
    assert (done.cause, done.cut, done.code, len(done.out)) == ("", True, 0, 100_000)


def test_a_program_that_does_not_end_is_stopped(box):
    deaf = "import signal, time\nfor n in {*range(1, 30)} - {9, 19}: signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"
    for code in ("while 1: pass", deaf):
        done = box.run(python(code), timeout=0.7)
        assert (done.code, done.cause) == (None, "timeout")
        assert done.seconds < 4
    assert box.run("echo alive").out == b"alive\n"


def test_what_a_command_leaves_in_the_background_dies_with_it(box):
    began = time.monotonic()
    box.run("(setsid sh -c 'sleep 300' &); (nohup sleep 301 >/dev/null 2>&1 &); sleep 302 & echo started")
    assert time.monotonic() - began < 5
    assert b"sleep" not in box.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true").out.replace(b"sleep 9999", b"")


def test_a_writer_in_the_background_does_not_outlive_its_command(box):
    box.run("(while :; do echo 1 > /w/reward.txt; sleep .05; done) >/dev/null 2>&1 &")
    box.put({"reward.txt": b"0"})
    time.sleep(0.3)
    assert box.get(["reward.txt"]) == {"reward.txt": b"0"}


def test_kill_minus_one_is_survived_or_is_the_boxes_death(box):
    done = box.run("kill -9 -1; echo still")
    assert done.cause in {"", "box died"}
    after = box.run("echo alive")
    assert after.out == b"alive\n" or after.cause == "box died"


def test_all_that_is_in_the_work_folder_may_go(box):
    box.run("rm -rf /w /tmp/* /w/.*")
    assert box.run("echo again > /w/z; cat /w/z").out == b"again\n"


def test_odd_commands_are_data(box):
    assert box.run(["no-such-program"]).code == 127
    assert box.run("exit 300").code == 300 % 256
    assert box.run("printf '\\377\\376\\000\\033[2J'").out == b"\xff\xfe\0\x1b[2J"
    assert box.run(["/bin/echo", "x" * 200_000]).code != 0
    assert box.run("kill -SEGV $$").code in {-11, 139}
    assert box.run("pwd", cwd="/usr").out == b"/usr\n"
    assert box.run("pwd", cwd="/none").code != 0
    assert box.run("cat", stdin=bytes(3_000_000), cap=4_000_000).out == bytes(3_000_000)
    assert box.run('echo "$A"', env={"A": "a b"}).out == b"a b\n"


def test_nothing_is_left_over(kind, make):
    box = make(Limits(seconds=5, memory_mb=256, disk_mb=32, pids=32))
    makers = {os.getpid(), getattr(box, "_child", 0)}
    box.run(f"sleep 77.{os.getpid()} >/dev/null 2>&1 & echo", keep=True)
    assert _traces(makers)
    box.close()
    for _ in range(40):
        if not (left := _traces(makers)):
            break
        time.sleep(0.05)
    assert not left


def _traces(makers):
    """Processes of the boxes of these processes on this machine, and cgroups."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if (text.startswith(b"bwrap\0") and parent in makers) or f"77.{os.getpid()}".encode() in text:
                found.add(folder.name)
    groups = (f"/sys/fs/cgroup/**/ownbench-{maker}-*" for maker in makers)
    return found.union(*(glob.glob(group, recursive=True) for group in groups))  # noqa: PTH207 - forgiving
