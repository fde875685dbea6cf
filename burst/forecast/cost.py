"""What a burst costs, the same shape before and after, on every stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from burst.facts import Snapshot
from burst.ranges import Range
from trainer.contract import Json

QUANTITIES = ("usd", "hours", "kwh", "kgco2e")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money, time, energy and emissions, each low, expected and high, with what they are made of and rest on."""

    usd: Range
    hours: Range
    """From the grant of the machines to nothing left."""
    kwh: Range
    kgco2e: Range
    """Location-based: what the grid there emits."""
    kgco2e_market: Range | None
    """Market-based: less what the provider buys carbon-free; None where it publishes no share."""
    waiting_hours: Range | None
    """Before that, where others may have the machines: an honest unknown, apart so that it hides nothing. None: nobody else."""
    basis: tuple[str, ...]
    """A short line each that names the figure's source and date; burst/facts/README.md says more."""
    snapshot: Snapshot
    """The facts that it was reckoned with."""
    items: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)
    """By quantity (`usd`, `hours`, `kwh`), then by item; each adds up to its quantity."""

    def to_output(self) -> dict[str, Json]:
        """One half of the stack output `cost`."""
        ranges: dict[str, Json] = {name: getattr(self, name).to_output() for name in QUANTITIES}
        market = None if self.kgco2e_market is None else self.kgco2e_market.to_output()
        items: dict[str, Json] = {
            quantity: {item: value.to_output() for item, value in parts.items()} for quantity, parts in self.items.items()
        }
        waiting: dict[str, Json] = {"waiting_hours": self.waiting_hours.to_output()} if self.waiting_hours else {}
        return {
            **ranges,
            "kgco2e_market": market,
            **waiting,
            **({"items": items} if items else {}),
            "basis": list(self.basis),
            "facts": {"date": self.snapshot.date, "sha256": self.snapshot.sha256},
        }
