"""Reads, lints and searches ``skills/`` (Agent Skills); how skill text is delivered to a model.

Linted strictly, loaded leniently: a run never refuses a skill that a client in the wild would load.
"""

from harness.skill.by_words import placebo, search
from harness.skill.load import Skill, SkillFileError, lint_library, load_library, read_file, read_library
from harness.skill.wrap import OPEN_BY_TEXT, OPEN_BY_TOOL, catalogue, file_content, opened_name, skill_content
from harness.skill.written import WRITTEN, WrittenSkill, written_skill
