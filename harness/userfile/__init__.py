"""Reads what a user wrote (YAML, JSON, tables, templates) and says what is wrong by file, field and remedy.

Every room that parses a user's file does it through here: all messages look alike, and no file takes more time or
memory than was agreed, whatever it holds.
"""

from harness.userfile.arrow import arrow_rows, named_range
from harness.userfile.bounded import open_file, read_bytes, read_lines
from harness.userfile.child import TookTooLongError, watched
from harness.userfile.json_text import json_value
from harness.userfile.parsing import Strict, parse, read_json, read_json_lines, read_text, read_yaml
from harness.userfile.tabular import KINDS, Rows, table_kind, table_rows
from harness.userfile.template import Template, TemplateFault, read_template
from harness.userfile.values import Amount, Count, Name, Positive, Rate, Text, Truth, Whole

__all__ = [
    "KINDS",
    "Amount",
    "Count",
    "Name",
    "Positive",
    "Rate",
    "Rows",
    "Strict",
    "Template",
    "TemplateFault",
    "Text",
    "TookTooLongError",
    "Truth",
    "Whole",
    "arrow_rows",
    "json_value",
    "named_range",
    "open_file",
    "parse",
    "read_bytes",
    "read_json",
    "read_json_lines",
    "read_lines",
    "read_template",
    "read_text",
    "read_yaml",
    "table_kind",
    "table_rows",
    "watched",
]
