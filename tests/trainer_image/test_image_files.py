from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from burst.image_sources import VARIANT_ARGUMENTS
from engine.python_environment import UV_PACKAGE
from trainer.image.debian_sbom import document
from trainer.image.install import cuda_packages, horovod_variables

PROJECT = Path(__file__).resolve().parents[2]
IMAGE = PROJECT / "trainer" / "image"
DOCKERFILE = (PROJECT / "trainer" / "Dockerfile").read_text()


def sshd() -> str:
    found = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip("no sshd on this machine")
    return found


def test_every_image_that_is_fetched_is_pinned_by_its_digest() -> None:
    fetched = re.findall(r"docker\.io/\S+", DOCKERFILE)
    assert fetched
    assert all(re.search(r"@(sha256:[0-9a-f]{64}|\$\{BASE_DIGEST\})$", name) for name in fetched), fetched


def test_the_last_stage_runs_as_the_user_whom_pods_run_as() -> None:
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert "USER 1000:1000" in last
    assert "g++" not in last
    assert "g++" not in DOCKERFILE.split(" AS runtime")[1].split("\nFROM ")[0]


def test_nothing_of_one_machine_is_in_the_dockerfile() -> None:
    assert not re.search(r"proxy|index-url|trusted-host|\.pem|_CERT", DOCKERFILE, re.IGNORECASE)


def test_uv_is_the_projects_own_version() -> None:
    assert f"ARG UV_VERSION={UV_PACKAGE.partition('==')[2]}\n" in DOCKERFILE


def test_the_toolkit_of_the_dockerfile_is_that_of_a_build_by_the_stack() -> None:
    assert VARIANT_ARGUMENTS["cuda"]["TOOLKIT"] in DOCKERFILE


def test_sshd_takes_the_configuration_and_gives_ranks_the_environments_python(tmp_path: Path) -> None:
    key = tmp_path / "id_rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key], check=True)
    text = (IMAGE / "sshd_config").read_text().replace("HostKey /home/mpiuser/.ssh/id_rsa", f"HostKey {key}")
    config = tmp_path / "sshd_config"
    config.write_text(text)
    done = subprocess.run([sshd(), "-T", "-f", config], capture_output=True, text=True, check=False)
    if "privilege separation directory" in done.stderr:
        pytest.skip("sshd was never set up on this machine")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert {"port 2222", "usepam no", "strictmodes no", "pidfile /tmp/sshd.pid", "passwordauthentication no"} <= set(said)
    assert any(line.startswith("setenv PATH=/opt/hepburst/.venv/bin:") for line in said)


def test_debian_packages_become_a_document_that_is_always_the_same(tmp_path: Path) -> None:
    packages = [
        {"Package": "openmpi-bin", "Version": "4.1.4-3+b1", "Architecture": "amd64", "Source": "openmpi (4.1.4-3)"},
        {"Package": "bash", "Version": "5.2.15-2+b7", "Architecture": "amd64", "Source": ""},
    ]
    first = document(packages, distribution="debian-12")
    assert first == document(packages[::-1], distribution="debian-12")
    assert [component["name"] for component in first["components"]] == ["bash", "openmpi-bin"]
    assert first["components"][1]["properties"] == [{"name": "debian:source", "value": "openmpi"}]
    assert len({component["bom-ref"] for component in json.loads(json.dumps(first))["components"]}) == 2


def test_horovod_in_the_image_is_built_as_in_the_project_but_with_mpi() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["uv"]["extra-build-variables"]["horovod"]
    cpu, cuda = (horovod_variables(project, variant) for variant in ("cpu", "cuda"))
    assert {name: project[name] for name in project if name != "HOROVOD_WITHOUT_MPI"} | {"HOROVOD_WITH_MPI": "1"} == cpu
    assert cuda.items() > cpu.items()
    assert cuda["HOROVOD_GPU_OPERATIONS"] == "NCCL"


def test_without_an_index_everything_comes_from_the_lock_and_with_one_all_but_torch() -> None:
    lock = tomllib.loads((PROJECT / "uv.lock").read_text())
    left_out = cuda_packages(lock)
    assert {"torch", "triton", "nvidia-nccl-cu12", "nvidia-cudnn-cu12"} <= set(left_out)
    assert not {"numpy", "h5py", "horovod", "sympy"} & set(left_out)
