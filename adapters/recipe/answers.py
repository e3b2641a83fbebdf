"""Greedy answers of every contender, and whether they pass: what the tables are made from."""

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from bodies import BODIES, DISTRACTORS
from domains import DOMAINS, GENERAL
from peft import PeftModel
from publish import catalogue_entries
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from harness.skill import OPEN_BY_TEXT, catalogue, opened_name, skill_content

Messages = list[dict[str, str]]
Row = dict[str, Any]
NARROW = list(DOMAINS)
BATCH, LIMIT = 30, 40
BARE, TUNED, SKILLED = "worker", "worker, tuned", "generalist + skill, flat"
PROGRESSIVE, PLACEBO = "generalist + skill, progressive", "generalist + wrong skill"
REPEATED = "generalist + skill, progressive, task repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One contender on one suite."""

    contender: str
    model: str
    suite: str
    adapter: str | None = None
    skill: str | None = None
    progressive: bool = False
    repeated: bool = False
    """Whether the task is said once more after the skill that was opened."""


def jobs() -> list[Job]:
    """Everything that is scored."""
    found = []
    for number, name in enumerate(NARROW):
        other = NARROW[(number + 1) % len(NARROW)]
        found += [
            Job(contender=BARE, model="worker", suite=name),
            Job(contender=TUNED, model="worker", suite=name, adapter=name),
            Job(contender="worker + skill", model="worker", suite=name, skill=name),
            Job(contender="generalist", model="generalist", suite=name),
            Job(contender=SKILLED, model="generalist", suite=name, skill=name),
            Job(contender=PLACEBO, model="generalist", suite=name, skill=other),
            Job(contender=PROGRESSIVE, model="generalist", suite=name, progressive=True),
            Job(contender=REPEATED, model="generalist", suite=name, progressive=True, repeated=True),
            Job(contender=f"worker, tuned for {name}", model="worker", suite=GENERAL, adapter=name),
        ]
    found += [Job(contender=name, model=name, suite=GENERAL) for name in ("worker", "generalist")]
    damaged = [f"order-extraction-{kind}" for kind in ("damaged", "worn")]
    return found + [Job(contender=f"worker, {a}", model="worker", suite="order-extraction", adapter=a) for a in damaged]


def load(root: Path, model: str, adapter: str | None = None) -> torch.nn.Module:
    """A base model in float32 on the CPU, with an adapter if one is named (a name or a folder)."""
    base = LlamaForCausalLM.from_pretrained(root / "adapters" / "base" / model, dtype=torch.float32)
    return (PeftModel.from_pretrained(base, root / "adapters" / adapter) if adapter else base).eval()


def read_tasks(root: Path, suite: str, split: str) -> list[Row]:
    """A suite's tasks of one split."""
    lines = (root / "suites" / suite / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [task for task in map(json.loads, lines) if task["split"] == split]


def generate(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, conversations: list[Messages]) -> list[Row]:
    """Greedy answers: text, tokens of prompt and answer, mean log-probability of its tokens, seconds."""
    found: list[Row] = []
    for start in range(0, len(conversations), BATCH):
        began = time.perf_counter()
        texts = [
            tokenizer.apply_chat_template(c, add_generation_prompt=True, tokenize=False)
            for c in conversations[start : start + BATCH]
        ]
        prompts = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
        width = max(map(len, prompts))
        inputs = torch.tensor([[tokenizer.pad_token_id] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        with torch.no_grad():
            out = model.generate(
                input_ids=inputs,
                attention_mask=mask,
                max_new_tokens=LIMIT,
                do_sample=False,
                output_scores=True,
                return_dict_in_generate=True,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        made = out.sequences[:, width:]
        scores = torch.stack([s.float().log_softmax(-1) for s in out.scores], 1).gather(2, made[..., None])[..., 0]
        seconds = (time.perf_counter() - began) / len(prompts)
        for number, prompt in enumerate(prompts):
            ids = made[number].tolist()
            n = ids.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in ids else len(ids)
            text = tokenizer.decode(ids[:n], skip_special_tokens=True)
            found.append({"text": text, "tokens": len(prompt) + n, "logprob": scores[number, :n].mean().item()})
            found[-1]["seconds"] = seconds
    return found


def passes(suite: str, text: str, reference: Any) -> bool:
    """The suites' graders in small: the last word for verdicts, JSON for orders, else the text itself."""
    if suite == "claim-check":
        return (text.split() or [""])[-1].strip(".") == reference
    if suite == "order-extraction":
        try:
            return bool(json.loads(text) == reference)
        except ValueError:
            return False
    return text.strip() == reference


def _progressive(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, users: list[Messages], *, repeated: bool
) -> list[Row]:
    """Opens a skill, then answers; an answer that opens nothing that exists stands as it is."""
    system = {"role": "system", "content": f"{catalogue(catalogue_entries())}\n\n{OPEN_BY_TEXT}"}
    conversations = [[system, *user] for user in users]
    first = generate(model, tokenizer, conversations)
    bodies = BODIES | {name: body for name, (_, body) in DISTRACTORS.items()}
    opened = [(opened_name(f["text"]) or ("", None))[0] for f in first]
    going_on = [i for i, name in enumerate(opened) if name in bodies]
    second = generate(
        model,
        tokenizer,
        [
            [
                *conversations[i],
                {"role": "assistant", "content": first[i]["text"]},
                {"role": "tool", "content": skill_content(opened[i], bodies[opened[i]])},
                *(users[i] if repeated else []),
            ]
            for i in going_on
        ],
    )
    found = [row | {"opened": None} for row in first]
    for i, row in zip(going_on, second, strict=True):
        both = {key: row[key] + first[i][key] for key in ("tokens", "seconds")}
        found[i] = row | both | {"opened": opened[i]}
    return found


def answer(root: Path, job: Job, split: str, tokenizer: PreTrainedTokenizerFast) -> Iterator[Row]:
    """One row a task."""
    model, tasks = load(root, job.model, job.adapter), read_tasks(root, job.suite, split)
    users = [[{"role": "user", "content": task["input"]}] for task in tasks]
    if job.progressive:
        results = _progressive(model, tokenizer, users, repeated=job.repeated)
    else:
        system = [{"role": "system", "content": skill_content(job.skill, BODIES[job.skill])}] if job.skill else []
        results = generate(model, tokenizer, [[*system, *user] for user in users])
    for task, result in zip(tasks, results, strict=True):
        yield result | {
            "contender": job.contender,
            "suite": job.suite,
            "split": split,
            "task": task["id"],
            "cluster": task["cluster"],
            "new": task["metadata"]["new"],
            "passed": passes(job.suite, result["text"], task["reference"]),
            "confidence": math.exp(result["logprob"]),
        }


def score(root: Path, split: str, out: Path, part: int, parts: int) -> None:
    """Scores one part of the jobs on a split and writes the rows as JSON lines; prints a line a job."""
    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(root / "adapters" / "base" / "worker")
    with out.open("w", encoding="utf-8") as file:
        for job in jobs()[part::parts]:
            rows = list(answer(root, job, split, tokenizer))
            file.writelines(json.dumps(row) + "\n" for row in rows)
            right = sum(row["passed"] for row in rows)
            print(f"{split} {job.contender:36s} {job.suite:18s} {right}/{len(rows)}", flush=True)


if __name__ == "__main__":
    root_folder, split_name, out_file, number, of = sys.argv[1:]
    score(Path(root_folder), split_name, Path(out_file), int(number), int(of))
