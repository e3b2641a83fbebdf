"""The numbers of system calls, held against libseccomp's own tables, and the shape of both filters."""

import ctypes
import ctypes.util
import struct

import pytest

from harness.sandbox.seccomp import ARGUED, DENIED, MACHINES, UNCOUNTED, profile, program


@pytest.fixture(scope="module")
def resolve():
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed")
    function = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    function.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    return function


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_is_libseccomps(resolve, machine):
    column = list(MACHINES).index(machine)
    for name, numbers in (DENIED | UNCOUNTED | ARGUED).items():
        found = resolve(MACHINES[machine], name.encode())
        assert (found if found >= 0 else None) == numbers[column], name


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("uncounted", [True, False])
def test_no_jump_leads_out_of_the_program(machine, uncounted):
    code = list(struct.iter_unpack("=HBBI", program(uncounted=uncounted, machine=machine)))
    assert 100 < len(code) < 256
    assert code[-1][0] == 0x06
    for at, (operation, yes, no, _) in enumerate(code):
        assert operation != 0x06 or yes == no == 0
        assert at + 1 + max(yes, no) < len(code) or operation == 0x06


def test_a_machine_without_a_table_has_no_filter():
    with pytest.raises(ValueError, match="riscv64"):
        program(machine="riscv64")


def test_the_profile_of_containers_refuses_the_same():
    named = {name for rule in profile()["syscalls"] for name in rule["names"]}
    assert named == {*DENIED, *ARGUED}
