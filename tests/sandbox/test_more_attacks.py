"""More of what a hostile command tries: on process 1, on whoever moves its files, and on the commands after it."""

import os
import socket
import time

import pytest

from harness.core import BoxContentError

X86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")


def python(code):
    return ["/usr/bin/python3", "-c", code]


# ------------------------------------------------------------------------------------------------------------ process 1


def test_no_signal_reaches_process_1(box):
    code = """
import os
for number in [*range(1, 65)]:
    try: os.kill(1, number)
    except OSError: pass
import signal, time
try: signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL)
except OSError: pass
time.sleep(.3); print("sent")
"""
    assert box.run(python(code)).out == b"sent\n"
    assert box.run("echo alive").out == b"alive\n"


def test_no_limit_of_process_1_is_lowered(box):
    """One second of CPU time would be its death, and an attempt that fails would be the instrument's fault."""
    code = """
import resource
for name in ("CPU", "NOFILE", "AS", "DATA", "NPROC", "FSIZE", "STACK"):
    try: resource.prlimit(1, getattr(resource, f"RLIMIT_{name}"), (0, 0)); print(name)
    except OSError: pass
resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); print("its own")
"""
    assert box.run(python(code)).out == b"its own\n"
    assert box.run("echo alive").out == b"alive\n"


def test_process_1_is_not_looked_into_or_written_to(box):
    code = """
import os
for name in ("mem", "environ", "maps", "auxv", "stack", "syscall", "personality", "io"):
    try:
        if open(f"/proc/1/{name}", "rb").read(64): print("read", name)
    except OSError: pass
for name in ("mem", "oom_score_adj", "clear_refs", "coredump_filter", "timerslack_ns", "comm"):
    try: os.write(os.open(f"/proc/1/{name}", os.O_WRONLY), b"1"); print("wrote", name)
    except OSError: pass
try: print(os.listdir("/proc/1/fd"), "seen")
except OSError: pass
print("tried")
"""
    assert box.run(python(code)).out == b"tried\n"


def test_what_starves_process_1_is_a_timeout_and_not_the_boxes_fault(box):
    code = """
import os
for act in (lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)), lambda: os.setpriority(0, 1, 19)):
    try: act()
    except OSError: pass
for _ in range(40):
    if os.fork() == 0:
        while True: pass
while True: pass
"""
    done = box.run(python(code), timeout=1.5)
    assert (done.code, done.cause) == (None, "timeout")
    after = box.run("echo alive")
    assert after.out == b"alive\n" or after.cause == "timeout"


def test_a_higher_priority_is_not_given(box):
    code = """
import os
own = os.nice(0)
tried = (lambda: os.nice(-1), lambda: os.setpriority(0, 0, own - 1),
         lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
for act in tried:
    try: print("given", act())
    except OSError: pass
print(os.nice(0) == own)
"""
    assert box.run(python(code)).out == b"True\n"


# ------------------------------------------------------------------------------------------------- system calls, memory

REFUSED = {  # what `test_attacks` does not try, by its number on x86-64
    "name_to_handle_at": (303, -100, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "process_madvise": (440, 0, 0, 0, 0, 0),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "io_uring_enter": (426, 0, 0, 0, 0, 0, 0),
    "io_uring_register": (427, 0, 0, 0, 0),
    "open_tree": (428, -100, 0, 0),
    "mount_setattr": (442, 0, 0, 0, 0, 0),
    "fanotify_init": (300, 0, 0),
    "quotactl": (179, 0, 0, 0, 0),
    "personality": (135, 0x0040000),
    "swapon": (167, 0, 0),
    "syslog": (103, 3, 0, 0),
    "settimeofday": (164, 0, 0),
    "sethostname": (170, 0, 0),
    "iopl": (172, 3),
    "modify_ldt": (154, 0, 0, 0),
    "finit_module": (313, 0, 0, 0),
    "clone with a new network": (56, 0x40000000 | 17, 0, 0, 0, 0),
    "clone with new mounts": (56, 0x00020000 | 17, 0, 0, 0, 0),
    "prlimit of another": (302, 1, 7, 0, 0),
}


@X86
def test_no_other_refused_call_gets_through(box):
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


def test_a_program_in_memory_has_no_more_rights(box):
    code = """
import os, sys
try: fd = os.memfd_create("p", 0)
except OSError: sys.exit(print("65534 refused"))
os.write(fd, open("/usr/bin/id", "rb").read())
print(os.waitstatus_to_exitcode(os.system(f"/proc/{os.getpid()}/fd/{fd} -u; grep Seccomp: /proc/self/status")))
"""
    out = box.run(python(code)).out
    assert out.split()[:1] == [b"65534"]
    assert b"Seccomp:\t2" in out or b"refused" in out


def test_a_program_may_write_its_own_memory_only(box):
    code = """
import ctypes, os
held = ctypes.create_string_buffer(b"before")
with open("/proc/self/mem", "r+b", buffering=0) as file:
    file.seek(ctypes.addressof(held)); file.write(b"after!")
print(held.value.decode())
"""
    assert box.run(python(code)).out in {b"after!\n", b""}


def test_a_sparse_file_is_no_larger_than_a_file_may_be(box):
    assert box.run("truncate -s 1T huge || echo refused; stat -c %s huge 2>/dev/null").out.split()[0] == b"refused"
    box.run("truncate -s 60M s1 s2 s3 s4 s5 s6 s7 s8")
    with pytest.raises(BoxContentError, match="holds more than 100 MB"):
        box.get_tar(cap=100 << 20)


# ------------------------------------------------------------------------------------------------ the machine's sockets


def test_an_abstract_socket_of_the_machine_is_not_there(box):
    name = f"\0ownbench-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        code = f"""
import socket
try: socket.socket(socket.AF_UNIX).connect({name!r}); print("connected")
except OSError as error: print(error.strerror)
socket.socket(socket.AF_UNIX).bind({name!r}); print("its own")
"""
        assert box.run(python(code)).out == b"Connection refused\nits own\n"


def test_no_message_queue_or_shared_memory_of_the_machine_is_there(box):
    assert box.run("cat /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem | grep -v key | wc -l").out == b"0\n"


# ------------------------------------------------------------------------------------- how a command ends, and does not


def test_a_command_that_stops_itself_is_ended(box):
    done = box.run("kill -STOP $$; echo went on", timeout=1)
    assert (done.code, done.cause, done.out) == (None, "timeout", b"")
    assert box.run("echo alive").out == b"alive\n"


def test_a_command_that_closes_its_output_is_waited_for(box):
    done = box.run("exec >&- 2>&-; sleep 0.4; exit 7")
    assert (done.code, done.out) == (7, b"")
    assert 0.3 < done.seconds < 5


def test_a_background_that_takes_every_process_is_no_death_of_the_box(box):
    code = """
import os, time
try:
    while True:
        if os.fork() == 0:
            for fd in range(3): os.close(fd)
            time.sleep(60); os._exit(0)
except OSError: pass
"""
    box.run(python(code), keep=True)
    done = box.run("echo alive")
    assert done.cause in {"", "pids"}
    assert box.run("echo alive").out == b"alive\n"


def test_daemons_and_timers_are_gone_when_the_command_is(box):
    code = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, lambda *_: open("/w/late", "w").write("1"))
        signal.setitimer(signal.ITIMER_REAL, .3, .3)
        while True: time.sleep(1)
    os._exit(0)
os.wait(); print("left")
"""
    assert box.run(python(code)).out == b"left\n"
    time.sleep(0.5)
    assert box.run("ls").out == b""


def test_output_without_a_line_end_and_input_that_nobody_reads(box):
    assert box.run("printf abc; printf def >&2").out == b"abc"
    done = box.run("true", stdin=bytes(20_000_000))
    assert (done.code, done.cause) == (0, "")
    assert done.seconds < 5


def test_many_and_odd_arguments_are_data(kind, box):
    assert box.run(["/bin/sh", "-c", "echo $#", "sh", *["x"] * 10_000]).out == b"10000\n"
    odd = b"\xef\xbf\xbd" if kind == "podman" else b"\xff"  # its own protocol is JSON
    assert box.run(["/bin/echo", "-n", "--", "a\nb", "$(id)", "\udcff"]).out == b"-- a\nb $(id) " + odd
    for impossible in ("echo a\0b", "echo \ud800"):
        done = box.run(impossible)
        assert (done.code, done.cause) == (126, "")
        assert done.err
    assert box.run(["/bin/echo", *["x" * 1_000] * 9_000]).code not in {0, None}


def test_what_is_left_in_the_home_folder_changes_no_later_command(box):
    box.run(
        "for f in .profile .bashrc .bash_profile .shrc .tarrc; do echo 'echo planted; uvx() { :; }' > /tmp/$f; done; "
        "mkdir -p /tmp/bin bin; for d in /tmp/bin bin .; do printf '#!/bin/sh\\necho planted' > $d/tar; "
        "chmod +x $d/tar; cp $d/tar $d/sha256sum; cp $d/tar $d/find; done; "
        "export PATH=/tmp/bin:$PATH BASH_ENV=/tmp/.bashrc"
    )
    assert box.run("echo fine").out == b"fine\n"
    assert b"planted" not in box.run(["bash", "-c", "echo fine"]).out
    assert "/w/tar" in box.changes()
    assert box.get(["tar"]) == {"tar": b"#!/bin/sh\necho planted"}


# ---------------------------------------------------------------------------------------------- names, and their movers


def test_odd_names_are_told_and_taken_as_they_are(kind, box, tmp_path):
    fake = f"x\n{'0' * 64}  /w/forged"
    box.put({"forged": b"1", "kept": b"1"})
    code = f"""
import os
os.chdir("/w")
for name in (b"new\\nline", b"bad\\xff", "Ünï".encode(), b"--checkpoint-action=exec=touch pwned", b"-rf", b" ",
             b"back\\\\slash", "sep\\u2028arator".encode(), {fake.replace("/", "_").encode()!r}, b"\\x1b[2J"):
    open(name, "wb").write(b"data")
os.mkfifo({fake.replace("/", "_").encode()!r} + b".pipe")
open("forged", "w").write("2")
"""
    assert box.run(python(code)).code == 0
    changes = box.changes()
    assert {"/w/new\nline", "/w/Ünï", "/w/-rf", "/w/ ", "/w/back\\slash", "/w/sep\u2028arator", "/w/forged"} <= {
        *changes
    }
    assert "/w/kept" not in changes
    assert "/w/pwned" not in changes
    assert len(changes) == 12
    named = ["-rf", "new\nline", *([] if kind == "podman" else ["bad\udcff"])]  # its own protocol is JSON
    assert box.get(named) == dict.fromkeys(named, b"data")
    assert len(box.get_tar()) > 12 * 512
    if kind == "bubblewrap as an ordinary user":
        return  # who may not write into the tests' folders
    box.get_dir("/w", tmp_path / "out")
    names = {os.fsencode(path.name) for path in (tmp_path / "out").iterdir()}
    assert {b"new\nline", b"bad\xff", b"-rf", b" ", b"\x1b[2J"} <= names
    assert len(names) == 12


@pytest.mark.parametrize("name", ["a\ud800", "a\0b", "../x"])
def test_a_name_that_no_file_has_is_the_fault_of_who_writes_it(box, name):
    with pytest.raises(BoxContentError, match="no path inside the box"):
        box.put({name: b""})


def test_very_deep_folders_are_refused_and_removed(box, tmp_path):
    code = """
import os
for _ in range(900):
    os.mkdir("d" * 20); os.chdir("d" * 20)
open("end", "w").write("x")
"""
    assert box.run(python(code)).code == 0
    for take in (box.get_tar, lambda: box.get_dir("/w", tmp_path / "out"), box.snapshot):
        with pytest.raises(BoxContentError, match="more than 100 folders deep"):
            take()
    box.changes()
    assert box.run("rm -rf /w/*; ls | wc -l").out == b"0\n"


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(box):
    box.run("mkfifo answer.txt; ln -s answer.txt link; mkdir folder")
    began = time.monotonic()
    assert box.get(["answer.txt", "link", "folder"]) == {}
    assert box.changes() == ["/w/answer.txt", "/w/link"]
    box.get_tar()
    assert time.monotonic() - began < 5


def test_folders_that_are_locked_stop_nobody(box):
    box.put({"given": b"1"})
    box.run("mkdir locked; echo x > locked/x; chmod 000 locked given; chmod 500 . locked")
    assert box.get(["given"]) == {}
    assert "/w/given" in box.changes()
    box.get_tar()
    with pytest.raises(BoxContentError, match="could not be put into the box"):
        box.put({"locked/more": b"1"})
    assert box.run("chmod 700 locked && echo open").out == b"open\n"
