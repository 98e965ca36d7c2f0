"""Form of the file names of the three delivery styles, data and control files; ASCII digits and letters only."""

from __future__ import annotations

import re

_HEAD = r"(?P<letter>[ias])_(?P<province>[0-9]{5})_(?P<stamp>[0-9]{8}|[0-9]{6})_"
_UNIT = r"(?P<unit>[0-9]{5})_(?P<resend>[0-9]{2})"
_FIXED = _HEAD + _UNIT
_EURO = _HEAD + r"VGOP-R[0-9.]+-" + _UNIT
_DOLLAR = r"(?P<letter>[IASias])(?P<unit>[0-9]{5})(?P<stamp>[0-9]{8})"
DATA_NAMES = {
    "fixed_width": re.compile(_FIXED + r"_(?P<sequence>[0-9]{3})\.dat"),
    "euro": re.compile(_EURO + r"_(?P<sequence>[0-9]{3})\.dat"),
    "dollar": re.compile(_DOLLAR + r"(?P<sequence>[0-9]{6})\.AVL"),
}
CONTROL_NAMES = {
    "fixed_width": re.compile(_FIXED + r"\.verf"),
    "euro": re.compile(_EURO + r"\.verf"),
    "dollar": re.compile(_DOLLAR + r"\.CHK"),
}
CONTROL_ENDINGS = (".verf", ".CHK")


def fits_a_style(name: str) -> bool:
    """Whether a name is that of a data or control file of some style: it says a unit and a date, and nobody's number."""
    return any(pattern.fullmatch(name) for pattern in (*DATA_NAMES.values(), *CONTROL_NAMES.values()))
