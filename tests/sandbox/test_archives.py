"""Archives of work folders: what a contender wrote comes over whole, and nothing in it leads out."""

import io
import tarfile

import pytest

from harness.core import BoxContentError, BoxError, Cause, Limits, Status, fault_of
from harness.sandbox import Member, SandboxOptions, open_box, pack, probe, unpack

SMALL = SandboxOptions(memory_mb=256, disk_mb=16)
CAP = 1 << 20


def entry(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname, made.mode = len(content), kind, link, mode
    return made, content


def archive(*entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for made, content in entries:
            tar.addfile(made, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "..", ".", "./.."])
def test_a_name_that_leads_out_is_left_out(name):
    assert unpack(archive(entry(name, b"x"), entry("fine", b"y")), CAP).keys() == {"fine"}


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_pipes_and_devices_are_left_out(kind):
    assert unpack(archive(entry("pipe", kind=kind)), CAP) == {}


@pytest.mark.parametrize(
    ("name", "target", "stays"),
    [
        ("a", "b", True),
        ("a", "d/b", True),
        ("a", ".", True),
        ("d/e/a", "../../b", True),
        ("a", "../b", False),
        ("d/a", "../../b", False),
        ("a", "d/../b", False),  # where d is a link, its parent is another
        ("a", "/etc/passwd", False),
        ("a", "", False),
    ],
)
def test_a_link_is_kept_where_it_stays_below(name, target, stays):
    assert (name in unpack(archive(entry(name, kind=tarfile.SYMTYPE, link=target)), CAP)) is stays


def test_nothing_is_taken_from_behind_a_link_or_over_a_folder():
    found = unpack(
        archive(
            entry("link", kind=tarfile.SYMTYPE, link="folder"),
            entry("link/x", b"1"),
            entry("folder", kind=tarfile.DIRTYPE),
            entry("folder/file", b"2"),
            entry("folder", kind=tarfile.SYMTYPE, link="."),
            entry("deep/in/link", kind=tarfile.SYMTYPE, link="../.."),
            entry("second", kind=tarfile.LNKTYPE, link="deep/in/link"),  # it leads further up from here
            entry("copy", kind=tarfile.LNKTYPE, link="folder/file"),
            entry("none", kind=tarfile.LNKTYPE, link="/etc/passwd"),
        ),
        CAP,
    )
    assert found.keys() == {"link", "folder", "folder/file", "deep/in/link", "copy"}
    assert found["copy"].content == b"2"


def test_a_second_name_of_a_file_counts_as_much_as_the_first():
    many = [entry(f"n{n}", kind=tarfile.LNKTYPE, link="big") for n in range(20)]
    with pytest.raises(BoxContentError, match="holds more than 1 MB"):
        unpack(archive(entry("big", bytes(100_000)), *many), CAP)


def test_too_many_entries_are_refused(monkeypatch):
    monkeypatch.setattr("harness.sandbox.archives.MOST_FILES", 9)
    with pytest.raises(BoxContentError, match="holds more than 9 files") as caught:
        unpack(archive(*(entry(f"{n}") for n in range(12))), CAP)
    assert (fault_of(caught.value).status, fault_of(caught.value).cause) == (Status.FAILED, Cause.MALFORMED)


@pytest.mark.parametrize("data", [b"no archive at all" * 90, archive(entry("a", bytes(5_000)))[:2_000]])
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(BoxError, match="no archive"):
        unpack(data, CAP)


def test_an_archive_of_the_same_files_is_the_same_bytes():
    members = {"d": Member(), "d/run": Member(content=b"1", executable=True), "l": Member(link="d/run")}
    assert pack(members) == pack(dict(members))
    assert unpack(pack(members), CAP) == members


def test_a_work_folder_goes_on_in_another_box(kind, make):
    box = make()
    made = box.run(
        "mkdir -p src/empty .hidden; printf '#!/bin/sh\\necho ran' > src/run; chmod 755 src/run; ln src/run again; "
        "ln -s src/run inside; ln -s /etc/passwd out; ln -s ../tmp/x up; mkfifo pipe; echo data > 'odd\n\\name'; "
        "printf x > $(printf 'bad\\377name'); touch -d 2020-02-02 old; echo plain > .hidden/x; mkdir locked; "
        "touch locked/x; chmod 000 locked; echo ok"
    )
    assert made.out == b"ok\n"
    packed = box.get_tar()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert all(not name.startswith(("/", ".", "w/")) or name.startswith(".hidden") for name in tar.getnames())
    box.close()
    fresh = make()
    fresh.put_tar(packed)
    assert (
        fresh.run("./inside; ./again; stat -c '%a %F' src/empty src/run .hidden/x").out
        == b"ran\nran\n755 directory\n755 regular file\n644 regular file\n"
    )
    assert fresh.run("ls -d out up pipe 2>/dev/null; cat 'odd\n\\name'; date -r old +%Y").out == b"data\n2020\n"
    assert fresh.run("ls bad*name | od -c | grep -q 377").code == 0
    assert fresh.changes() == []
    fresh.put_tar(packed, "/tmp/again")  # noqa: S108 - of the box
    assert fresh.run("/tmp/again/src/run").out == b"ran\n"  # noqa: S108 - of the box


def test_what_a_contender_left_cannot_be_taken_is_its_own_doing(kind, make):
    box = make(Limits(seconds=15, memory_mb=256, disk_mb=16, pids=64))
    box.run("head -c 9000000 /dev/zero > a; for n in 1 2 3 4 5; do ln a $n; done")
    with pytest.raises(BoxContentError, match="holds more than 28 MB"):
        box.get_tar(cap=28 << 20)
    box.run("rm -f *; truncate -s 15M s1 s2 s3 s4")
    with pytest.raises(BoxContentError, match="holds more than 20 MB"):
        box.get_tar(cap=20 << 20)
    box.run("rm -f *; mkdir a; head -c 99000000 /dev/zero > full")
    with pytest.raises(BoxContentError, match="could not be put into the box: "):
        box.put({"x": bytes(1_000_000)})
    box.run("rm -f full x; mkdir -p x/y")
    with pytest.raises(BoxContentError):
        box.put({"x": b"a file where a folder is"})
    if kind == "bubblewrap as an ordinary user":
        return  # who holds it ends with it
    box.close()
    with pytest.raises(BoxError, match="box died") as caught:
        box.put({"x": b""})
    assert not isinstance(caught.value, BoxContentError)


def test_a_program_given_as_a_file_can_be_run(tmp_path):
    if not probe("bubblewrap").usable:
        pytest.skip("no bubblewrap")
    (tmp_path / "run").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "run").chmod(0o755)
    with open_box(SMALL) as box:
        box.put_dir(tmp_path)
        box.put({"script": b"#!/bin/sh\necho script\n"})
        assert (
            box.run("./run; ./script; python3 -m zipfile -c z.zip run && echo zipped").out == b"ran\nscript\nzipped\n"
        )
        box.get_dir("/w", tmp_path / "out")
    assert (tmp_path / "out" / "run").stat().st_mode & 0o777 == 0o755
