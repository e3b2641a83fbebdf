"""`run --job` writes the manifest of a RayJob, and runs nothing."""

import live
import yaml
from live import Server

from harness.cluster import HEAD


def test_the_command_writes_it_and_runs_nothing(tmp_path, capfd):
    job = {"queue": "gate", "image": "registry.example/ownbench:1"}
    with Server() as served:
        model = live.served_model(served, api_key_env="MY_KEY")
        executor = {"kind": "ray", "workers": 8, "job": job}
        report = live.write_experiment(tmp_path / "r", models={"m": model}, executor=executor)
        path = tmp_path / "rayjob.yaml"
        code, out, err = live.inside(capfd, "run", report, "--job", path, "--limit", "5")
        assert (code, out) == (0, "")
        assert "a RayJob of 4 worker pods with 2 CPUs each, for the queue gate" in err
        assert "its pods have no MY_KEY: name a Secret that holds them, as executor.job.keys" in err
        assert path.read_text().startswith(HEAD)
        document = yaml.safe_load(path.read_text())
        assert document["spec"]["entrypoint"] == "ownbench run /reports/r --executor ray --limit 5"
        otlp = ("--otlp", "http://collector:4318/")
        assert live.inside(capfd, "run", report, "--job", path, *otlp)[0] == 0  # its own file is written again
        assert "--executor ray --otlp http://collector:4318" in path.read_text()
        live.edit(report, cache={"path": "answers"})
        code, _, err = live.inside(capfd, "run", report, "--job", path)
        assert (code, "cache: is one file, which only one machine may write" in err) == (2, True)
        live.edit(report, cache={"path": "answers", "mode": "read_only"})
        assert live.inside(capfd, "run", report, "--job", path)[0] == 0
        live.edit(report, cache=None)
        path.write_text("mine: true\n")
        code, _, err = live.inside(capfd, "run", report, "--job", path)
        assert (code, path.read_text()) == (2, "mine: true\n")
        assert err == f"ownbench: {path}: it is there, and was not written by ownbench; name another file\n"
        live.edit(report, executor=executor | {"address": "local"})
        code, _, err = live.inside(capfd, "run", report, "--job", tmp_path / "other.yaml")
        assert code == 2
        assert "executor.address: a RayJob has a cluster of its own" in err
        assert not served.seen
    assert sorted(p.name for p in report.iterdir()) == ["experiment.yaml"]
