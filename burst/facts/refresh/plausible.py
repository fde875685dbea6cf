"""Which prices are believed: an API that answers is not yet one that tells the truth."""

from __future__ import annotations

from collections.abc import Sequence

from burst.facts import guard
from burst.facts.refresh.quotes import Quote
from burst.facts.refresh.table import PRICE_COLUMN, price
from burst.facts.rows import Row
from burst.spec import Purchase

MAX_FACTOR = 5.0
"""No list price that we have seen moved by more between two of our tables: beyond it the product is another one."""
MAX_SHARE = 0.2
"""Of a provider's rows that may be refused, or vanish, before all of the answer is."""


def problem(quote: Quote, old: Row | None, same_product: Sequence[Row]) -> str:
    """Why a quote is not taken; empty where it is.

    `old` is the row that it would replace. Without one the product's rows in other regions, `same_product`, are the measure.
    """
    if quote.problem:
        return quote.problem
    for purchase in PRICE_COLUMN:
        said = guard.price_problem(quote.usd_per_hour, quote.spot_usd_per_hour, purchase)
        if said is not None:
            return said
    for purchase in PRICE_COLUMN:
        said = _jump(quote, purchase, [old] if old is not None else same_product)
        if said:
            return said
    return ""


def _jump(quote: Quote, purchase: Purchase, measures: Sequence[Row]) -> str:
    new = quote.price(purchase)
    known = [old for row in measures if (old := price(row, purchase)) is not None]
    if new is None or not known or min(known) / MAX_FACTOR <= new <= max(known) * MAX_FACTOR:
        return ""
    nearest = min(known) if new < min(known) else max(known)
    factor = new / nearest if new > nearest else nearest / new
    kind = "spot price" if purchase is Purchase.SPOT else "price"
    return f"a {kind} of ${new:g} is {factor:.3g} times {'above' if new > nearest else 'below'} the ${nearest:g} that is known"
