"""What outlives bursts on Google Cloud: network, bucket, registry, identities, a budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpBase:
    """A base, on which the bursts of a project rest."""

    project: str
    region: str
    """Of bucket and registry: `us-central1`."""
    name: str = "hepburst"
    """Of network and registry, and the beginning of the accounts' names."""
    bucket_name: str
    noncurrent_days: int = 30
    """So long a result that was replaced is kept."""
    num_kept_images: int = 10
    """The newest ones of each image."""
    usd_per_month: int | None = None
    """Google mails above half, nine tenths and all of it; it stops nothing. None: no budget."""
    billing_account: str = ""
    """Whose budget it is: `012345-6789AB-CDEF01`."""
