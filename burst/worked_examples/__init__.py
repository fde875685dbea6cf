"""The claims of CERN's public-cloud study, reckoned with the forecast: what it says of each, and where it does not hold.

What facts hold is not typed in here. docs/worked-examples.md tells the results, and tests hold the page to them.
"""

from burst.worked_examples.claims import Claim, best_published, claim, largest_published
from burst.worked_examples.higgs import Higgs, data_usd_per_month, higgs, node_minutes, read_seconds
from burst.worked_examples.one_hour import (
    Hour,
    cheapest_whole_hour,
    hours_by_nodes,
    measured_hours_at_scale,
    most_updates_in_an_hour,
    published_at_scale,
)
from burst.worked_examples.runs import CERN, OTHER_REGION, REGION
from burst.worked_examples.scaling import Scaling, measured_speed_up, strong_scaling, weak_scaling, whole_bursts
from burst.worked_examples.tpu_slice import Reading, epochs_for, equal_speed_gpus, readings, tpu_training

__all__ = [
    "CERN",
    "OTHER_REGION",
    "REGION",
    "Claim",
    "Higgs",
    "Hour",
    "Reading",
    "Scaling",
    "best_published",
    "cheapest_whole_hour",
    "claim",
    "data_usd_per_month",
    "epochs_for",
    "equal_speed_gpus",
    "higgs",
    "hours_by_nodes",
    "largest_published",
    "measured_hours_at_scale",
    "measured_speed_up",
    "most_updates_in_an_hour",
    "node_minutes",
    "published_at_scale",
    "read_seconds",
    "readings",
    "strong_scaling",
    "tpu_training",
    "weak_scaling",
    "whole_bursts",
]
