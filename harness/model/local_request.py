"""What a model in this process makes of a request, and of what it wrote; for every backend that holds the weights."""

from harness.core import Cause, ModelError, Reply, Request, Usage
from harness.model.local_choose import Row, sampling_of
from harness.model.local_folder import Prompts
from harness.model.reasoning import opened_by, separated


def read_request(request: Request, reader: Prompts, room: int | None, most: int) -> tuple[Row, bool]:
    """The row to be written, and whether its prompt opens a block of reasoning.

    ``room`` holds prompt and answer together; ``most`` is the longest answer where the request names none. Raises
    ModelError: ``context``, where the prompt leaves no room; ``request``, for what a local model cannot.
    """
    if request.tools:
        raise ModelError(Cause.REQUEST, "a local model has no tool calling; deliver the tools by text")
    sampling, text = sampling_of(request.sampling), reader.render(request.messages)
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
    return row, opened_by(text)


def reply_of(row: Row, usage: Usage, latency_s: float, version: str, *, apart: bool, opened: bool) -> Reply:
    """The reply that a written row is; ``apart`` says whether what was thought is kept apart from its text."""
    thought, text = separated(row.text, opened=opened) if apart else ("", row.text)
    sure = row.logprobs
    return Reply(
        text=text,
        finish_reason=row.finish_reason,
        reasoning=thought if text != row.text else "",
        kept={"content": row.text} if text != row.text else {},  # with the next turn it goes back as it was written
        signals={"logprob_mean": sum(sure) / len(sure), "logprob_min": min(sure), "margin": min(row.margins)}
        | {f"p:{letter}": share for letter, share in row.sure_of.items()},
        usage=usage,
        latency_s=latency_s,
        ttft_s=row.first_token_s,
        model_version=version,
    )
