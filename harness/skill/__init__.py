"""Reads, lints and searches ``skills/`` (Agent Skills); how skill text is delivered to a model.

Linted strictly, loaded leniently: a run never refuses a skill that a client in the wild would load.
"""

from harness.skill.bm25 import search
from harness.skill.files import Skill, SkillFileError, read_file
from harness.skill.lint import LintResult, lint_library, lint_skill
from harness.skill.load import Library, Skipped, load_library, load_skill, read_library
from harness.skill.placebos import placebo
from harness.skill.wrap import OPEN_BY_TEXT, OPEN_BY_TOOL, catalogue, file_content, opened_name, skill_content
