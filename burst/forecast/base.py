"""What a base stack costs as long as it stands: storage, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from burst import facts
from burst.facts import ServicePrice, Snapshot
from burst.forecast import layout
from burst.ranges import Range
from trainer.contract import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCost:
    """Of a month in which no burst runs."""

    usd_per_month: Range
    items: dict[str, Range]
    """US dollars a month, by item; they add up."""
    basis: tuple[str, ...]
    snapshot: Snapshot

    def to_output(self) -> dict[str, Json]:
        """The stack output `cost` of a base."""
        return {
            "usd_per_month": self.usd_per_month.to_output(),
            "items": {name: value.to_output() for name, value in self.items.items()},
            "basis": list(self.basis),
            "facts": {"date": self.snapshot.date, "sha256": self.snapshot.sha256},
        }


def base_forecast(region: str, *, num_runs: int = 1, num_images: int = 1) -> BaseCost:
    """What `gcp-base` costs a month in a Google region (`us-central1`): its bucket with data set and results, its registry.

    `num_runs`: whose results are kept; `num_images`: versions of the trainer's image. Network, accounts, roles and APIs cost
    nothing, and the address of the NAT gateway is a burst's.
    """
    bucket = facts.service_price("gcp", "gcs", "standard", region)
    registry = facts.service_price("gcp", "artifact_registry", "storage", region)
    items = {
        "data in the bucket": facts.size("dataset").gb * bucket.usd,
        "results in the bucket": facts.size("results").gb * (bucket.usd * num_runs),
        "images in the registry": facts.size("image").gb * (registry.usd * num_images),
    }
    return BaseCost(
        usd_per_month=layout.total(items.values()),
        items=items,
        basis=(
            _price("bucket", bucket),
            _price("registry", registry),
            f"sizes: {_size('dataset')}; {num_runs} x {_size('results')}; {num_images} x {_size('image')} (sizes.csv)",
            "money: network, service accounts, roles and APIs cost nothing; what a burst adds is in its own forecast",
        ),
        snapshot=facts.snapshot(),
    )


def _price(what: str, price: ServicePrice) -> str:
    return f"money: {what}, {price.usd:g} USD a GB and month ({layout.short(price.source)}, {price.as_of})"


def _size(what: str) -> str:
    gb = facts.size(what).gb
    ends = f"{gb.low:g} to {gb.high:g}, expected {gb.expected:g}" if gb.low < gb.high else f"{gb.expected:g}"
    return f"{what} {ends} GB"
