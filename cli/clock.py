"""The one place where the command asks what day it is; no figure depends on it."""

from __future__ import annotations

import datetime


def today() -> datetime.date:
    """Today, where this machine is."""
    return datetime.date.today()
