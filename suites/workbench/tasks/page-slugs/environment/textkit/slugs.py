"""Short names for the addresses of pages."""

import re


def slugify(title, longest=40, taken=[]):
    """The title as a part of an address: letters a to z, digits, and single dashes between words.

    Accents go ("Ångström" is "angstrom"), "ß" is "ss", "&" is the word "and". Everything else separates words. No dash
    at either end. At most `longest` signs, cut between words; only a first word that is too long by itself is cut
    inside. Where the name is in `taken` it gets -2, or -3, and so on behind it, and is still not too long; `taken`
    stays as it is. A title without a letter or digit is "untitled".
    """
    slug = re.sub(r"[^a-z0-9 ]", "", title.lower()).replace(" ", "-")[:longest]
    number = 2
    name = slug
    while name in taken:
        name = f"{slug}-{number}"
        number += 1
    taken.append(name)
    return name
