"""Accelerators as Google Kubernetes Engine knows them: its name for each, and what it allows with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from burst.facts import rows
from burst.facts.names import check_name
from burst.spec import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeAccelerator:
    """One accelerator in one family of machine types."""

    accelerator: str
    """A name of `accelerators.csv`."""
    machine_family: str
    """How the names of its machine types begin: `n1`, `a2-highgpu`, `g2-standard`."""
    gke_type: str
    """Google's name of the accelerator: `nvidia-tesla-v100`."""
    is_attached: bool
    """To a host that the user chooses within limits; else it is part of the machine type."""
    allows_latest_driver: bool
    """Whether the newest driver that GKE installs still knows it."""
    allows_compact_placement: bool
    """Whether its nodes may be placed near each other."""
    is_sold_flex_start: bool
    """Confirmed by Google's documentation."""
    source: str
    as_of: str

    def is_of(self, machine_type: str) -> bool:
        """Whether a machine type is of the family.

        >>> of_shape_name("n1-standard-96+8xV100-16GB", "V100-16GB").is_of("n1-highmem-8")
        True
        """
        return machine_type.startswith(f"{self.machine_family}-")


@cache
def gke_accelerators() -> tuple[GkeAccelerator, ...]:
    """All, the usual family of an accelerator first."""
    return tuple(
        GkeAccelerator(
            accelerator=row["accelerator"],
            machine_family=row["machine_family"],
            gke_type=row["gke_type"],
            is_attached=row["is_attached"] == "yes",
            allows_latest_driver=row["latest_driver"] == "yes",
            allows_compact_placement=row["compact_placement"] == "yes",
            is_sold_flex_start=row["flex_start"] == "yes",
            source=row["source"],
            as_of=row["as_of"],
        )
        for row in rows.rows("gke_accelerators.csv")
    )


def gke_accelerator(shape: Shape) -> GkeAccelerator:
    """The accelerator of a shape; refuses one that GKE has not."""
    return of_shape_name(shape.name, shape.accelerator)


def of_shape_name(name: str, accelerator: str) -> GkeAccelerator:
    """The accelerator of a shape, by its names."""
    machine_type = name.partition("+")[0]
    families = families_of(accelerator)
    found = next((family for family in families if family.is_of(machine_type)), None)
    if found is None:
        check_name("machine type with this accelerator", machine_type, {f"{family.machine_family}-..." for family in families})
    assert found is not None
    return found


def families_of(accelerator: str) -> tuple[GkeAccelerator, ...]:
    """An accelerator in all families that have it; refuses a name that GKE has not, with the closest."""
    check_name("GKE accelerator", accelerator, {each.accelerator for each in gke_accelerators()})
    return tuple(each for each in gke_accelerators() if each.accelerator == accelerator)
