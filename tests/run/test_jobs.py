"""`run --job` writes the manifest of a RayJob, and runs nothing."""

import argparse
from itertools import pairwise

import live
import pytest
import yaml

from harness.cli.entry import configure
from harness.cluster import HEAD

MODEL = {"backend": "openai", "model": "m", "base_url": "http://models.example:8000/v1", "price": live.PRICE}
JOB = {"queue": "gate", "image": "registry.example/ownbench:1"}
EXECUTOR = {"kind": "ray", "workers": 8, "job": JOB}
ABOUT_THE_FILE = {"help", "job", "job_schema"}  # switches that the command in the pod has no use for
GIVEN = {
    "--only": ["c-m"],
    "--limit": ["5"],
    "--executor": ["ray"],
    "--otlp": ["http://collector.example:4318/"],
    "--baseline": ["r"],
    "--policy": ["gate.yaml"],
    "--baseline-contender": ["c"],
    "--candidate-contender": ["c"],
}


@pytest.fixture
def report(tmp_path):
    """An experiment for a cluster."""
    return live.write_experiment(tmp_path / "r", models={"m": MODEL}, executor=EXECUTOR, limits={"concurrency": 64})


def test_the_command_writes_it_and_runs_nothing(report, tmp_path, capfd):
    live.edit(report, models={"m": MODEL | {"api_key_env": "MY_KEY"}})
    path = tmp_path / "rayjob.yaml"
    code, out, err = live.inside(capfd, "run", report, "--job", path, "--limit", "5")
    assert (code, out) == (0, "")
    assert "a RayJob of 4 worker pods with 2 CPUs each, for the queue gate" in err
    assert "its pods have no MY_KEY: name a Secret that holds them, as executor.job.keys" in err
    assert path.read_text().startswith(HEAD)
    document = yaml.safe_load(path.read_text())
    assert document["spec"]["entrypoint"] == "ownbench run /reports/r --executor ray --limit 5"
    assert live.inside(capfd, "run", report, "--job", path)[0] == 0  # its own file is written again
    live.edit(report, cache={"path": "answers", "mode": "read_only"})
    assert live.inside(capfd, "run", report, "--job", path)[0] == 0
    path.write_text("mine: true\n")
    code, _, err = live.inside(capfd, "run", report, "--job", path)
    assert (code, path.read_text()) == (2, "mine: true\n")
    assert err == f"ownbench: {path}: it is there, and was not written by ownbench; name another file\n"
    assert sorted(p.name for p in report.iterdir()) == ["experiment.yaml"]


def test_every_switch_is_carried_into_the_job_or_refused_by_name(report, tmp_path, capfd):
    """Such as ``--offline``, which was once dropped without a word."""
    parser = argparse.ArgumentParser()
    configure(parser, "run")
    seen = set()
    for action in parser._actions:
        if not action.option_strings or action.dest in ABOUT_THE_FILE:
            continue
        (option,) = action.option_strings
        given = [option, *([] if action.nargs == 0 else GIVEN[option])]
        path = tmp_path / f"{action.dest}.yaml"
        code, _, err = live.inside(capfd, "run", report, "--job", path, *given)
        seen.add((option, code))
        if code == 2:
            assert (option in err, path.exists()) == (True, False), err
            continue
        words = yaml.safe_load(path.read_text())["spec"]["entrypoint"].split()
        assert words[:3] == ["ownbench", "run", "/reports/r"]
        pair = tuple(word.rstrip("/") for word in given)
        assert pair[0] in words if len(pair) == 1 else pair in pairwise(words), (option, words)
    assert {("--offline", 2), ("--until-decided", 2), ("--quiet", 0), ("--retry-errored", 0), ("--otlp", 0)} <= seen


HERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("changes", "more", "said"),
    [
        ({"job": {"reports": "relative"}}, (), "executor.job.reports: found 'relative', needed the absolute path of"),
        ({"job": {"reports": "/"}}, (), "executor.job.reports: found '/', needed the absolute path of a folder"),
        ({"job": {"reports": "/proc"}}, (), "executor.job.reports: found '/proc', needed the absolute path"),
        ({"job": {"hours": 0.00001}}, (), "executor.job.hours: found the number 1e-05; needed: a number from 0.01"),
        ({"workers": 8, "limits": {"concurrency": 2}}, (), "executor.workers: there are 8 workers, and limits.concurr"),
        ({"address": "local"}, (), "executor.address: found local, and a RayJob has a cluster of its own"),
        ({"address": "10.0.0.1:6379"}, (), "executor.address: found 10.0.0.1:6379, and a RayJob has a cluster of its"),
        ({"base_url": f"{HERE}/v1"}, (), f"models.m.base_url: {HERE}/v1 is this machine, and in a pod it is the pod"),
        ({"base_url": "http://localhost/v1"}, (), "models.m.base_url: http://localhost/v1 is this machine"),
        ({"cache": {"path": "answers"}}, (), "cache: is one file, which only one machine may write"),
        ({}, ("--otlp", HERE), f"--otlp: {HERE} is this machine, and in a pod it is the pod; give the address"),
    ],
)
def test_what_no_pod_could_keep_is_one_line_and_nothing_is_written(report, tmp_path, capfd, changes, more, said):
    keys = {key: changes[key] for key in ("limits", "cache") if key in changes}
    executor = EXECUTOR | {key: changes[key] for key in ("job", "workers", "address") if key in changes}
    model = MODEL | {key: changes[key] for key in ("base_url",) if key in changes}
    live.edit(report, executor=executor, models={"m": model}, **keys)
    code, out, err = live.inside(capfd, "run", report, "--job", tmp_path / "job.yaml", *more)
    assert (code, out, err.count("\n"), said in err) == (2, "", 1, True), err
    assert not (tmp_path / "job.yaml").exists()


@pytest.mark.parametrize(
    ("executor", "concurrency", "size"),
    [
        ({"workers": 8, "job": JOB | {"cpus": 4, "gpus": 1}}, 64, "2 worker pods with 4 CPUs and 1 GPU each"),
        ({"workers": 9, "job": JOB | {"cpus": 4}}, 64, "3 worker pods with 4 CPUs each"),
        ({"job": JOB | {"cpus": 4}}, 64, "2 worker pods with 4 CPUs each"),
        ({"job": JOB | {"cpus": 4}}, 3, "1 worker pod with 4 CPUs each"),  # a second pod would have nothing to ask
    ],
)
def test_pods_follow_from_workers_and_cpus(report, tmp_path, capfd, executor, concurrency, size):
    live.edit(report, executor={"kind": "ray"} | executor, limits={"concurrency": concurrency})
    code, _, err = live.inside(capfd, "run", report, "--job", tmp_path / "job.yaml")
    assert (code, f"a RayJob of {size}," in err) == (0, True), err
