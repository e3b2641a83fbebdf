"""Reads, lints and searches ``skills/`` (Agent Skills); how skill text is delivered to a model.

Linted strictly, loaded leniently: a run never refuses a skill that a client in the wild would load.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.skill.finding import RANKED_BY, Hit, find_skills, rank_skills, unsearched
    from harness.skill.load import (
        Skill,
        SkillFileError,
        lint_library,
        lint_skill,
        load_library,
        load_skill,
        read_file,
        read_library,
    )
    from harness.skill.neutral import placebo, placebos
    from harness.skill.wrap import OPEN_BY_TEXT, OPEN_BY_TOOL, catalogue, file_content, opened_name, skill_content
    from harness.skill.written import WRITTEN, WrittenSkill, written_skill
else:
    __getattr__, __dir__ = lazy_door(__name__)
