"""Names of files that every system takes."""

import re


def safe_filename(title, extension="txt"):
    """The title as a name of a file: as in an address, but the case stays and words are joined by "_".

    "Ångström & Söhne" is "Angstrom_and_Sohne.txt". A title without a letter or digit is "untitled".
    """
    stem = re.sub(r"[^A-Za-z0-9 ]", "", title).replace(" ", "_")
    return f"{stem}.{extension}"


def extension_of(name):
    """What follows the last point, in small letters; "" where there is none or the name begins with it."""
    stem, point, extension = name.rpartition(".")
    return extension.lower() if point and stem else ""
