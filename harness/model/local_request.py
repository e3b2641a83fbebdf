"""What a model in this process makes of a request, and of what it wrote; for every backend that holds the weights."""

from dataclasses import dataclass

from harness.core import Cause, ModelError, Reply, Request, ToolCall, Usage
from harness.model.local_choose import Row, sampling_of
from harness.model.local_folder import Prompts
from harness.model.tool_calls import numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A request as the chat template renders it."""

    request: Request
    reader: Prompts
    text: str


def read_request(request: Request, reader: Prompts, room: int | None, most: int) -> tuple[Row, Rendered]:
    """The row to be written, and the prompt that it continues.

    ``room`` holds prompt and answer together; ``most`` is the longest answer where the request names none. Raises
    ModelError: ``context``, where the prompt leaves no room; ``request``, for what a local model cannot.
    """
    sampling, text = sampling_of(request.sampling), reader.render(request.messages, request.tools)
    prompt, limit = reader.tokens(text), sampling["max_tokens"] or most
    if room is not None:
        if len(prompt) >= room:
            problem = f"the prompt has {len(prompt)} tokens, the model reads {room} at most"
            raise ModelError(Cause.CONTEXT, problem)
        limit = min(limit, room - len(prompt))
    row = Row(
        prompt=prompt,
        limit=1 if request.letters else limit,
        sampling=sampling,
        identity=request.digest,
        letters=reader.letters(request.letters),
    )
    return row, Rendered(request=request, reader=reader, text=text)


def reply_of(row: Row, asked: Rendered, usage: Usage, latency_s: float, version: str, *, keep: bool) -> Reply:
    """The reply that a written row is; ``keep``: what was thought is part of its text.

    With the next turn what was thought goes back: in the text as it was written, or beside the calls.
    """
    tools, thought, text = asked.request.tools, "", row.text
    calls: tuple[ToolCall, ...] = ()
    if tools or not keep:
        thought, said, found = asked.reader.read(row.raw, asked.text, tools, keep=keep)
        if thought or found:
            text, calls = said, numbered(found, row.identity)
    kept = {"reasoning_content": thought} if calls else {"content": row.text}
    sure = row.logprobs
    return Reply(
        text=text,
        tool_calls=calls,
        finish_reason="tool_calls" if calls and row.finish_reason == "stop" else row.finish_reason,
        reasoning=thought,
        kept=kept if thought else {},
        signals={"logprob_mean": sum(sure) / len(sure), "logprob_min": min(sure), "margin": min(row.margins)}
        | {f"p:{letter}": share for letter, share in row.sure_of.items()},
        usage=usage,
        latency_s=latency_s,
        ttft_s=row.first_token_s,
        model_version=version,
    )
