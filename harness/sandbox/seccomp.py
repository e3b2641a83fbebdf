"""The system calls that no box may make: one list, as a BPF program for bubblewrap and as a profile for containers.

`--unshare-net` does not cover vsock, and a container's own profile lets ``unshare -Ur`` succeed: the kernel's larger
doors are closed here. What is refused answers EPERM, so that programs go on.
"""

import errno
import platform
import struct
from collections.abc import Iterator
from typing import Any

DENIED = {  # name: its number on x86-64, on aarch64; None: it does not exist there
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89), "quotactl": (179, 60),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "personality": (135, 92),
    "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
    "mbind": (237, 235), "move_pages": (279, 239), "migrate_pages": (256, 238), "set_mempolicy": (238, 237),
    "fanotify_init": (300, 262),
}  # fmt: skip
UNCOUNTED = {"memfd_create": (319, 279), "shmget": (29, 194), "msgget": (68, 186)}
"""Memory that belongs to no process; refused too where only processes are measured, for want of a cgroup."""
ARGUED = {"clone": (56, 220), "clone3": (435, 435), "socket": (41, 198), "socketpair": (53, 199), "ioctl": (16, 29),
          "prlimit64": (302, 261)}  # fmt: skip
FAMILIES = (1, 2, 10)  # unix, IPv4, IPv6: no vsock, netlink, packet, alg
TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: they type into the terminal of the caller
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW flag
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # and their AUDIT_ARCH

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; the low halves of the arguments


def program(*, uncounted: bool = False, machine: str = "") -> bytes:
    """The filter as ``bwrap --seccomp`` takes it; with ``uncounted`` memory outside of processes is refused too.

    Raises KeyError: the machine is none of `MACHINES`.
    """
    machine = machine or platform.machine()
    code = list(_instructions(machine, DENIED | (UNCOUNTED if uncounted else {})))
    return b"".join(struct.pack("=HBBI", operation, yes, no, value) for operation, value, yes, no in code)


def _instructions(
    machine: str, denied: dict[str, tuple[int, int | None]]
) -> Iterator[tuple[int, int, int, int]]:  # operation, value, jump if so, jump if not
    column = list(MACHINES).index(machine)
    clone, clone3, socket, socketpair, ioctl, prlimit = (numbers[column] for numbers in ARGUED.values())
    refuse = (_RETURN, _ERRNO | errno.EPERM, 0, 0)
    allow = (_RETURN, _ALLOW, 0, 0)
    yield from ((_LOAD, _ARCH, 0, 0), (_EQUAL, MACHINES[machine], 1, 0), (_RETURN, _KILL, 0, 0), (_LOAD, _NUMBER, 0, 0))
    if machine == "x86_64":  # the x32 numbers of the same calls
        yield from ((_AT_LEAST, 0x40000000, 0, 1), (_RETURN, _ERRNO | errno.ENOSYS, 0, 0))
    for number in (numbers[column] for numbers in denied.values()):
        if number is not None:
            yield from ((_EQUAL, number, 0, 1), refuse)
    # its flags stand behind a pointer, out of a filter's reach: C libraries fall back to clone
    yield from ((_EQUAL, clone3, 0, 1), (_RETURN, _ERRNO | errno.ENOSYS, 0, 0))
    yield from ((_EQUAL, clone, 0, 4), (_LOAD, _FIRST, 0, 0), (_ANY_BIT, NEW_NAMESPACES, 0, 1), refuse, allow)
    for number in (socket, socketpair):
        yield from ((_EQUAL, number, 0, len(FAMILIES) + 3), (_LOAD, _FIRST, 0, 0))
        for left, family in zip(range(len(FAMILIES), 0, -1), FAMILIES, strict=True):
            yield (_EQUAL, family, left, 0)
        yield from ((_RETURN, _ERRNO | errno.EAFNOSUPPORT, 0, 0), allow)
    # of another process: one second of CPU time would end process 1
    yield from ((_EQUAL, prlimit, 0, 4), (_LOAD, _FIRST, 0, 0), (_EQUAL, 0, 0, 1), allow, refuse)
    yield from ((_EQUAL, ioctl, 0, 5), (_LOAD, _SECOND, 0, 0))
    yield from ((_EQUAL, TERMINAL[0], 1, 0), (_EQUAL, TERMINAL[1], 0, 1), refuse, allow)
    yield allow


def profile() -> dict[str, Any]:
    """The same as a profile of podman and docker."""
    deny: list[dict[str, Any]] = [
        {"names": sorted(DENIED), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
    ]

    def argued(names: list[str], number: int, operator: str, value: int, *, answer: int, two: int = 0) -> None:
        rule = {"index": number, "value": value, "valueTwo": two, "op": f"SCMP_CMP_{operator}"}
        deny.append({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": answer, "args": [rule]})

    for bit in (1 << place for place in range(32) if NEW_NAMESPACES >> place & 1):
        argued(["clone"], 0, "MASKED_EQ", bit, answer=errno.EPERM, two=bit)
    for family in (number for number in range(max(FAMILIES)) if number not in FAMILIES):
        argued(["socket", "socketpair"], 0, "EQ", family, answer=errno.EAFNOSUPPORT)
    argued(["socket", "socketpair"], 0, "GT", max(FAMILIES), answer=errno.EAFNOSUPPORT)
    argued(["prlimit64"], 0, "NE", 0, answer=errno.EPERM)
    for request in TERMINAL:
        argued(["ioctl"], 1, "EQ", request, answer=errno.EPERM)
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64" if platform.machine() == "x86_64" else "SCMP_ARCH_AARCH64"],
        "syscalls": deny,
    }
