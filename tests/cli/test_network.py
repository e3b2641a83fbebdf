"""Which connections the commands make, as the kernel or Python saw them: to this machine, and to nobody else."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import live
import pytest
import servers

ROOT = Path(__file__).resolve().parents[2]
SPY = """
import os, socket, sys
def spy(event, args):
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"} and args[0].family != socket.AF_UNIX and args[1]:
        where = args[1][0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        where = args[0]
    else:
        return
    with open(os.environ["SPY_LOG"], "a") as log:
        log.write(f"{where}\\n")
sys.addaudithook(spy)
"""
HERE = {"127.0.0.1", "::1", "localhost", "None", "", "0.0.0.0"}  # noqa: S104 - the last is listened on


STRACE = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]


def _strace_works() -> bool:
    return bool(shutil.which("strace")) and subprocess.run([*STRACE, os.devnull, "true"], check=False).returncode == 0


class Watched:
    """Runs commands, and keeps the hosts that they or their children connected to or looked up.

    The kernel sees the code that is not Python's, too; where strace may not look, Python's own audit events have to do.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(SPY)
        self.folder, self.spied, self.traced = folder, folder / "spied", folder / "traced"

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://192.0.2.7:3128")
        own = {"PYTHONPATH": str(self.folder), "SPY_LOG": str(self.spied), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        traced = [*STRACE, str(self.traced)] if _strace_works() else []
        return subprocess.Popen(
            [*traced, sys.executable, *command],
            env={**live.environment(), **proxies, **own, **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        process = self.start("-m", "harness", *map(str, arguments), **environment)
        out, _ = process.communicate(timeout=280)
        assert process.returncode == code, out
        return out

    @property
    def hosts(self) -> set[str]:
        found = set(self.spied.read_text().split("\n")) if self.spied.exists() else set()
        text = self.traced.read_text() if self.traced.exists() else ""
        return found | set(re.findall(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', text))

    def check(self) -> None:
        assert self.hosts <= HERE, self.hosts - HERE


@pytest.fixture
def watched(tmp_path):
    folder = tmp_path / "spy"
    folder.mkdir()
    return Watched(folder)


def test_the_spy_sees_what_leaves(watched):
    done = watched.start("-c", "import socket; socket.socket(type=2).connect(('192.0.2.9', 9))")
    done.communicate(timeout=60)
    assert "192.0.2.9" in watched.hosts


BACKENDS = [
    {"backend": "openai", "model": "m"},
    pytest.param(
        {"backend": "litellm", "model": "anthropic/claude-opus-4-7"},
        marks=[
            pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="needs litellm"),
            pytest.mark.slow,  # its import under strace
        ],
    ),
]


@pytest.mark.parametrize("backend", BACKENDS, ids=["openai", "litellm"])
def test_an_offline_run_connects_to_this_machine_only(tmp_path, watched, backend):
    """Whatever the server redirects to, and whatever proxies the environment names."""

    async def leads_away(served, request, body):
        target = "http://192.0.2.5/v1/chat/completions"
        return servers.web.Response(status=307, headers={"Location": target})

    good = live.openai_answer if backend["backend"] == "openai" else live.anthropic_answer
    with live.Server(good, live.by_question({"question 1": [leads_away]})) as served:
        model = {**backend, "base_url": served.url, "api_key_env": "A_KEY", "price": live.PRICE}
        report = live.write_experiment(tmp_path / "r", models={"m": model})
        out = watched.run("run", report, "--offline", A_KEY=live.KEY)
        assert len(served.seen) == 4
    assert "request, for one: HTTP 307" in out
    assert "192.0.2.5" in out
    if backend["backend"] == "openai":
        watched.run("report", report)
    watched.check()


@pytest.mark.parametrize("path", ["no-such-owner/no-such-data", "no_such_data"])
def test_an_offline_run_asks_no_hub_for_a_data_set(tmp_path, watched, path):
    pytest.importorskip("datasets", reason="needs datasets")
    report = live.write_experiment(
        tmp_path / "r", models={"m": {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9"}}
    )
    suite = tmp_path / "suites" / "s" / "suite.yaml"
    suite.write_text(suite.read_text().replace("tasks: tasks.jsonl", f"huggingface: {{path: {path}, split: train}}"))
    out = watched.run("run", report, "--offline", code=2, HF_HOME=str(tmp_path / "hub"))
    assert "huggingface: cannot load" in out
    assert out.count("\n") == 1
    watched.check()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _page(port: int) -> bytes:
    """One visit: the page, and what the script of Streamlit sends when a browser asks for it."""
    import asyncio

    import aiohttp

    backmsg = pytest.importorskip("streamlit.proto.BackMsg_pb2")

    async def visit() -> bytes:
        ask = backmsg.BackMsg()
        ask.rerun_script.query_string = ""
        got = b""
        async with aiohttp.ClientSession() as session:
            here = f"http://127.0.0.1:{port}"
            async with session.ws_connect(
                f"{here}/_stcore/stream", headers={"Origin": here}, protocols=["streamlit"]
            ) as ws:
                await ws.send_bytes(ask.SerializeToString())
                while b"seen" not in got and len(got) < 500_000:  # the report's name
                    message = await ws.receive(timeout=60)
                    assert message.type is aiohttp.WSMsgType.BINARY
                    got += message.data
            for headers in (
                {"Origin": "http://evil.example"},
                {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"},
            ):
                with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                    await session.ws_connect(f"{here}/_stcore/stream", headers=headers)
                assert caught.value.status == 403
                async with session.get(f"{here}/_stcore/health", headers=headers) as response:
                    assert response.status == 403
        return got

    return asyncio.run(visit())


@pytest.mark.parametrize(
    "how", ["ownbench app", "ownbench app to all", pytest.param("streamlit run", marks=pytest.mark.slow)]
)
def test_the_dashboard_answers_by_its_own_name_and_asks_nobody(tmp_path, watched, how):
    pytest.importorskip("streamlit", reason="needs streamlit")
    (tmp_path / "o.csv").write_text("contender,task,passed\na,t1,true\na,t2,false\nb,t1,true\nb,t2,true\n")
    report, port = tmp_path / "reports" / "seen", str(_free_port())
    watched.run("import", "table", tmp_path / "o.csv", report)
    command = {
        "ownbench app": ["-m", "harness", "app", str(report), "--port", port],
        "ownbench app to all": ["-m", "harness", "app", str(report), "--port", port, "--address", "0.0.0.0"],  # noqa: S104
        "streamlit run": ["-m", "streamlit", "run", "app.py", "--server.port", port, "--", str(report)],
    }[how]
    process = watched.start(*command, HOME=str(tmp_path))
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.1)
        assert b"seen" in _page(int(port))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert ("no password" in out) is (how == "ownbench app to all")
    watched.check()


@pytest.mark.slow
def test_the_steps_of_the_demo_connect_to_nobody(tmp_path, watched):
    pytest.importorskip("torch", reason="needs torch")
    report = tmp_path / "demo"
    report.mkdir()
    written = (ROOT / "reports" / "demo" / "experiment.yaml").read_text()
    fewer = re.sub(r"^  - (suites/\S+)$", r"  - {path: \1, tasks: 8}", written, flags=re.MULTILINE)
    (report / "experiment.yaml").write_text(fewer)
    watched.run("run", report)
    for verb in (["compare", report, "tuned", "skilled"], ["report", report], ["advise", report]):
        watched.run(*verb)
    watched.check()
