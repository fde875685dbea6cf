"""What fewer updates cost in accuracy: the two published trainings, and nothing outside of them."""

from __future__ import annotations

import math

from burst import facts
from burst.facts.epoch_times import NUM_SAMPLES
from burst.facts.workloads import Accuracy
from trainer.refusal import Refusal


def num_updates(training: Accuracy) -> int:
    """Steps of a published training: whole batches of 124,987 showers, times its epochs."""
    return NUM_SAMPLES // training.global_batch * training.num_epochs


def ecal_error_percent(updates: float, num_epochs: float = math.inf) -> float | None:
    """Mean ECAL error after so many updates; None outside of what was published, in updates or in passes over the data.

    Between the two published trainings (7,320 updates at global batch 1,024: 8.3%; 1,200 at 12,288: 11.0%) linear in
    ln(updates). They differ in batch, epochs and learning rate at once, so this says what such a change
    cost, not why. More updates than the longer one are taken for no better than it.

    >>> ecal_error_percent(7320), ecal_error_percent(1200), ecal_error_percent(500)
    (8.3, 11.0, None)
    >>> round(ecal_error_percent(3000), 1)
    9.6
    """
    long, short = _ends()
    if updates < num_updates(short) or num_epochs < fewest_epochs():
        return None
    share = min(1.0, math.log(updates / num_updates(short)) / math.log(num_updates(long) / num_updates(short)))
    return short.ecal_error_percent + share * (long.ecal_error_percent - short.ecal_error_percent)


def updates_for(error_percent: float) -> int:
    """The inverse: updates to an ECAL error; refuses one that nobody published.

    >>> updates_for(8.3), updates_for(11.0)
    (7320, 1200)
    """
    long, short = _ends()
    if not long.ecal_error_percent <= error_percent <= short.ecal_error_percent:
        raise Refusal(
            f"an ECAL error of {error_percent:g}%",
            expected=f"{long.ecal_error_percent:g} to {short.ecal_error_percent:g}%, the published trainings' range",
            remedy="choose one in it, or hold the number of updates instead",
        )
    share = (short.ecal_error_percent - error_percent) / (short.ecal_error_percent - long.ecal_error_percent)
    ratio = num_updates(long) / num_updates(short)
    return round(num_updates(short) * math.pow(ratio, share))


def fewest_updates() -> int:
    """Of the published trainings: with fewer, nobody knows what is reached."""
    return num_updates(_ends()[1])


def fewest_epochs() -> int:
    """Passes over the data of the published training with the fewest."""
    return min(training.num_epochs for training in facts.accuracies())


def sentence(updates: float, num_epochs: float = math.inf) -> str:
    """What a plan gives up, for a person."""
    long, short = _ends()
    error = ecal_error_percent(updates, num_epochs)
    best = f"{long.ecal_error_percent:g}% after {num_updates(long):,} updates at global batch {long.global_batch:,}"
    if error is None and updates >= num_updates(short):
        return f"{num_epochs:,.0f} passes over the data: fewer than any published training, so nobody knows (best known {best})"
    if error is None:
        worse = f"expect worse than {short.ecal_error_percent:g}% (best known {best})"
        return f"{updates:,.0f} updates: fewer than any published training; {worse}"
    if error <= long.ecal_error_percent:
        return f"{updates:,.0f} updates: as good as the best published, ECAL error {long.ecal_error_percent:g}%"
    unstable = "" if short.is_stable else "; the published one with the fewest was unstable"
    return f"{updates:,.0f} updates: ECAL error about {error:.1f}% (best known {best}{unstable})"


def _ends() -> tuple[Accuracy, Accuracy]:
    known = sorted(facts.accuracies(), key=num_updates)
    return known[-1], known[0]
