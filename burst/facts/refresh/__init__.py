"""Live prices: what the providers' public price lists say today, as a new price table beside the one in use.

Nothing here runs at import or in a forecast. A refresh reads only what the table in use already knows: its shapes, in all
regions that a list names. All goes wrong in one way: a `Refusal`, nothing written, the old table in use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType

from burst.facts.refresh import azure, gcp, oci, table
from burst.facts.refresh.api import Api, Endpoints, shown
from burst.facts.refresh.changes import Change, Count, Place, Refreshed, RefusedRow, Skipped
from burst.facts.refresh.merging import Merged, merge
from burst.facts.refresh.transport import NoAnswer, Transport, check_address
from burst.facts.refresh.writing import next_path, write
from burst.facts.rows import Row
from trainer.refusal import Refusal, closest

__all__ = ["GCP_API_KEY_VARIABLE", "Change", "Count", "Endpoints", "Place", "Refreshed", "RefusedRow", "Skipped", "refresh"]

GCP_API_KEY_VARIABLE = "HEPBURST_GCP_API_KEY"
READERS: dict[str, ModuleType] = {"azure": azure, "gcp": gcp, "oci": oci}
NO_KEY = f"for its price list needs an API key, and neither the option nor {GCP_API_KEY_VARIABLE} gives one"


def _silent(_: str) -> None:
    """No progress is shown."""


def refresh(
    *,
    providers: Sequence[str],
    today: date,
    folder: Path,
    endpoints: Endpoints = Endpoints(),  # noqa: B008 - frozen
    gcp_api_key: str | None = None,
    timeout_seconds: float = 30.0,
    progress: Callable[[str], None] = _silent,
) -> Refreshed:
    """Read live prices of `providers` and write `prices-<today>.csv` into `folder`, unless it would say nothing new.

    `folder` holds the price tables, the newest by name in use; that one is never changed. Refreshed rows are as of `today`;
    a row that cannot be believed stays as it was, and is listed. `timeout_seconds` is the longest silence of a server.
    `gcp_api_key` defaults to the environment's HEPBURST_GCP_API_KEY; without either, gcp is skipped.

    Raises `Refusal`: an unknown provider, a list that cannot be read, is in another currency or of another form, or of which
    too much is missing or not believable. Nothing is written then, of no provider.
    """
    key = (gcp_api_key or os.environ.get(GCP_API_KEY_VARIABLE, "")).strip()
    transport = Transport(timeout_seconds=timeout_seconds, progress=progress)
    try:
        return _refresh(_checked(providers), today, folder, endpoints, key, transport)
    except Refusal as refusal:
        if not key or key not in str(refusal):
            raise
        got, expected, remedy = (part.replace(key, "***") for part in (refusal.got, refusal.expected, refusal.remedy))
    raise Refusal(got, expected=expected, remedy=remedy)  # here, so that no chain of exceptions leads to the key


def _refresh(
    providers: Sequence[str], today: date, folder: Path, endpoints: Endpoints, key: str, transport: Transport
) -> Refreshed:
    in_use = table.in_use(folder)
    next_path(in_use.path, today)
    merged: dict[str, Merged] = {}
    skipped: list[Skipped] = []
    for provider in providers:
        rows = in_use.of_provider(provider)
        reason = _why_not(provider, rows, key)
        if reason:
            skipped.append(Skipped(provider=provider, reason=reason))
            continue
        headers = {gcp.KEY_HEADER: key} if provider == "gcp" else {}
        api = _api(provider, endpoints, in_use.path, transport, headers)
        reading = READERS[provider].read(api, rows, today=today, progress=transport.progress)
        merged[provider] = merge(api, rows, reading, today)
    new_rows = _whole(in_use, merged)
    is_new = list(new_rows) != [dict(row) for row in in_use.rows]
    return Refreshed(
        path=write(new_rows, in_use.path, today) if is_new else None,
        previous=in_use.path,
        counts=tuple(one.count for one in merged.values()),
        changes=tuple(change for one in merged.values() for change in one.changes),
        added=tuple(place for one in merged.values() for place in one.added),
        gone=tuple(place for one in merged.values() for place in one.gone),
        refused=tuple(row for one in merged.values() for row in one.refused),
        skipped=tuple(skipped),
        notes=tuple(note for one in merged.values() for note in one.notes),
    )


def _whole(in_use: table.PriceTable, merged: dict[str, Merged]) -> list[Row]:
    """All rows of the new table: known rows where they were, new regions after the last row of their product."""
    last = {table.product_of(row): number for number, row in enumerate(in_use.rows)}
    outcomes = {provider: iter(one.outcomes) for provider, one in merged.items()}
    rows: list[Row] = []
    for number, row in enumerate(in_use.rows):
        provider, product = row["provider"], table.product_of(row)
        outcome = next(outcomes[provider]) if provider in outcomes else row
        rows += [outcome] if outcome is not None else []
        if provider in merged and last[product] == number:
            rows += merged[provider].new_rows.get(product, ())
    return rows


def _checked(providers: Sequence[str]) -> list[str]:
    for provider in providers:
        if provider not in READERS:
            raise Refusal(
                f"no price list of {provider}{closest(provider, READERS)}", expected=", ".join(READERS), remedy="correct it"
            )
    if not providers:
        raise Refusal("no provider to refresh", expected=f"one or more of {', '.join(READERS)}", remedy="name one")
    return list(dict.fromkeys(providers))


def _why_not(provider: str, rows: Sequence[Row], key: str) -> str:
    if not rows:
        return "for the price table in use has no row of it"
    return NO_KEY if provider == "gcp" and not key else ""


def _api(provider: str, endpoints: Endpoints, in_use: Path, transport: Transport, headers: dict[str, str]) -> Api:
    endpoint = {"azure": endpoints.azure, "oci": endpoints.oci, "gcp": endpoints.gcp}[provider]
    try:
        check_address(endpoint)
    except (NoAnswer, ValueError):
        raise Refusal(
            f"{provider}: the price list's address {shown(endpoint)}",
            expected="an https address without user name and password (http for this machine alone)",
            remedy=f"correct it; {in_use.name} stays in use, untouched",
        ) from None
    return Api(
        provider=provider,
        title=READERS[provider].TITLE,
        endpoint=endpoint,
        prices_in_use=in_use.name,
        transport=transport,
        headers=headers,
    )
