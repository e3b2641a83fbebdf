"""A format is one file with a descriptor: the verb finds it, its options and its errors by itself."""

import types
from pathlib import Path

import pytest

from harness.cli import main
from harness.core import UsageError
from harness.store import IMPORTERS, Importer, ImportSummary, Option, importer


class Lines(Importer):
    name = "lines"
    reads = "one contender a line"
    options = (Option(name="mark", metavar="TEXT", help="what parts the names", repeated=False),)

    def bring(self, path, report, given, *, overwrite):
        names = tuple(path.read_text().split(given["mark"] or ","))
        return ImportSummary(
            report=report,
            rows_read=1,
            rows_written=len(names),
            contenders=names,
            n_tasks=1,
            left_out=(),
            duplicates=0,
            notes=(),
            flags=(),
        )


@pytest.fixture
def lines(monkeypatch):
    """The format as if an installed package offered it."""
    point = types.SimpleNamespace(name="lines", group=IMPORTERS.group, value="theirs:LINES", load=Lines)
    monkeypatch.setattr("harness.core.registry._offered", lambda group: [("theirs", point)])
    IMPORTERS.__dict__.pop("_found", None)
    yield
    IMPORTERS.__dict__.pop("_found", None)


def test_the_table_is_the_first_of_our_formats():
    assert list(IMPORTERS) == ["table"]
    assert IMPORTERS.problems == {}


def test_an_unknown_format_names_the_nearest_and_a_later_one_is_refused_by_name():
    with pytest.raises(UsageError, match="unknown format 'tabel'; did you mean 'table'"):
        importer("tabel")
    with pytest.raises(UsageError, match="the format lm-eval is not available in this version; use table"):
        importer("lm-eval")


@pytest.mark.usefixtures("lines")
def test_an_installed_package_adds_a_format_with_its_options(tmp_path: Path, capsys):
    (tmp_path / "x").write_text("a;b")
    assert main(["import", "lines", str(tmp_path / "x"), str(tmp_path / "r"), "--mark", ";"]) == 0
    assert "2 outcomes of 2 contenders at 1 task" in capsys.readouterr().out
    assert main(["import", "lines", str(tmp_path / "x"), str(tmp_path / "r"), "--map", "a=b"]) == 2
    assert "--map is of the format table only" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "table: Parquet, CSV, TSV or JSON, one row an attempt; lines: one contender a line" in shown
