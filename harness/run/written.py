"""The skills that authors wrote in a report: each in a file of its own, linted, and what came of them in a line.

They are made from the journal, as the tables are, so that a run that was killed loses none. Nothing of them is run.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.core import Role, digest_text, keeping, listed, plural, write_atomic
from harness.experiment import Assembled, Attempt
from harness.skill import lint_library, written_skill
from harness.store import Recalled, read_calls_journal
from harness.system import SelfWritten, skill_in

FOLDER = "written"  # in the report: written/CONTENDER/SUITE/TASK/NAME/SKILL.md


def keep_written(assembled: Assembled, recorded: Recalled) -> tuple[str, ...]:
    """Writes the files that are not there yet; a line on each contender with such skills. Raises StorageError."""
    systems = assembled.systems
    writers = {name for name, by in systems.items() if any(isinstance(one, SelfWritten) for one in by.values())}
    if not writers:
        return ()
    planned = {a.id: a for a in assembled.attempts if a.contender in writers and a.id in recorded.attempts}
    written: dict[str, str] = {}  # by attempt: the request that asked for its skill
    for call in read_calls_journal(assembled.report):
        if call.role is Role.AUTHOR and call.error is None and call.attempt_id in planned:
            written[call.attempt_id] = call.request_digest
    notes = []
    for name in sorted(writers):
        of = [(planned[i], digest) for i, digest in written.items() if planned[i].contender == name]
        notes += [_kept(assembled.report, name, of, recorded)] if of else []
    return tuple(notes)


def _kept(report: Path, name: str, written: Sequence[tuple[Attempt, str]], recorded: Recalled) -> str:
    """Keeps what was written for one contender, and says how it turned out."""
    none, faults, cut, kept = Counter[str](), Counter[str](), 0, 0
    for attempt, digest in written:
        reply = recorded.replies[digest]
        found = written_skill(reply.text) if skill_in(reply) is not None else None
        if found is None:
            none["refused" if reply.refusal is not None else "empty"] += 1
            continue
        kept, cut = kept + 1, cut + (reply.finish_reason == "length")
        again = f"+trial-{attempt.trial}" if attempt.trial else ""  # a sign that no safe name has
        place = safe_name(name), safe_name(attempt.suite.name), f"{safe_name(attempt.task.id)}{again}", found.name
        folder = report.joinpath(FOLDER, *place)
        path = folder / "SKILL.md"
        with keeping(path):
            if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != found.text:
                write_atomic(path, found.text)
        (lint,) = lint_library(folder)
        faults.update(error[:100] for error in lint.errors[:1])
    said = [f"{name}: {plural(kept, 'skill')} written, in {FOLDER}/{safe_name(name)}"]
    if bad := faults.total():
        said.append(f"{bad:,} of them no valid SKILL.md ({listed([w for w, _ in faults.most_common(2)], 2)})")
    said += [f"{cut:,} cut at the author's max_tokens"] if cut else []
    if none:
        said.append(f"{none.total():,} attempts without one ({', '.join(f'{why} {n:,}' for why, n in none.items())})")
    return "; ".join(said)


def safe_name(text: str) -> str:
    """A name of a file or folder for any text: itself where it is plain, else what is plain of it and a digest."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:60].strip(".-")
    return text if plain == text else f"{plain}-{digest_text(text)[:8]}".lstrip("-")
