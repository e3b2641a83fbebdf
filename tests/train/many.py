"""Trains many recipes in processes forked from one that has imported TRL once: the import costs ten CPU seconds.

``python many.py JOBS.json``: a list of ``{"recipe": …, "out": …, "kill": STEP or null}``; results as JSON lines, in
order: the exit code, and what was said. A job with ``kill`` ends by SIGKILL after that step, as kill -9 does.
"""

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    jobs = json.loads(Path(sys.argv[1]).read_text())
    from harness.train.tuning import _settings

    _settings()
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401
    from trl import DPOTrainer, GRPOTrainer, SFTTrainer  # noqa: F401
    from trl.experimental.gkd import GKDTrainer  # noqa: F401

    torch.set_num_threads(1)
    for job in jobs:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            code, said = one(job)
            os.write(write, json.dumps({"said": said}).encode())
            os._exit(code)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = json.loads(pipe.read() or "{}")
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(json.dumps({**told, "code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def one(job: dict) -> tuple[int, object]:
    from harness.core import OwnbenchError
    from harness.model import fit_of, prompts_of
    from harness.train import prepare, train

    seen = []

    def tell(progress) -> None:
        if progress.step:
            seen.append(progress.step)
        if progress.step and progress.step == job.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        course = prepare(Path(job["recipe"]), Path(job["out"]))
        said = rows(course) if job.get("rows") else {**train(course, tell), "first_step": next(iter(seen), None)}
    except OwnbenchError as error:
        return error.exit_code, str(error)
    if course.recipe.method == "full":
        prompts_of(course.out)  # raises where a file is missing
    elif not job.get("rows"):
        fit = fit_of(course.out, course.base)
        said["fits"] = not fit.alone and not fit.notes
    return 0, said


def rows(course) -> dict[str, int]:
    """How many rows there are, and how many of them come out of the trainer's own loader as they went in.

    Of the last batch: how many tokens are in the loss, and how many the head has scored.
    """
    from harness.train.progress import Spent
    from harness.train.tuning import _built, _workplace

    with _workplace(course) as work:
        spent = Spent(file=work / "spent.json", gpus=0, hour_usd=None)
        trainer, _ = _built(course, work, spent, lambda _: None)
        wanted = {(tuple(row["input_ids"]), tuple(row["labels"])) for row in course.taught.rows}
        found = 0
        for batch in trainer.get_train_dataloader():
            for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
                n = int(mask.sum())
                found += (tuple(ids[:n].tolist()), tuple(labels[:n].tolist())) in wanted
        answers = int((batch["labels"] != -100).sum())
        scored = scored_by(trainer, batch)
    return {"rows": len(course.taught.rows), "equal": found, "answers": answers, "scored": scored}


def scored_by(trainer, batch) -> int:
    """For how many tokens the head is asked in a step."""
    from trl.trainer import utils

    seen = []

    class Counting(utils._ChunkedLogProbFunction):
        @staticmethod
        def apply(hidden, *more):
            seen.append(len(hidden))
            return kept.apply(hidden, *more)

    kept, utils._ChunkedLogProbFunction = utils._ChunkedLogProbFunction, Counting
    trainer.compute_loss(trainer.model, trainer._prepare_inputs(batch))
    return sum(seen)


if __name__ == "__main__":
    main()
