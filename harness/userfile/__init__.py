"""Reads what a user wrote (YAML, JSON lines) against a schema, and says what is wrong by file, field and remedy.

Every room that parses a user's file does it through here, so that all messages look alike.
"""

from harness.userfile.parse import Strict, parse, read_json_lines, read_text, read_yaml

__all__ = ["Strict", "parse", "read_json_lines", "read_text", "read_yaml"]
