"""What was asked and what was found, in words."""

from __future__ import annotations

from collections.abc import Iterable

from burst import facts
from burst.advice import Limits
from burst.facts import PhaseName
from burst.forecast import accuracy
from burst.forecast.estimate import SECONDS_PER_HOUR
from burst.forecast.work import Work
from burst.numerals import number
from burst.plan_view.words import DASH, count, error_percent
from burst.spec import Target


def work(given: Work) -> str:
    """What is trained.

    >>> work(Work())
    '3DGAN (hepburst), 124,987 showers, 60 epochs'
    """
    epochs, updates = given.num_epochs, given.num_updates
    lengths = [count(length, what) for length, what in ((epochs, "epoch"), (updates, "update")) if length is not None]
    lasts = " and ".join(lengths) + (" at least" if len(lengths) > 1 else "")
    compute = "" if given.compute.expected == 1 else f", {number(given.compute.expected)} of the published compute a shower"
    return f"3DGAN ({given.implementation}), {given.num_samples:,} showers, {lasts}{compute}"


def waiting(targets: Iterable[Target]) -> str:
    """For machines, before the hours of a plan begin: an assumption, so that it stands apart.

    >>> waiting([Target.GKE, Target.GCP_TPU, Target.GKE])
    'hours: from the grant of the machines; waiting for them comes before: gke 0–4 h, gcp-tpu 0–48 h'
    """
    each = {target: facts.phases(target)[PhaseName.QUEUEING].seconds * (1 / SECONDS_PER_HOUR) for target in targets}
    ranges = ", ".join(f"{target} {number(hours.low)}{DASH}{number(hours.high)} h" for target, hours in each.items())
    return f"hours: from the grant of the machines; waiting for them comes before: {ranges}"


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


def ecal_error(num_updates: int, num_epochs: int) -> str:
    """The ECAL error after so many updates, as published trainings reached it; `?` after fewer passes than any of them.

    >>> ecal_error(7320, 60), ecal_error(100, 60), ecal_error(7320, 1)
    ('8.3%', '>11%', '?')
    """
    if num_updates >= accuracy.fewest_updates() and num_epochs < accuracy.fewest_epochs():
        return "?"
    worst = max(each.ecal_error_percent for each in facts.accuracies())
    return error_percent(accuracy.ecal_error_percent(num_updates, num_epochs), worst)
