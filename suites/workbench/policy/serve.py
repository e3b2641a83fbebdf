"""A server that speaks the OpenAI chat protocol and plays a model by a script: to see the loop of tools without a model.

    python3 suites/workbench/policy/serve.py [--port 8421] [--seconds 0.2]

It lists the files, opens the skill for the task where one is offered, runs its script, and does what moves.yaml says; without
the skill it does what moves.yaml has for that, which is plausible and mostly falls into the task's trap. It is no model: what
it reaches says how the loop, the skills and the record work, and nothing of how well any model would do.
"""

import argparse
import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TASKS = HERE.parent / "tasks"
PORT = 8421
LOOK = "ls -R . | head -40"


class Policy:
    """What is said next, from what was said so far and nothing else: asked the same again, it says the same."""

    def __init__(self, moves: Mapping[str, Any]) -> None:
        self._moves = moves
        self._tasks = {(TASKS / name / "instruction.md").read_text(encoding="utf-8").strip(): name for name in moves}

    def reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The next message of a conversation."""
        messages = body["messages"]
        task = self.task_of(messages)
        if task is None:
            return _said("I do not know this task.")
        tools = {tool["function"]["name"] for tool in body.get("tools") or ()}
        plan = list(self.plan(task, tools, str(messages[0]["content"])))
        turn = sum(message["role"] == "assistant" for message in messages)
        if not tools or turn >= len(plan):
            return _said("Done: what was asked for stands in the work folder.")
        name, arguments = plan[turn]
        function = {"name": name, "arguments": json.dumps(arguments)}
        calls = [{"id": f"call_{turn}", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}

    def task_of(self, messages: list[Mapping[str, Any]]) -> str | None:
        """The task that the first question is, by its text."""
        asked = next((str(message["content"]) for message in messages if message["role"] == "user"), "")
        return self._tasks.get(asked.strip())

    def plan(self, task: str, tools: set[str], system: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The calls of tools, in order."""
        yield "bash", {"command": LOOK}
        moves = self._moves[task]
        offered = moves["skill"] in system
        if offered and "open_skill" in tools:
            yield "open_skill", {"name": moves["skill"]}
        for move in moves["with" if offered else "without"]:
            if isinstance(move, dict):
                ((name, arguments),) = move.items()
                yield name, dict(arguments)
            elif move == "solution":
                text = (TASKS / task / "solution" / "solve.sh").read_text(encoding="utf-8")
                yield "bash", {"command": text}
            else:
                yield "bash", {"command": move}


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


class Server:
    """The policy on a port of 127.0.0.1, in a thread of its own; port 0: a free one."""

    def __init__(self, policy: Policy, *, port: int = 0, seconds: float = 0.0) -> None:
        self.requests: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.requests.append(body)
                time.sleep(seconds)
                sent = json.dumps(completion(body, policy.reply(body))).encode()
                try:
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(sent)))
                    self.end_headers()
                    self.wfile.write(sent)
                except OSError:
                    return  # whoever asked is gone

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve(self) -> None:
        """Until it is interrupted."""
        try:
            self._http.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            self._http.server_close()


def completion(body: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion; its tokens are counted as a quarter of the signs."""
    asked, said = len(json.dumps(body["messages"])) // 4, len(json.dumps(message)) // 4
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", "scripted"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def load_moves() -> dict[str, Any]:
    """What is done at each task: its skill, and the moves with and without it."""
    return yaml.safe_load((HERE / "moves.yaml").read_text(encoding="utf-8"))


def main() -> None:
    """Serves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--seconds", type=float, default=0.0, help="that each answer takes")
    args = parser.parse_args()
    try:
        server = Server(Policy(load_moves()), port=args.port, seconds=args.seconds)
    except (OSError, OverflowError) as error:
        said = error.strerror if isinstance(error, OSError) else "no such port"
        parser.exit(2, f"port {args.port}: {said}; name another one with --port\n")
    print(f"a scripted policy answers at {server.url}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
