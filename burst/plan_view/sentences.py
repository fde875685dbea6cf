"""What was asked and what was found, in words."""

from __future__ import annotations

from burst import facts
from burst.advice import Limits
from burst.forecast import accuracy
from burst.forecast.work import Work
from burst.plan_view.words import count, error_percent, number


def work(given: Work) -> str:
    """What is trained.

    >>> work(Work())
    '3DGAN (hepburst), 124,987 showers, 60 epochs'
    """
    epochs, updates = given.num_epochs, given.num_updates
    length = count(epochs, "epoch") if epochs is not None else count(updates or 0, "update")
    compute = "" if given.compute.expected == 1 else f", {number(given.compute.expected)} of the published compute a shower"
    return f"3DGAN ({given.implementation}), {given.num_samples:,} showers, {length}{compute}"


def limits(given: Limits) -> str:
    """What a plan may take, or nothing.

    >>> limits(Limits(max_hours=2.0, max_usd=100.0))
    'at most 2 h, 100 USD'
    """
    values = ((given.max_hours, "h"), (given.max_usd, "USD"), (given.max_kgco2e, "kgCO2e"))
    parts = [f"{number(value)} {unit}" for value, unit in values if value is not None]
    return f"at most {', '.join(parts)}" if parts else ""


def why_recommended(given: Limits) -> str:
    """By which rule `burst.advice.recommended` has chosen.

    >>> why_recommended(Limits(max_usd=100.0))
    'the fastest within the budget'
    """
    if given.max_hours is not None or given.max_kgco2e is not None:
        return "the cheapest within the limits"
    if given.max_usd is not None:
        return "the fastest within the budget"
    return "the least product of money and time, since no limit is set"


def ecal_error(num_updates: int) -> str:
    """The ECAL error after so many updates, as published trainings reached it.

    >>> ecal_error(7320), ecal_error(100)
    ('8.3%', '>11%')
    """
    worst = max(each.ecal_error_percent for each in facts.accuracies())
    return error_percent(accuracy.ecal_error_percent(num_updates), worst)
