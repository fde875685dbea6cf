"""Names that users write: the closest known one for each that is not."""

from __future__ import annotations

from trainer.refusal import Refusal, closest


def check_name(kind: str, given: str, known: set[str]) -> None:
    """Refuse a name that is not known, with the closest that is."""
    if given not in known:
        shown = ", ".join(sorted(known)[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
        raise Refusal(f"no {kind} {given}{closest(given, known)}", expected=shown or "none is known", remedy="correct it")
