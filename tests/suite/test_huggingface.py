"""Suites whose tasks the package ``datasets`` reads, without a network."""

import builtins
import json
import socket

import pytest
from written_suites import write_suite

from harness.core import UserFileError
from harness.suite import load_suite

datasets = pytest.importorskip("datasets")

ROWS = [{"q": "one?", "a": "1", "lang": "en"}, {"q": "two?", "a": "2", "lang": "en"}]
MAP = {"input": "q", "reference": "a"}


@pytest.fixture(autouse=True)
def reached(monkeypatch):
    """What was tried to be reached; whoever tries is refused."""
    tried = []

    def refuse(*args, **kwargs):
        tried.append(args)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield tried
    assert tried == []


def suite_of(folder, **source):
    return load_suite(write_suite(folder, tasks=None, huggingface=source))


@pytest.mark.parametrize("path", ["json", "csv", "parquet"])
def test_local_files_by_format(tmp_path, path, capfd):
    data = tmp_path / f"data.{path}"
    table = datasets.Dataset.from_list(ROWS)
    if path == "json":
        data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif path == "csv":
        data.write_text("q,a,lang\none?,1,en\ntwo?,2,en\n")
    else:
        table.to_parquet(data)
    capfd.readouterr()
    suite = suite_of(tmp_path, path=path, data_files=data.name, map=MAP)
    assert [(t.id, t.input, str(t.reference)) for t in suite.tasks] == [
        ("row-000001", "one?", "1"),
        ("row-000002", "two?", "2"),
    ]
    assert capfd.readouterr() == ("", "")  # no progress bars


def test_a_saved_data_set_with_labels_gives_their_names(tmp_path):
    features = datasets.Features(
        {"id": datasets.Value("string"), "q": datasets.Value("string"), "y": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"id": ["a", "b"], "q": ["1", "2"], "y": [1, 0]}
    both = datasets.DatasetDict(
        {s: datasets.Dataset.from_dict(rows, features=features) for s in ("train", "validation")}
    )
    both.save_to_disk(tmp_path / "data")
    source = {"path": "data", "split": "train", "map": {"input": "q", "reference": "y"}}
    assert [(t.id, t.reference) for t in suite_of(tmp_path, **source).tasks] == [("a", "yes"), ("b", "no")]
    with pytest.raises(
        UserFileError, match=r"huggingface\.split: the data set has the splits train, validation; name one"
    ):
        suite_of(tmp_path, **source | {"split": None})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "json"}, "huggingface.data_files: path 'json' names a format; its files are missing"),
        (
            {"path": "json", "data_files": "d.json", "map": {"input": "qq"}},
            "the data set has no column 'qq'; did you mean 'q'",
        ),
        (
            {"path": "json", "data_files": "d.json", "map": {"inptu": "q"}},
            "map.inptu: unknown field; did you mean 'input'",
        ),
        ({"path": "json", "data_files": "e.json"}, "huggingface.data_files: there is no file 'e.json'"),
        ({"path": "json", "data_files": "https://example.org/d.json"}, "is an address"),
        ({"path": "./nowhere"}, "huggingface.path: there is no './nowhere' next to suite.yaml"),
        ({"path": "csv", "data_files": "bad.parquet", "split": "dev"}, "cannot load 'csv'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, source, said):
    (tmp_path / "d.json").write_text(json.dumps(ROWS[0]) + "\n")
    (tmp_path / "bad.parquet").write_text("a\nb\n")
    with pytest.raises(UserFileError) as error:
        suite_of(tmp_path, **source)
    assert said in str(error.value)


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *a, **k: (_ for _ in ()).throw(ImportError) if name == "datasets" else real(name, *a, **k),
    )
    with pytest.raises(UserFileError, match=r"the package datasets is not installed; pip install 'datasets>=[\d.]+'"):
        suite_of(tmp_path, path="json", data_files="d.json")
