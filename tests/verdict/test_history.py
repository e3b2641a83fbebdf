"""The history of several reports: what stands in their files, and no exception whatever stands there."""

import json
import os
import shutil
from datetime import UTC, datetime
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis import Side, load_evidence
from harness.core import EvidenceError, UsageError
from harness.report import write_gate
from harness.store import Journal, import_table
from harness.verdict import gate, set_baseline
from harness.verdict.report_history import changed_of, entry_of, in_order, under_way
from harness.verdict.stored_verdicts import kept_verdicts, latest_verdict

DONE = {"complete": True, "planned": 200, "done": 200}


@pytest.fixture
def rows(paired_rows):
    return paired_rows(70, 20, 4, 6)


def history(folders):
    return in_order([under_way(entry_of(folder)) for folder in folders])


def only(found):
    (entry,) = found.entries
    return entry


def test_a_gated_report_tells_its_verdict_as_the_gate_gave_it(make_report, rows):
    folder = make_report(rows, manifest=DONE | {"created_at": "2026-03-01T10:00:00+00:00"})
    set_baseline(folder, "A")
    view = gate(folder, folder, baseline_contender="A", candidate_contender="B")
    write_gate(view, folder, {})
    entry = only(history([folder]))
    verdict = entry.verdict
    assert view.decision == "BLOCK"
    assert (verdict.decision, verdict.sentence) == ("BLOCK", view.sentence)
    assert (verdict.baseline, verdict.candidate, verdict.margin) == ("A", "B", 0.02)
    assert (verdict.delta, verdict.n_tasks) == (pytest.approx(-0.16), 100)
    assert verdict.low < verdict.delta < verdict.high < 0
    assert verdict.reasons == view.reasons
    assert verdict.changed == view.changed
    assert (entry.run, entry.complete, entry.planned, entry.done, entry.broken) == ("done", True, 200, 200, ())
    assert (entry.when, entry.when_from) == (datetime(2026, 3, 1, 10, tzinfo=UTC), "manifest")
    assert [(c.contender, c.passed, c.failed) for c in entry.counts] == [("A", 90, 10), ("B", 74, 26)]
    assert (entry.baseline.contender, entry.baseline.locked) == ("A", ("A", "B"))
    assert (entry.baseline.stands, entry.baseline.why) == (True, "as it was locked; anchor: A of r")


def test_a_lock_no_longer_stands_where_what_it_locked_has_changed(make_report, rows, monkeypatch):
    folder = make_report(rows, manifest=DONE)
    set_baseline(folder, "A")
    make_report(rows[2:], manifest=DONE)
    entry = only(history([folder]))
    assert entry.baseline.stands is False
    assert entry.baseline.why == "changed since it was locked: its outcomes; anchor: A of r"
    monkeypatch.setattr(import_module("harness.verdict.report_history"), "MOST_ROWS", 10)
    assert only(history([folder])).baseline.stands is None
    assert only(history([folder])).baseline.why == (
        "not looked at here, for its 198 outcomes; ownbench gate does; anchor: A of r"
    )
    (folder / "outcomes.parquet").unlink()
    entry = only(history([folder]))
    assert entry.baseline.stands is False
    assert "cannot be read" in entry.baseline.why
    assert (entry.run, entry.run_note, entry.complete) == ("broken", "outcomes.parquet is missing", False)


def test_reports_stand_in_the_order_of_their_making(make_report, rows, tmp_path):
    made = {"late": "2026-05-01T00:00:00+00:00", "early": "2026-01-01", "middle": "2026-03-01T12:00:00+02:00"}
    folders = [make_report(rows, manifest=DONE | {"created_at": when}, name=name) for name, when in made.items()]
    by_file = make_report(rows, name="by file")
    os.utime(by_file / "outcomes.parquet", (1_000_000_000, 1_000_000_000))
    found = history([tmp_path / "gone", *folders, by_file])
    assert [entry.name for entry in found.entries] == ["by file", "early", "middle", "late", "gone"]
    assert [entry.when_from for entry in found.entries[:2]] == ["file", "manifest"]
    assert found.entries[0].when == datetime.fromtimestamp(1_000_000_000, UTC)
    assert (found.entries[0].run, found.entries[0].complete) == ("not known", None)
    assert found.entries[-1].broken == (f"{tmp_path / 'gone'}: there is no such report",)
    assert found.verdicts == ()


EXPERIMENT = """
name: x
suites: [a]
models: {m: {backend: openai, model: x, base_url: "http://127.0.0.1/v1"}}
contenders: {c: {model: m}}
"""


def run_of(folder):
    entry = only(history([folder]))
    return entry.run, entry.run_note, entry.complete


def test_a_run_that_is_not_done_says_how_far_it_came(make_report, rows, tmp_path):
    short = {"complete": False, "planned": 1_000, "done": 200, "stopped_because": "budget\x1b"}
    assert run_of(make_report(rows, manifest=short)) == (
        "not done",
        "200 of 1,000 attempts made; stopped: budget\\x1b",
        False,
    )
    skipped = [{"contender": "A", "task": "t", "status": "skipped"}]
    folder = make_report(skipped, manifest=DONE | {"planned": 0})
    assert run_of(folder) == ("not done", "1 attempt not finished", False)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "experiment.yaml").write_text(EXPERIMENT)
    assert run_of(tmp_path / "begun") == ("not begun", "ownbench run begins it", None)
    (tmp_path / "begun" / "attempts.jsonl").write_text("")
    stopped = ("stopped", "before its results were written; ownbench run goes on from there", False)
    assert run_of(tmp_path / "begun") == stopped
    with Journal(tmp_path / "begun"):
        assert run_of(tmp_path / "begun") == (
            "running now",
            f"process {os.getpid()}; its results are there when it ends",
            None,
        )


@pytest.mark.parametrize("name", ["outcomes.parquet", "manifest.json", "calls.parquet", "transcripts.parquet"])
def test_a_broken_report_is_not_done(make_report, rows, name):
    folder = make_report(rows, manifest=DONE)
    (folder / name).write_bytes(b"PAR1 and no more")
    assert run_of(folder) == ("broken", f"{name} cannot be read", False)


def test_a_report_that_has_lost_rows_is_not_done(make_report, rows):
    assert run_of(make_report(rows[:150], manifest=DONE)) == (
        "broken",
        "outcomes.parquet holds 150 of 200 attempts",
        False,
    )


def test_attempts_are_counted_once_by_what_they_came_to(tmp_path):
    """A score between 0 and 1 without a pass is part of one."""
    rows = ["A,1,1.0,test", "A,2,0.25,test", "A,3,0,dev", "A,4,0.75,test", "A,5,0,test"]
    (tmp_path / "t.csv").write_text("\n".join(["contender,task,score,split", *rows]))
    import_table(tmp_path / "t.csv", tmp_path / "r")
    entry = only(history([tmp_path / "r"]))
    (count,) = entry.counts
    found = (count.passed, count.partly, count.failed, count.ungraded, count.errored, count.skipped, count.total)
    assert found == (1, 2, 2, 0, 0, 0, 5)
    assert entry.parts == (("test", 4), ("dev", 1))
    assert (entry.run, entry.broken) == ("done", ())


def test_every_verdict_is_kept_with_its_own_time(make_report, rows):
    folder = make_report(rows, manifest=DONE)
    times = [datetime(2026, 1, 1 + day, tzinfo=UTC) for day in range(3)]
    sides = [("A", "B"), ("B", "A"), ("A", "B")]
    for at, (a, b) in zip(times, sides, strict=True):
        view = gate(folder, folder, baseline_contender=a, candidate_contender=b)
        write_gate(view, folder, {}, at=at)
    os.utime(folder / "verdict.json", (1, 1))  # as a copy of the folder might have it
    found = history([folder]).verdicts
    assert [entry.verdict.written_at for entry in found] == times
    assert [entry.verdict.decision for entry in found] == ["BLOCK", "SHIP", "BLOCK"]
    assert json.loads((folder / "verdict.json").read_text()) == json.loads(json.dumps(view.as_json()))
    with (folder / "verdicts.jsonl").open("a") as file:
        file.write('{"judged_at": "2026-')  # torn by a power loss: the next line takes its place
    write_gate(view, folder, {}, at=times[-1])
    entry = only(history([folder]))
    assert (len(entry.earlier), entry.broken) == (3, ())
    with (folder / "verdicts.jsonl").open("a") as file:
        file.write('{"judged_at": "2026-\n')  # damaged
    write_gate(view, folder, {}, at=times[-1])
    entry = only(history([folder]))
    assert ["1 of its lines" in text for text in entry.broken] == [True]


def test_a_verdict_without_a_line_in_the_log_is_there_too(make_report, rows):
    folder = make_report(rows, manifest=DONE)
    view = gate(folder, folder, baseline_contender="A", candidate_contender="B")
    write_gate(view, folder, {}, at=datetime(2026, 1, 1, tzinfo=UTC))
    write_gate(gate(folder, folder, baseline_contender="B", candidate_contender="A"), folder, {})
    assert [entry.verdict.decision for entry in history([folder]).verdicts] == ["BLOCK", "SHIP"]
    (folder / "verdict.json").unlink()
    assert only(history([folder])).verdict.decision == "BLOCK"


def test_a_verdict_that_lies_apart_is_found(make_report, rows, tmp_path):
    folder = make_report(rows, manifest=DONE)
    write_gate(gate(folder, folder, baseline_contender="B", candidate_contender="A"), tmp_path / "apart", {})
    os.utime(tmp_path / "apart" / "verdict.json", (1_000_000_000, 1_000_000_000))
    write_gate(gate(folder, folder, baseline_contender="A", candidate_contender="B"), folder, {})
    found = history([folder, tmp_path / "apart"])
    assert [entry.verdict.decision for entry in found.verdicts] == ["SHIP", "BLOCK"]
    assert found.verdicts[0].when == found.verdicts[0].verdict.written_at


BROKEN = [b"", b"{", b"[]", b"5", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"decision": ["SHIP"]}',
          b'{"decision": "OWN"}', b'{"created_at": 5, "report": 7}', b'{"contender": 5, "rows": [], "made_of": 1}',
          b'{"contender": "A", "rows": [], "made_of": {}, "suites": ""}', b"PAR1 no table PAR1"]  # fmt: skip


@pytest.mark.parametrize("name", ["verdict.json", "baseline.json", "manifest.json", "outcomes.parquet"])
@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_a_row_that_says_so(make_report, rows, name, content):
    folder = make_report(rows, manifest=DONE)
    (folder / name).write_bytes(content)
    entry = only(history([folder]))
    assert [name in text for text in entry.broken] == [True]
    if name != "outcomes.parquet":
        assert [count.contender for count in entry.counts] == ["A", "B"]


def test_a_file_and_a_folder_in_a_files_place_are_told_of(make_report, rows, tmp_path):
    (tmp_path / "file").write_text("")
    assert only(history([tmp_path / "file"])).broken[0].endswith("is a file, a report is a folder")
    folder = make_report(rows)
    (folder / "verdict.json").mkdir()
    assert "verdict.json" in only(history([folder])).broken[0]
    shutil.rmtree(folder / "verdict.json")
    assert only(history([folder])).broken == ()
    assert history([]).entries == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=6,
)
FIELDS = ["sentence", "baseline", "candidate", "comparison", "policy", "reasons", "changed", "tasks_needed"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), JSON, JSON)
def test_whatever_a_verdict_holds_it_can_be_shown(tmp_path, fields, number, text):
    inner = {"comparison": {"delta": number, "n_tasks": number}, "policy": {"margin": number}}
    inner |= {"reasons": [{"rule": text, "holds": number, "text": text}], "changed": [{"what": text}]}
    for value in (fields, inner, inner | fields):
        (tmp_path / "verdict.json").write_text(json.dumps({"decision": "SHIP"} | value))
        ((verdict,), _) = kept_verdicts(tmp_path)
        assert verdict.decision == "SHIP"
        assert all(isinstance(getattr(verdict, name), str) for name in ("sentence", "baseline", "candidate"))
        for name in ("margin", "delta", "low", "high", "level"):
            shown = getattr(verdict, name)
            assert shown is None or abs(shown) < float("inf")


@pytest.mark.parametrize(("stored", "checked", "text"), [
    ({"text": "not checked: only one domain"}, False, "only one domain"),
    ({"text": "the baseline is not locked; ownbench baseline set locks it"}, False,
     "the baseline is not locked; ownbench baseline set locks it"),
    ({"text": "the baseline is as it was locked"}, True, "the baseline is as it was locked"),
    ({"text": "only one domain", "checked": False}, False, "only one domain"),
    ({"text": "not checked: a name", "checked": True}, True, "not checked: a name"),
    ({"text": "only one domain", "checked": "no"}, True, "only one domain"),
])  # fmt: skip
def test_verdicts_of_older_versions_say_in_their_text_what_was_not_checked(tmp_path, stored, checked, text):
    reason = {"rule": "domains", "holds": True} | stored
    (tmp_path / "verdict.json").write_text(json.dumps({"decision": "SHIP", "reasons": [reason]}))
    (found,) = kept_verdicts(tmp_path)[0][0].reasons
    assert (found.checked, found.text) == (checked, text)


def test_texts_of_a_verdict_are_visible_and_hold_no_key(tmp_path):
    value = {"decision": "BLOCK", "sentence": "\x1b[2J\u202e sk-abcdefghij0123456789", "baseline": "x" * 5_000}
    (tmp_path / "verdict.json").write_text(json.dumps(value))
    verdict = only(history([tmp_path])).verdict
    assert verdict.sentence == "\\x1b[2J\\u202e [secret]"
    assert len(verdict.baseline) == 2_000


def changed_between(report_a, a, report_b, b):
    sides = zip((load_evidence(report_a), load_evidence(report_b)), (a, b), strict=True)
    return changed_of(*(Side(table=table, manifest=manifest, contender=name) for (table, manifest), name in sides))


def contender(name, **model):
    return {"name": name, "kind": "model", "digest": name, "parts": {"model": {"name": "m", **model}}}


def test_what_changed_between_two_reports_comes_from_their_manifests(make_report, rows):
    old = make_report(rows, manifest=DONE | {"contenders": [contender("A", revision="1\x1b")]}, name="old")
    new = make_report(rows, manifest=DONE | {"contenders": [contender("A", revision="2")]}, name="new")
    (change,) = changed_between(old, "A", new, "A")
    assert (change.what, change.baseline, change.candidate) == ("revision", "1\\x1b", "2")
    assert changed_between(old, "A", old, "A") == ()
    with pytest.raises(UsageError, match="no contender 'C'"):
        changed_between(old, "A", new, "C")
    with pytest.raises(UsageError, match="no such report"):
        changed_between(old, "A", new.parent / "gone", "A")


@pytest.mark.parametrize("entries", [[5], [None], ["A"]])
def test_a_manifest_of_another_make_is_an_error_that_names_it(make_report, rows, entries):
    folder = make_report(rows, manifest=DONE | {"contenders": entries})
    with pytest.raises(EvidenceError, match=r"manifest.json"):
        changed_between(folder, "A", folder, "B")


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def gated(folder, at):
    write_gate(gate(folder, folder, baseline_contender="A", candidate_contender="B"), folder, {}, at=at)


@pytest.mark.parametrize(("hour", "old"), [(11, True), (13, False)])
def test_a_verdict_from_before_the_last_attempt_is_outdated(make_report, paired_rows, hour, old):
    folder = make_report(paired_rows(70, 20, 4, 6, started_at=NOON), manifest=DONE)
    gated(folder, NOON.replace(hour=hour))
    verdict = only(history([folder])).verdict
    assert bool(verdict.outdated) == old
    assert latest_verdict(folder) == verdict


def test_a_verdict_on_an_unfinished_run_is_outdated_once_it_is_done(make_report, rows):
    folder = make_report(rows, manifest=DONE | {"complete": False})
    gated(folder, NOON)
    verdict = only(history([folder])).verdict
    assert (verdict.decision, verdict.outdated) == ("INVALID", "")
    make_report(rows, manifest=DONE)
    assert only(history([folder])).verdict.outdated == "made before the run ended; run ownbench gate again"
    gated(folder, NOON.replace(hour=14))
    entry = only(history([folder]))
    assert (entry.verdict.decision, entry.verdict.outdated) == ("BLOCK", "")
    assert entry.earlier[0].outdated


def test_a_verdict_given_while_the_run_was_at_work_is_outdated_once_it_is_done(make_report, rows):
    folder = make_report(rows, manifest=DONE)
    with Journal(folder):
        gated(folder, NOON)
        assert only(history([folder])).verdict.decision == "INVALID"
    assert only(history([folder])).verdict.outdated


def test_a_verdict_on_an_unfinished_baseline_is_not_outdated_by_the_candidate(make_report, rows):
    base = make_report(rows, manifest=DONE | {"complete": False}, name="base")
    folder = make_report(rows, manifest=DONE)
    view = gate(base, folder, baseline_contender="A", candidate_contender="B")
    write_gate(view, folder, {}, at=NOON, reports=(base, folder))
    assert (view.decision, latest_verdict(folder).outdated) == ("INVALID", "")
