"""Reads, lints and selects ``skills/`` (Agent Skills); how skill text is delivered to a model."""

from harness.skill.wrap import OPEN_BY_TEXT, OPEN_BY_TOOL, catalogue, file_content, opened_name, skill_content

__all__ = ["OPEN_BY_TEXT", "OPEN_BY_TOOL", "catalogue", "file_content", "opened_name", "skill_content"]
