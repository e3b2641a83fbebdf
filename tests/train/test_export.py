"""`adapter export`: what serves an adapter, its card with a report's figures, and what is refused."""

import json
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import live
import pytest
import yaml
from kubernetes import conforms, needs_schemas

from harness.adapter import base_digest, load_adapter
from harness.analysis import scoreboard
from harness.cli import main
from harness.cluster import manifest_faults
from harness.core import percent_interval
from harness.model import Serving, serving_of

ROOT = Path(__file__).parents[2]
ADAPTER, WORKER = ROOT / "adapters" / "claim-check", ROOT / "adapters" / "base" / "worker"
SEED = ROOT / "adapters" / "claim-check-s1"

pytestmark = pytest.mark.local


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """What a server of the worker and of the adapter says: the adapter is right, the base now and then."""
    reply = live.openai_answer(body)
    (choice,) = reply["choices"]
    reply["model"] = body["model"]
    if body["model"] != "m":
        shift = 0.5 if body["model"] == ADAPTER.name else 0.9
        choice["message"]["content"] = f"answer {live.question(body).split()[-1]}"
        for token in choice["logprobs"]["content"] if "logprobs" in choice else ():
            token["logprob"] -= shift
            token["top_logprobs"][0]["logprob"] -= shift
    return reply


@pytest.fixture(scope="module")
def report(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("reports") / "small"
    live.write_suite(folder.parent / "suites" / "work", [{"domain": "tickets"}] * 12, domains=["tickets"])
    plain = [{"domain": "plain", "input": f"plain question {n}", "reference": f"answer {n}"} for n in range(6)]
    live.write_suite(folder.parent / "suites" / "general", plain, domains=["plain"])
    contenders = {
        "base": {"model": "m"},
        "tuned": {"model": "m", "adapter": str(ADAPTER)},
        "seeds": {"model": "m", "adapter": [str(ADAPTER), str(SEED)]},
        "skilled": {"model": "m", "skills": str(ROOT / "skills" / "claim-check"), "delivery": "flat"},
        "mixed": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "logprob_mean", "threshold": -9.0}},
        "never": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "never"}},
    }
    with live.Server(answer) as served:
        served.models = [{"id": "m", "parent": None}, *({"id": one.name, "parent": "m"} for one in (ADAPTER, SEED))]
        live.write_experiment(folder, models={"m": live.served_model(served)}, contenders=contenders, reference="base",
                              suites=["suites/work", "suites/general"])  # fmt: skip
        assert main(["run", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def exported(report: Path) -> Path:
    out = report.parent / "out"
    assert main(["adapter", "export", str(ADAPTER), "--report", str(report), "--out", str(out)]) == 0
    return out


def front(readme: str) -> Any:
    return yaml.safe_load(readme.split("---\n")[1])


def test_the_folder_is_the_adapter_and_what_serves_it(exported: Path) -> None:
    names = {path.name for path in exported.iterdir()}
    assert names == {"README.md", "adapter_config.json", "adapter_model.safetensors", "card.yaml", "compose.yaml",
                     "kubernetes.yaml", "serve.sh"}  # fmt: skip
    assert load_adapter(exported).digest == load_adapter(ADAPTER).digest
    assert os.access(exported / "serve.sh", os.X_OK)
    for path in exported.iterdir():
        text = path.read_bytes().decode("utf-8", "replace")
        assert str(ROOT) not in text
        assert str(exported.parent) not in text


def test_all_files_say_the_one_command_line(exported: Path) -> None:
    """Which is the one that `tests/model/test_vllm_served.py` starts a server with."""
    serving = serving_of(WORKER, {"claim-check": ADAPTER})
    inside = serving.arguments("/models/worker", ["/adapters/claim-check"], host="0.0.0.0")  # noqa: S104
    assert inside[inside.index("--max-loras") :][:4] == ["--max-loras", "2", "--max-lora-rank", "8"]
    service = yaml.safe_load((exported / "compose.yaml").read_text())["services"]["vllm"]
    assert [*service["entrypoint"], *service["command"]] == ["vllm", "serve", *inside]
    assert service["environment"]["VLLM_API_KEY"].startswith("${VLLM_API_KEY:?")
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    deployment, _ = yaml.safe_load_all((exported / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [*container["command"], *container["args"]] == ["vllm", "serve", *inside]
    readme = (exported / "README.md").read_text()
    assert " ".join(["vllm serve", *serving.arguments("/models/worker", ["/adapters/claim-check"])]) in readme


def test_the_pages_say_the_same() -> None:
    ours = serving_of(WORKER, {"ticket-routing": ROOT / "adapters" / "ticket-routing"})
    theirs = Serving(name="kimi", adapters=("tickets", "claims"), rank=16, dtype="bfloat16", max_model_len=8192)
    said = {
        "export.md": ours.arguments("/models/worker", ["/adapters/ticket-routing"]),
        "vllm.md": theirs.arguments("/models/kimi", ["/adapters/tickets", "/adapters/claims"]),
    }
    for page, arguments in said.items():
        text = " ".join((ROOT / "docs" / page).read_text().replace("\\\n", " ").split())
        assert " ".join(["vllm serve", *arguments]) in text, page


def test_the_script_starts_that_command_with_this_folder(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "vllm").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "vllm").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "BASE": "/a base", "VLLM_API_KEY": "x"}
    ran = subprocess.run([exported / "serve.sh"], env=env, capture_output=True, text=True, check=True, cwd="/")
    wanted = serving_of(WORKER, {"claim-check": ADAPTER}).arguments("/a base", [str(exported.resolve())])
    assert ran.stdout.splitlines() == ["serve", *wanted]
    del env["VLLM_API_KEY"]
    ran = subprocess.run([exported / "serve.sh"], env=env, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "set a key" in ran.stderr


@needs_schemas
def test_kubernetes_takes_what_is_written(exported: Path) -> None:
    deployment, service = yaml.safe_load_all((exported / "kubernetes.yaml").read_text())
    assert conforms(deployment)
    assert conforms(service)
    assert not conforms({**deployment, "spec": {**deployment["spec"], "replica": 1}})


def test_the_manifest_asks_for_a_gpu_and_runs_without_rights(exported: Path) -> None:
    deployment, service = yaml.safe_load_all((exported / "kubernetes.yaml").read_text())
    assert not [*manifest_faults(deployment), *manifest_faults(service)]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["securityContext"]["runAsNonRoot"] is True
    probes = {container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"/health"}
    key = next(one for one in container["env"] if one["name"] == "VLLM_API_KEY")
    assert key == {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "ownbench-claim-check-key",
                                                                          "key": "api-key"}}}  # fmt: skip
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    assert any(field == "spec.selector.matchLabels" for field, _, _ in manifest_faults(wrong))
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["port"] = "web"
    assert any(field.endswith("livenessProbe") for field, _, _ in manifest_faults(wrong))


def test_the_card_has_the_figures_of_show(exported: Path, report: Path) -> None:
    readme = (exported / "README.md").read_text()
    view = scoreboard(report)
    for name in ("base", "tuned", "skilled", "mixed"):
        parts = view.score_of(name).domains
        lines = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
        for part, line in zip(parts, lines, strict=True):
            assert f"| {percent_interval(part.pass_rate)} | {part.n_tasks} |" in line
    assert f"`tuned` passes {percent_interval(view.score_of('tuned').pass_rate)}" in readme
    assert "| `never` |" not in readme, "a control is no option"
    card = front(readme)
    assert (card["license"], card["library_name"], card["base_model"]) == ("cc0-1.0", "peft", "worker")
    work, _ = card["model-index"][0]["results"]
    (metric,) = work["metrics"]
    assert (work["dataset"]["name"], metric["value"]) == ("tickets", 100.0)
    assert base_digest(WORKER) in readme
    assert load_adapter(ADAPTER).digest in readme
    work, general = readme.index("### tickets"), readme.index("### plain: general work, which shows what is forgotten")
    assert work < general
    assert r"| `base` | the base alone | 66.7% [39.1, 86.2] | 12 | \$0.170 (no spread seen) | +33.3 [" in readme
    assert "| `seeds` | training seeds, it among them | 100.0% [" in readme
    assert (
        "`seeds` has 2 training seeds, this adapter among them. Over all 12 tasks of the work in the report they pass"
        in readme
    )
    assert "On tickets each by itself: 100.0%, 100.0%." in readme
    assert "- Only 4 tasks differ between `tuned` and `base`: the test cannot reach 5% on so few" in readme


def test_no_cell_of_the_card_is_blank(exported: Path) -> None:
    rows = [line for line in (exported / "README.md").read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    assert all(all(line) for line in cells), cells
    others = [line for line in cells if len(line) > 2 and line[1] != "this adapter"]
    assert others
    assert all("[" in line[-1] for line in others), "each is compared"


def test_the_same_call_writes_the_same_bytes(exported: Path, report: Path) -> None:
    again = report.parent / "again" / "out"
    assert main(["adapter", "export", str(ADAPTER), "--report", str(report), "--out", str(again)]) == 0
    for path in exported.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_options_reach_the_command_line(tmp_path: Path, capsys: Any) -> None:
    more = ["--dtype", "float32", "--max-model-len", "512", "--gpus", "2", "--image", "registry.example:5000/vllm:v9"]
    assert main(["adapter", "export", str(ADAPTER), "--out", str(tmp_path / "o"), *more]) == 0
    assert "the card has no figures: --report REPORT takes them from a report" in capsys.readouterr().out
    service = yaml.safe_load((tmp_path / "o" / "compose.yaml").read_text())["services"]["vllm"]
    told = " ".join(service["command"])
    assert "--dtype float32 --max-model-len 512" in told
    assert "--tensor-parallel-size 2" in told
    assert service["image"] == "registry.example:5000/vllm:v9"
    assert "Not measured" in (tmp_path / "o" / "README.md").read_text()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ADAPTER, tmp_path / "mine")
    return tmp_path / "mine"


def refused(capsys: Any, *arguments: Any) -> str:
    out = next((Path(a) for before, a in pairwise(arguments) if before == "--out"), None)
    was = out is not None and out.exists()
    assert main(["adapter", "export", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert out is None or out.exists() == was
    assert out is None or not [*out.parent.glob(".*.part")]
    return str(said.err)


def test_a_wrong_base_or_a_changed_adapter_is_refused(copied: Path, tmp_path: Path, report: Path, capsys: Any) -> None:
    out = ("--out", tmp_path / "o")
    assert "base_digest: the adapter was trained on sha256:" in refused(
        capsys, ADAPTER, "--base", ROOT / "adapters" / "base" / "generalist", *out
    )
    config = json.loads((copied / "adapter_config.json").read_text())
    (copied / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 99}))
    said = refused(capsys, copied, "--base", WORKER, "--report", report, *out)
    assert "no contender answers with the adapter mine as it is now (" in said
    card = yaml.safe_load((copied / "card.yaml").read_text()) | {"digest": load_adapter(ADAPTER).digest}
    (copied / "card.yaml").write_text(yaml.safe_dump(card))
    said = refused(capsys, copied, "--base", WORKER, *out)
    assert "card.yaml: digest: found " in said
    assert "they were changed since the card was written" in said
    weights = copied / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "cut short" in refused(capsys, copied, "--base", WORKER, *out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base", "nowhere"), "nowhere: there is no such model folder"),
        (("--report", "nowhere"), "nowhere"),
        (("--image", "vllm/vllm-openai:latest"), "which names no version"),
        (("--image", "vllm/vllm-openai"), "which names no version"),
        (("--max-model-len", "4096"), "--max-model-len is 4,096; give a number from 1 to 1,024"),
        (("--max-model-len", "0"), "--max-model-len is 0"),
        (("--gpus", "0"), "--gpus is 0; give a number from 1 to 64"),
    ],
)
def test_wrong_options_are_one_line(arguments: Any, said: str, tmp_path: Path, capsys: Any) -> None:
    assert said in refused(capsys, ADAPTER, *arguments, "--out", tmp_path / "o")


def test_what_stands_there_is_kept(copied: Path, tmp_path: Path, capsys: Any) -> None:
    assert "exists already; give another --out" in refused(capsys, ADAPTER, "--out", copied)
    (tmp_path / "file").write_text("")
    assert "file/o: cannot be written: File exists" in refused(capsys, ADAPTER, "--out", tmp_path / "file" / "o")
    named = tmp_path / "my adapter"
    shutil.copytree(ADAPTER, named)
    assert "'my adapter' is none for a server; rename it" in refused(capsys, named, "--base", WORKER)
    config = json.loads((copied / "adapter_config.json").read_text())
    (copied / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    assert "mine" in refused(capsys, copied, "--base", WORKER, "--out", tmp_path / "o")
    card = yaml.safe_load((copied / "card.yaml").read_text()) | {"base_model": "gone"}
    card.pop("digest", None)  # the configuration is another now
    (copied / "card.yaml").write_text(yaml.safe_dump(card))
    assert "base_model: there is no gone; give its folder with --base" in refused(capsys, copied)


def test_no_place_of_this_machine_is_passed_on(copied: Path, tmp_path: Path, capsys: Any) -> None:
    config = json.loads((copied / "adapter_config.json").read_text())
    (copied / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/home/me/worker"}))
    card = yaml.safe_load((copied / "card.yaml").read_text())
    card.pop("digest", None)  # the configuration is another now
    card |= {"training_data": "/home/me/data.jsonl", "recipe": "sft, going on from ~/old/first, a/b 1/2", "note": "x"}
    (copied / "card.yaml").write_text(yaml.safe_dump(card))
    out = tmp_path / "o"
    assert main(["adapter", "export", str(copied), "--base", str(WORKER), "--out", str(out)]) == 0
    for path in out.iterdir():
        if path.suffix != ".safetensors":
            assert not re.search(r"/home|~/", path.read_text()), path.name
    assert "sft, going on from first, a/b 1/2" in (out / "README.md").read_text()
    assert yaml.safe_load((out / "card.yaml").read_text())["digest"] == load_adapter(out).digest


def test_merged_weights_answer_as_base_and_adapter(tmp_path: Path, capsys: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.model import load_weights, put_on

    out = tmp_path / "o"
    assert main(["adapter", "export", str(ADAPTER), "--merged", "--out", str(out)]) == 0
    names = {path.name for path in (out / "merged").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert str(ROOT) not in (out / "merged" / "config.json").read_text()
    tokenizer = AutoTokenizer.from_pretrained(out / "merged")
    merged = AutoModelForCausalLM.from_pretrained(out / "merged").eval()
    tuned = put_on(load_weights(WORKER, "float32"), ADAPTER, WORKER, "default").eval()
    lines = (ROOT / "suites" / "claim-check" / "tasks.jsonl").read_text().splitlines()[:16]
    with torch.no_grad():
        for task in map(json.loads, lines):
            asked = [{"role": "user", "content": str(task["input"])}]
            ids = tokenizer.apply_chat_template(
                asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            assert torch.allclose(merged(**ids).logits, tuned(**ids).logits, atol=1e-4)
            answers = [model.generate(**ids, max_new_tokens=12, do_sample=False) for model in (merged, tuned)]
            assert torch.equal(*answers)
    assert "merged/` holds base and adapter as one model" in (out / "README.md").read_text()


def test_merged_weights_without_room_are_refused(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10, used=9, free=1))
    assert "and 0 MB are free; make room" in refused(capsys, ADAPTER, "--merged", "--out", tmp_path / "o")
