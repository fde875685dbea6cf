"""How many local SSDs a machine may have, and what they cost."""

from __future__ import annotations

import pytest

from burst import facts
from burst.spec import Purchase
from trainer.refusal import Refusal

ZONE = "us-central1-a"


@pytest.mark.parametrize(
    ("accelerator", "num_gpus", "counts", "is_included"),
    [
        ("V100-16GB", 8, (1, 2, 3, 4, 5, 6, 7, 8, 16, 24), False),
        ("T4-16GB", 4, (1, 2, 3, 4, 5, 6, 7, 8, 16), False),
        ("A100-40GB", 1, (1, 2, 4, 8), False),
        ("A100-40GB", 8, (8,), False),
        ("A100-80GB", 4, (4,), True),
        ("L4-24GB", 1, (1,), False),
        ("L4-24GB", 8, (8,), False),
        ("H100-80GB", 8, (16,), True),
    ],
)
def test_a_machine_has_the_numbers_that_google_publishes(
    accelerator: str, num_gpus: int, counts: tuple[int, ...], is_included: bool
) -> None:
    known = facts.local_ssds(facts.gke_shape(accelerator, num_gpus, ZONE))
    assert (known.counts, known.is_included) == (counts, is_included)


def test_what_comes_with_the_machine_is_not_billed_again() -> None:
    h100, v100 = (facts.gke_shape(name, 8, ZONE) for name in ("H100-80GB", "V100-16GB"))
    assert facts.num_billed_local_ssds(h100, 16) == facts.num_billed_local_ssds(h100, 0) == 0
    assert facts.num_billed_local_ssds(v100, 16) == 16


@pytest.mark.parametrize(
    ("accelerator", "number", "expected"),
    [("V100-16GB", 9, "8, 16, 24, or 0"), ("V100-16GB", -1, "or 0"), ("H100-80GB", 8, "16, which it comes with")],
)
def test_a_number_that_a_machine_cannot_have_is_refused(accelerator: str, number: int, expected: str) -> None:
    with pytest.raises(Refusal, match=expected):
        facts.num_billed_local_ssds(facts.gke_shape(accelerator, 8, ZONE), number)


def test_a_machine_of_unknown_disks_has_none() -> None:
    shape = facts.find("gcp", "e2-standard-4", "us-central1", Purchase.ON_DEMAND).shape
    assert facts.local_ssds(shape).counts == ()
    with pytest.raises(Refusal, match="expected none, or 0"):
        facts.num_billed_local_ssds(shape, 1)


def test_they_have_a_price_wherever_machines_that_take_them_are_rented() -> None:
    rented = [offer for offer in facts.market().sound if offer.shape.provider == "gcp" and offer.shape.accelerator]
    for offer in rented:
        if (known := facts.local_ssds(offer.shape)).counts and not known.is_included:
            spot, listed = (
                facts.service_price("gcp", "local_ssd", how, offer.region).usd_per_hour for how in ("spot", "on demand")
            )
            assert 0 < spot < listed
