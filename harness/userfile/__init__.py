"""Reads what a user wrote (YAML, JSON, tables, templates) and says what is wrong by file, field and remedy.

All rooms do it through here, so that no file takes more time or memory than was agreed, whatever it holds.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.userfile.bounded import open_file, read_bytes
    from harness.userfile.child import TookTooLongError, watched
    from harness.userfile.delimited import INVISIBLE, tidy
    from harness.userfile.json_text import KeyTwiceError, distinct_keys, is_deeper
    from harness.userfile.parsing import (
        MOST_AMOUNT,
        Amount,
        BelowError,
        Count,
        Day,
        Name,
        Positive,
        Rate,
        Strict,
        Text,
        Truth,
        Variable,
        Whole,
        parse,
        read_json_lines,
        read_text,
        read_yaml,
    )
    from harness.userfile.tabular import READ, Loaded, Rows, arrow_rows, table_columns, table_kind, table_rows
    from harness.userfile.template import Template, TemplateFault, read_template
else:
    __getattr__, __dir__ = lazy_door(__name__)
