"""The dashboard's verb: which reports it means, and what it refuses before it serves anything."""

import socket

import pytest

from harness.cli.main import main
from harness.core import UsageError
from harness.report import reports_in


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


@pytest.mark.parametrize("port", ["0", "70000"])
def test_a_port_that_is_none_is_refused(tmp_path, capsys, port):
    assert main(["app", str(make(tmp_path / "r")), "--port", port]) == 2
    assert "from 1 to 65535" in capsys.readouterr().err
