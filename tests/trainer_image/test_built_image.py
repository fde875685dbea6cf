"""The trainer image itself, as pods run it: without root, capabilities or a root file system to write to.

`HEPBURST_TRAINER_IMAGE=name@sha256:... pytest -m cluster tests/trainer_image` asks podman for it; nothing is built here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

IMAGE = os.environ.get("HEPBURST_TRAINER_IMAGE", "")
PODMAN = shutil.which("podman") or ""
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not (IMAGE and PODMAN), reason="needs podman, and HEPBURST_TRAINER_IMAGE set to the image's reference"),
]
RESTRICTED = (
    *("--rm", "--read-only", "--read-only-tmpfs=false", "--user=1000:1000", "--cap-drop=all", "--network=none"),
    *(
        "--security-opt=no-new-privileges",
        "--tmpfs=/tmp:rw,mode=1777",
        "--shm-size=256m",
    ),
)
SSHD = """
/usr/sbin/sshd -De -f /home/mpiuser/.sshd_config 2> /tmp/sshd.log & sleep 1
ssh 127.0.0.1 'which python orted; python -c "import torch, horovod.torch as h; print(torch.__version__)"' || cat /tmp/sshd.log
"""
RANKS = """
import horovod.torch as hvd, torch
hvd.init()
print(hvd.mpi_enabled(), hvd.allreduce(torch.tensor([hvd.rank() + 1.0]), op=hvd.Sum).item(), flush=True)
"""
BYTECODE = """
import importlib.util, json, os, sys, h5py, horovod.torch, trainer.loop
files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
sources = {file for file in files if file.startswith("/") and file.endswith(".py")}
assert len(sources) > 500
print({file for file in sources if not os.path.exists(importlib.util.cache_from_source(file))})
"""
TRAINING = """
from pathlib import Path
from trainer import showers
from trainer.contract import RunConfig
from trainer.showers import reader
data = str(Path(showers.__file__).parent / "sample" / "fixed.h5")
RunConfig(data_path=data, data_sha256=reader.inspect(data).sha256, num_epochs=1).write(Path("/tmp/run.json"))
"""


def inside(*command: str, options: tuple[str, ...] = ()) -> str:
    """What a command says in a container of the image."""
    whole = [PODMAN, "run", *RESTRICTED, *options, IMAGE, *command]
    done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def python(code: str) -> str:
    return inside("python", "-c", code)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    said = subprocess.run([PODMAN, "image", "inspect", IMAGE], capture_output=True, text=True, check=True).stdout
    values: dict[str, Any] = json.loads(said)[0]["Config"]
    return values


def test_python_is_the_environments_and_horovod_has_mpi_and_gloo() -> None:
    said = python(
        "import sys, horovod.torch as h, trainer; print(sys.prefix, trainer.__file__, h.mpi_built(), h.gloo_built())",
    )
    assert said.split() == [
        "/opt/hepburst/.venv",
        "/opt/hepburst/.venv/lib/python3.11/site-packages/trainer/__init__.py",
        "True",
        "True",
    ]


def test_it_runs_as_mpiuser_and_has_no_compiler(config: dict[str, Any]) -> None:
    assert config["User"] == "1000:1000"
    tools = "for tool in cc gcc g++ c++ make nvcc ld uv pip; do command -v $tool; done; id -un; pwd"
    assert inside("sh", "-c", tools).split() == ["mpiuser", "/home/mpiuser"]


def test_its_labels_say_what_it_is(config: dict[str, Any]) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == "hepburst-trainer"
    assert labels["licenses"] == "Apache-2.0"
    assert {"source", "revision", "created", "base.name", "base.digest"} <= set(labels)


def test_bytecode_is_there_and_taken() -> None:
    assert python(BYTECODE).strip() == "set()"


def test_the_inventory_names_every_package() -> None:
    for name, command, expected in (
        ("python", "import importlib.metadata as m; print(len({d.metadata['Name'] for d in m.distributions()}))", "torch"),
        ("debian", "print(__import__('subprocess').check_output(['dpkg-query', '-W']).count(b'\\n'))", "openmpi-bin"),
    ):
        document = json.loads(inside("cat", f"/usr/share/hepburst/sbom.{name}.cdx.json"))
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
        names = [component["name"] for component in document["components"]]
        assert expected in names
        assert len(names) == len({component["bom-ref"] for component in document["components"]})
        assert all(component.get("version") for component in document["components"])
        assert len(names) == int(python(command))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """As the MPI Operator's secret is mounted: root's files, which the pod's group may read."""
    if os.geteuid() != 0:
        pytest.skip("needs root to own the keys")
    key = tmp_path / "id_rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "521", "-N", "", "-f", key], check=True)
    shutil.copy(tmp_path / "id_rsa.pub", tmp_path / "authorized_keys")
    for path in (tmp_path, *tmp_path.iterdir()):
        os.chown(path, 0, 1000)
        path.chmod(0o750 if path.is_dir() else 0o640)
    return tmp_path


def test_sshd_runs_without_root_and_a_session_finds_what_a_rank_needs(keys: Path) -> None:
    said = inside("bash", "-c", SSHD, options=(f"--volume={keys}:/home/mpiuser/.ssh:ro",)).splitlines()
    assert said[:2] == ["/opt/hepburst/.venv/bin/python", "/usr/bin/orted"]
    assert said[2].startswith("2.9.1")


def test_two_ranks_under_mpirun_reduce_over_mpi() -> None:
    options = ["--oversubscribe", "--mca", "btl", "self,vader", "--mca", "btl_vader_single_copy_mechanism", "none"]
    said = inside("mpirun", "-np", "2", *options, "python", "-c", RANKS)
    assert said.splitlines() == ["True 3.0", "True 3.0"]


def test_a_training_ends_well() -> None:
    said = inside("sh", "-c", f"python -c '{TRAINING}' && python -m trainer /tmp/run.json && cat /tmp/result.json")
    assert '"status": "succeeded"' in said
