"""From a burst on rented machines to what the forecast reckons with: the offers of its pools, and the work."""

from __future__ import annotations

from collections.abc import Iterator

from burst import facts
from burst.cluster import NewVolume
from burst.forecast import owned
from burst.forecast.rented import Nodes, Rental
from burst.forecast.work import Work
from burst.spec import Burst
from trainer.refusal import Refusal


def rental_of(burst: Burst) -> Rental:
    """A burst on rented machines, as the forecast sees it: our trainer, on the offers of its pools, one rank a device."""
    run = burst.workload.run
    rental = Rental(
        work=Work.of(burst.workload, owned.relative_compute(run.preset, burst.workload.dataset.image_shape)),
        nodes=tuple(_nodes(burst)),
        batch_per_rank=run.batch_per_rank,
        volume=burst.cluster.volume if burst.cluster and isinstance(burst.cluster.volume, NewVolume) else None,
    )
    if run.num_ranks != rental.num_ranks:
        raise Refusal(
            f"{run.num_ranks} ranks on {rental}",
            expected=f"{rental.num_ranks}, one for each GPU or TPU core",
            remedy="correct the ranks or the nodes",
        )
    return rental


def _nodes(burst: Burst) -> Iterator[Nodes]:
    provider, _, region = burst.region.partition("/")
    groups = burst.gke.groups if burst.gke else (None,) * len(burst.pools)
    for pool, group in zip(burst.pools, groups, strict=True):
        assert pool.shape is not None
        yield Nodes(
            offer=facts.find(provider, pool.shape.name, region, pool.purchase, zone=burst.gke.zone if burst.gke else ""),
            num_nodes=pool.num_nodes,
            num_local_ssds=group.num_local_ssds if group else 0,
        )
