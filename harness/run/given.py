"""Grades an answer that was given elsewhere, as an attempt is graded whose one call came back with it."""

from harness.core import Answer, Grade, ModelError, Task
from harness.grade import Grader, grade
from harness.model import read_reply
from harness.run.outcome import faulted
from harness.system import fault_in


def grade_given(task: Task, text: str, finish: str, judge: Grader) -> Grade:
    """The grade of ``text`` as the answer to ``task``; ``finish`` is the provider's word for how it ended."""
    message = {"role": "assistant", "content": text}
    try:
        reply = read_reply({"choices": [{"message": message, "finish_reason": finish}]}, latency_s=0.0)
    except ModelError as error:
        return faulted(error.fault, str(error))
    answer = Answer(text=reply.text, messages=(), finish_reason=reply.finish_reason, fault=fault_in(reply))
    return grade(task, answer, judge)
