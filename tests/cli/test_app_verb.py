"""The dashboard's verb: which reports it means, and what it refuses before it serves anything."""

import socket

import pytest

from harness.cli.entry import main
from harness.core import UsageError
from harness.report import reports_and_problems, reports_in


def make(folder, name="experiment.yaml"):
    folder.mkdir(parents=True)
    (folder / name).write_text("")
    return folder


def test_a_folder_of_reports_means_each_of_them_once(tmp_path):
    one, two = make(tmp_path / "all" / "one"), make(tmp_path / "all" / "two", "outcomes.parquet")
    (tmp_path / "all" / "notes").mkdir()
    assert reports_in([tmp_path / "all", one]) == [one, two]


def test_the_name_of_a_report_is_enough(tmp_path, monkeypatch):
    make(tmp_path / "reports" / "mine")
    monkeypatch.chdir(tmp_path)
    (found,) = reports_in([type(tmp_path)("mine")])
    assert found.resolve() == tmp_path / "reports" / "mine"


@pytest.mark.parametrize("made", [True, False])
def test_what_is_no_folder_is_refused(tmp_path, made):
    path = tmp_path / "x"
    if made:
        path.write_text("")
    with pytest.raises(UsageError, match="is a file" if made else "there is no such report"):
        reports_in([path])


def test_a_port_in_use_is_said_and_nothing_is_served(tmp_path, capsys):
    report = make(tmp_path / "r")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", str(report), "--port", str(port)]) == 2
    err = capsys.readouterr().err
    assert f"port {port}" in err
    assert "--port" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("address", ["999.1.1.1", "::zz", "203.0.113.7"])
def test_a_wrong_address_is_not_blamed_on_the_port(tmp_path, capsys, address):
    assert main(["app", str(make(tmp_path / "r")), "--address", address]) == 2
    err = capsys.readouterr().err
    assert f"--address {address}: th" in err
    assert "127.0.0.1" in err
    assert "port" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "70000"])
def test_a_port_that_is_none_is_refused(tmp_path, capsys, port):
    assert main(["app", str(make(tmp_path / "r")), "--port", port]) == 2
    assert "from 1 to 65535" in capsys.readouterr().err


def test_a_folder_that_neither_is_nor_holds_a_report_is_refused(tmp_path, capsys):
    (tmp_path / "photos" / "summer").mkdir(parents=True)
    make(tmp_path / "project" / "reports" / "one")
    for name, said in (("photos", "ownbench init begins"), ("project", f"ownbench app {tmp_path}/project/reports")):
        assert main(["app", str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert f"{tmp_path / name}: no report" in err
        assert said in err
        assert err.count("\n") == 1


def test_reports_that_are_made_while_it_runs_are_shown(tmp_path, monkeypatch):
    """The script is handed what was asked for, and looks at it anew each time."""
    from streamlit.web import bootstrap

    handed = []
    monkeypatch.setattr(bootstrap, "load_config_options", lambda **_: None)
    monkeypatch.setattr(bootstrap, "run", lambda *_, args, **__: handed.extend(args))
    first = make(tmp_path / "all" / "a")
    assert main(["app", str(tmp_path / "all")]) == 0
    second = make(tmp_path / "all" / "b")
    assert reports_in([type(tmp_path)(one) for one in handed]) == [first, second]


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "0.0.0.0"])  # noqa: S104
def test_an_address_that_others_reach_is_said_to_have_no_password(tmp_path, capsys, monkeypatch, address):
    import harness.report

    warned = address == "0.0.0.0"  # noqa: S104

    monkeypatch.setattr(harness.report, "serve", lambda *_, **__: None)
    code = main(["app", str(make(tmp_path / "r")), "--address", address])
    err = capsys.readouterr().err
    if code == 2 and address == "::1":
        pytest.skip("no IPv6 here")
    assert code == 0
    assert ("no password" in err) is warned
    assert err.count("\n") == 1 + warned
    assert ("http://[::1]:" in err) is (address == "::1")


def test_what_is_no_report_hides_no_other(tmp_path):
    good, empty = make(tmp_path / "good"), tmp_path / "empty"
    empty.mkdir()
    found, problems = reports_and_problems([empty, good, tmp_path / "gone"])
    assert found == [good]
    assert [text.split(": ")[0] for text in problems] == [str(empty), str(tmp_path / "gone")]
    assert reports_in([make(tmp_path / "broken", "outcomes.parquet")]) == [tmp_path / "broken"]
