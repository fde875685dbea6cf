"""Numbers as people read them."""

from __future__ import annotations

import math


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, never an exponent; whole numbers keep all of theirs.

    >>> number(0.0123456), number(1234567), number(0), number(7.6, 2), number(0.40)
    ('0.0123', '1,234,567', '0', '7.6', '0.4')
    """
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals <= 0:
        return f"{value:,.0f}"
    text = f"{value:,.{min(decimals, 12)}f}"
    return text.rstrip("0").rstrip(".")
