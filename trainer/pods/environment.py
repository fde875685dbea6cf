"""What the ranks need of the launcher's environment, and what it sets for them. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping

from trainer.launch import CYCLE_MILLISECONDS, STARTED_VARIABLE
from trainer.pods.line import ADDRESS_VARIABLE

PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME", "TMPDIR", "LANG", "LC_ALL", "TZ")
"""An ssh session has none of its container's environment."""
PASSED_ON_PREFIXES = ("HEPBURST_", "HOROVOD_", "NCCL_", "OMP_", "KMP_", "TORCH_", "MALLOC_", "AWS_", "UCX_")
MPI_DEFAULTS = {
    "OMPI_MCA_mpi_yield_when_idle": "1",  # a rank that waits must not take the core of one that works
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,vader,tcp",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",  # the other needs ptrace, which a restricted pod has not
    "OMPI_MCA_btl_base_warn_component_unused": "0",
    "OMPI_MCA_orte_keep_fqdn_hostnames": "1",
    # A worker whose machine vanished is missed after half a minute instead of eight.
    "OMPI_MCA_oob_tcp_keepalive_time": "10",
    "OMPI_MCA_oob_tcp_keepalive_intvl": "5",
    "OMPI_MCA_oob_tcp_keepalive_probes": "4",
}
"""OpenMPI over TCP between pods and shared memory within one. A cluster with another network sets these variables itself."""


def of_ranks(*, line_address: str, started_unix_seconds: float, num_threads: int) -> dict[str, str]:
    """For every rank: what of this process's environment is meant for it, and the trainer's own variables."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if (name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)) and not name.startswith("HEPBURST_PARENT")
    }
    return {
        "HOROVOD_CYCLE_TIME": CYCLE_MILLISECONDS,
        **inherited,
        ADDRESS_VARIABLE: line_address,
        STARTED_VARIABLE: str(started_unix_seconds),
        "OMP_NUM_THREADS": str(num_threads),
        "HOROVOD_STALL_CHECK_DISABLE": "1",  # rank 0 evaluates while the others wait, longer than Horovod likes
        "PYTHONUNBUFFERED": "1",
    }


def of_mpi(given: Mapping[str, str]) -> dict[str, str]:
    """OpenMPI's own settings, where `given` does not have them."""
    return {name: value for name, value in MPI_DEFAULTS.items() if name not in given}
