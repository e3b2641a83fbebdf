"""A folder like a checkout with a finished demo, in which the pages' blocks run; its models answer from a script."""

import contextlib
import io
import json
import shlex
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from pages import DOCS, ROOT, Block, blocks

from harness.cli import main
from harness.suite import load_suite

SERVES = {"app"}
"""Verbs that do not come back by themselves: their lines are parsed elsewhere, and not run."""

DRAWN: set[str] = set()
"""Pages that had a report drawn in this process. It takes seconds, so one page does; others show what it would read."""

SHARE = {"worker": 0.15, "generalist": 0.2, "order-extraction-damaged": 0.1, "order-extraction-worn": 0.75}
"""How often a model is right; others, which are adapters, and models with a skill are right oftener."""


class _Listener(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    request_queue_size = 256  # the default of five makes a burst of connections wait for seconds


class Server:
    """An OpenAI-compatible server on the loopback; right as often as ``SHARE`` says, and surer where it is right."""

    def __init__(self, truths: dict[str, str]) -> None:
        self.truths = truths

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # head and body leave as one

            def do_POST(handler) -> None:  # noqa: N805 - self is the server
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                data = json.dumps(self.answer(body)).encode()
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)
                handler.wfile.flush()

            def log_message(handler, *_: Any) -> None:  # noqa: N805
                pass

        self.http = _Listener(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        question = body["messages"][-1]["content"]
        model, shown = body["model"], "skill_content" in json.dumps(body["messages"])
        lot = zlib.crc32(f"{model} {shown} {question}".encode()) / 2**32
        right = lot < (0.85 if shown else SHARE.get(model, 0.8))
        sure = -0.02 - 0.3 * lot if right else -0.2 - lot
        text = self.truths.get(question, "nothing") if right else "nothing of the kind"
        tops = [{"token": "a", "logprob": sure}, {"token": "b", "logprob": -3.0}]
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": "a", "logprob": sure, "top_logprobs": tops}]}
        usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    truths = {}
    for folder in sorted((ROOT / "suites").iterdir()):
        suite = load_suite(folder)
        for task in suite.tasks:
            truth = task.metadata.get("full_answer", task.reference)
            truths[suite.prompt.of(task)[-1]["content"]] = truth if isinstance(truth, str) else json.dumps(truth)
    server = Server(truths)
    server.thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


def serve(experiment: Path, server: Server) -> None:
    """Lets a scripted server answer for every model of an experiment; a name that it has stays its name."""
    value = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    for name, model in value["models"].items():
        if model.get("base_url") == server.url:
            continue
        price = model.get("price") or {"input_usd_per_million": 0.01, "output_usd_per_million": 0.02}
        named = Path(model.get("path") or model.get("model") or name).name
        value["models"][name] = {"backend": "openai", "model": named, "base_url": server.url, "price": price}
    experiment.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")


def prepare(folder: Path, server: Server) -> None:
    """A workshop with a demo of two suites, a demo of the gate, and what pages take for granted."""
    for name in ("suites", "skills", "adapters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("recipe"))
    shutil.copy(ROOT / "action.yml", folder)
    for page in ("suites.md", "skills.md", "import-results.md", "gate-in-ci.md"):
        for block in blocks(DOCS / page):
            write(block, folder)
    _demo(folder / "reports" / "demo", server)
    gate = folder / "reports" / "gate-demo"
    gate.mkdir()
    shutil.copy(ROOT / "reports" / "gate-demo" / "experiment.yaml", gate)
    serve(gate / "experiment.yaml", server)
    arms = folder / "reports" / "arms-demo" / "experiment.yaml"
    arms.parent.mkdir()
    arms.write_text((ROOT / "reports" / "arms-demo" / "experiment.yaml").read_text().replace("tasks: 20", "tasks: 2"))
    serve(arms, server)
    bench = folder / "reports" / "workbench"
    bench.mkdir()
    shutil.copy(ROOT / "reports" / "workbench" / "experiment.yaml", bench)
    with contextlib.chdir(folder):
        for report in ("demo", "gate-demo"):
            assert run(f"ownbench run reports/{report} --quiet")[0] == 0
    for name in ("main", "candidate"):
        shutil.copytree(gate, folder / "reports" / name)


def _demo(report: Path, server: Server, suites: tuple[str, ...] = ("ticket-routing", "claim-check")) -> None:
    value = yaml.safe_load((ROOT / "reports" / "demo" / "experiment.yaml").read_text(encoding="utf-8"))
    value["suites"] = [{"path": f"suites/{name}", "tasks": 24} for name in suites]
    for contender in value["contenders"].values():
        for key in ("adapter", "skills"):
            if isinstance(contender.get(key), dict):
                contender[key] = {name: contender[key][name] for name in suites}
    report.mkdir(parents=True)
    (report / "experiment.yaml").write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    serve(report / "experiment.yaml", server)


def write(block: Block, folder: Path) -> bool:
    """Writes a block that is a file; whether it is one."""
    name = block.word("file")
    if name is None or block.language == "diff" or name.startswith("harness/"):
        return False
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    return True


def run(line: str) -> tuple[int, str, str]:
    """One command line of the program: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(shlex.split(line, comments=True)[1:])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def walk(page: Path, folder: Path, before: Callable[[Path], None], *, exact: bool = False) -> None:
    """Runs a page's blocks in their order, in ``folder``.

    Args:
        page: the page.
        folder: a workshop.
        before: called with each experiment before a command, as to change its models.
        exact: whether a gate has to end with the code that the page names.
    """
    said = ""
    with contextlib.chdir(folder):
        for block in blocks(page):
            write(block, folder)
            if block.language == "bash":
                for written in block.text.strip().splitlines():
                    verb, line = shlex.split(written)[1], written
                    if written.startswith("make ") or verb in SERVES:
                        continue
                    if verb == "report" and "--one-page" not in line and DRAWN - {page.name} and not exact:
                        line = line.replace("report", "show", 1)
                    elif verb == "report":
                        DRAWN.add(page.name)
                    for experiment in folder.glob("reports/*/experiment.yaml"):
                        before(experiment)
                    code, said, complaint = run(line)
                    wanted = {int(block.word("exit") or 0)}
                    wanted |= {0, 1, 3, 4} if verb == "gate" and not exact else set()
                    assert code in wanted, f"{block.where}: {line}: {code}: {complaint or said}"
                    assert not complaint or verb in {"run", "regrade"}, f"{block.where}: {line}: {complaint}"
            elif "output" in block.words:
                assert block.text.strip() == said.strip(), block.where
            elif block.language == "python" and block.word("file") is None:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(block.text, block.where, "exec"), {"__name__": "page"})  # noqa: S102 - our own page
