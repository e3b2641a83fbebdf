"""``report.html``: the whole report in one file that needs nothing else: no script, no font, no request.

The figures are Vega's SVG, drawn before, with each mark's words as its title. The page forbids itself everything but
its own style, so that no text in it can do anything, and it can be printed.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from harness.report.blocks import Block
from harness.report.chart_style import AT_NIGHT, PAPER
from harness.report.html_parts import html_blocks, html_text, style

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def html_page(name: str, blocks: Iterable[Block]) -> str:
    """The file's text, a few hundred kB, with the contents before the first section."""
    body = html_blocks(blocks)
    titles = re.findall(r'<h2 id="(part-\d+)">(.*?)</h2>', body)
    listed = "".join(f'<li><a href="#{part}">{title}</a></li>' for part, title in titles)
    contents = f'<nav aria-label="Contents"><ol>{listed}</ol></nav>\n' if titles else ""
    before, heading, after = body.partition("<h2 ")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{html_text(name)}: own, rent or mix</title>\n<style>\n{style()}{_own_style()}</style>\n"
        f"</head>\n<body>\n<main>\n{_whole_names(before + contents + heading + after)}\n</main>\n</body>\n</html>\n"
    )


_SHORT_NAME = re.compile(r"(<t[hd]\b[^>]*>)<code>([^<]{1,16})</code>")


def _whole_names(body: str) -> str:
    """Short names in tables, which paper breaks nowhere, at no hyphen either."""
    return _SHORT_NAME.sub(
        lambda m: f'{m[1]}<code class="kept">{m[2]}</code>' if re.search(r"[\s\-/.:]", m[2]) else m[0], body
    )


_FOLLOWED = {name: getattr(PAPER, name) for name in ("ink", "pale", "faint", "grid", "axis", "ground")}
"""The page's colours by their names in page.css, as the figures have them."""


def _own_style() -> str:
    """page.css, and the figures' colours in terms of the page's."""
    follow = (f'svg [{what}="{colour}"] {{ {what}: var(--{name}); }}\n'
              for name, colour in _FOLLOWED.items() for what in ("fill", "stroke"))  # fmt: skip
    bright = "".join(f'svg [{what}="{colour}"] {{ {what}: {at_night}; }}\n'
                     for colour, at_night in AT_NIGHT.items() for what in ("fill", "stroke"))  # fmt: skip
    by_night = f"@media screen and (prefers-color-scheme: dark) {{\n{bright}}}\n"
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + "".join(follow) + by_night
