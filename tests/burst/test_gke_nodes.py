from __future__ import annotations

import pytest

from burst import facts, gke_nodes
from burst.gke_nodes import Room

NOTHING = Room(cpus=0.0, memory_gib=0.0)
SIDECAR = Room(cpus=0.25, memory_gib=0.5)


@pytest.mark.parametrize("num_gpus", [1, 2, 4, 8])
def test_the_workers_of_a_node_leave_what_gke_and_its_own_pods_need(num_gpus: int) -> None:
    shape = facts.gke_shape("V100-16GB", num_gpus, "us-central1-a")
    whole = gke_nodes.allocatable(shape)
    for slots in (slots for slots in (1, 2, 4, 8) if num_gpus % slots == 0):
        rank, num_pods = gke_nodes.room_per_rank([shape], slots=slots, beside=SIDECAR), num_gpus // slots
        cpus = num_gpus * rank.cpus + num_pods * SIDECAR.cpus + gke_nodes.DAEMON_CPUS
        memory_gib = num_gpus * rank.memory_gib + num_pods * SIDECAR.memory_gib + gke_nodes.DAEMON_MEMORY_GIB
        assert whole.cpus - 0.1 * num_gpus - 1e-9 <= cpus <= whole.cpus + 1e-9
        assert whole.memory_gib - 0.1 * num_gpus - 1e-9 <= memory_gib <= whole.memory_gib + 1e-9


def test_ranks_are_alike_so_the_poorest_node_decides() -> None:
    rich, poor = (facts.gke_shape("V100-16GB", 2, "us-central1-a", host) for host in ("n1-standard-16", "n1-highmem-8"))
    both = gke_nodes.room_per_rank([rich, poor], slots=2, beside=NOTHING)
    assert both.cpus == gke_nodes.room_per_rank([poor], slots=2, beside=NOTHING).cpus
    assert both.memory_gib == min(
        gke_nodes.room_per_rank([shape], slots=2, beside=NOTHING).memory_gib for shape in (rich, poor)
    )


def test_what_gke_says_of_a_node_of_four_cpus_is_what_is_computed() -> None:
    # The example of the page on node sizes: a machine with 4 CPUs and 16 GiB (e2-standard-4) shows 3920m and 13498416Ki, of
    # 16 GiB less what firmware and kernel keep.
    shape = facts.gke_shape("L4-24GB", 1, "us-central1-a", "g2-standard-4")
    room = gke_nodes.allocatable(shape)
    assert room.cpus == pytest.approx(3.92)
    assert room.memory_gib == pytest.approx(13498416 / 2**20, rel=0.04)


def test_more_local_ssds_are_more_room() -> None:
    rooms = [gke_nodes.disk_room_gib(count) for count in range(25)]
    assert rooms == sorted(rooms)
