"""A small price table, and a server whose lists say the same as it: each test then changes one thing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from burst.facts.refresh import GCP_API_KEY_VARIABLE, Endpoints, Refreshed, refresh
from burst.facts.refresh.table import COLUMNS
from burst.facts.rows import Row, read_rows
from tests.burst.facts.refresh.lists import (
    AZURE_PATH,
    GCP_PATH,
    OCI_PATH,
    AzureList,
    GcpList,
    Item,
    OciList,
    azure_item,
    azure_spot,
    gcp_sku,
    oci_item,
)
from tests.burst.facts.refresh.loopback import Loopback
from trainer.refusal import Refusal

TODAY = date(2026, 11, 24)
AMERICAS, NETHERLANDS = ("us-central1", "us-east1"), ("europe-west4",)
AZURE_REGIONS = ("eastus", "northeurope", "swedencentral", "uksouth", "westeurope", "westus3")
A100, D8 = "Standard_NC24ads_A100_v4", "Standard_D8s_v5"
GPU_HOUR, OCPU_HOUR, GB_HOUR = "GPU Per Hour", "OCPU Per Hour", "Gigabytes Per Hour"


def row(provider: str, region: str, shape: str, kind: str, on_demand: str, spot: str, **others: str) -> Row:
    defaults = {"zone": "", "vcpus": "24", "memory_gib": "220", "accelerator": "", "num_accelerators": "", "note": ""}
    dated = {"source": "an older list", "as_of": "2026-06-18", "confidence": "medium"}
    prices = {"usd_per_hour": on_demand, "spot_usd_per_hour": spot}
    whole = {**defaults, **dated, **prices, **others, "provider": provider, "region": region, "shape": shape, "kind": kind}
    return {column: whole[column] for column in COLUMNS}


def azure_rows() -> list[Row]:
    a100 = {"accelerator": "A100-80GB-PCIe", "num_accelerators": "1"}
    return [
        *(row("azure", region, A100, "vm_with_accelerator", "3.673", "1.5", **a100) for region in AZURE_REGIONS),
        *(row("azure", region, D8, "vm", "0.384", "", vcpus="8", memory_gib="32") for region in AZURE_REGIONS),
    ]


def oci_rows() -> list[Row]:
    gpus = {
        "VM.GPU3.1": ("V100-16GB", "1", "2.95", "1.475"),
        "VM.GPU3.4": ("V100-16GB", "4", "11.8", "5.9"),
        "BM.GPU3.8": ("V100-16GB", "8", "23.6", ""),
        "BM.GPU4.8": ("A100-40GB", "8", "24.4", ""),
        "BM.GPU.H100.8": ("H100-80GB", "8", "80", ""),
        "BM.GPU.FUTURE.8": ("H200-141GB", "8", "99", ""),
    }
    flex = {"VM.Standard.E4.Flex:per_ocpu": ("0.025", "0.0125"), "VM.Standard.E4.Flex:per_gb_memory": ("0.0015", "0.00075")}
    return [
        *(
            row("oci", "*", shape, "bare_metal_with_accelerator", usd, spot, accelerator=gpu, num_accelerators=count)
            for shape, (gpu, count, usd, spot) in gpus.items()
        ),
        *(row("oci", "*", shape, "flexible_unit", usd, spot) for shape, (usd, spot) in flex.items()),
    ]


def gcp_rows() -> list[Row]:
    n1, a2 = {"vcpus": "8", "memory_gib": "30"}, {"vcpus": "12", "memory_gib": "170"}
    ultra = {**a2, "accelerator": "A100-80GB", "num_accelerators": "1"}
    v100 = {"accelerator": "V100-16GB", "num_accelerators": "8", "vcpus": "", "memory_gib": "", "note": "transcribed"}
    tpu = {"accelerator": "TPU-v3", "num_accelerators": "4", "vcpus": "", "memory_gib": ""}
    zones = ("us-central1-a", "us-central1-b")
    return [
        *(row("gcp", region, "n1-standard-8", "vm", "0.38", "0.08", **n1) for region in AMERICAS),
        row("gcp", "us-central1", "a2-ultragpu-1g", "vm_with_accelerator", "5.068798", "2.5", **ultra),
        *(row("gcp", "us-central1", "", "attachable_accelerator", "19.84", "9.92", zone=zone, **v100) for zone in zones),
        row("gcp", "us-central1", "v3-8", "tpu_slice", "8", "2.4", zone="us-central1-a", **tpu),
    ]


def azure_items() -> list[Item]:
    return [
        *(azure_item(A100, region, 3.673) for region in AZURE_REGIONS),
        *(azure_spot(A100, region, 1.5) for region in AZURE_REGIONS),
        *(azure_item(D8, region, 0.384) for region in AZURE_REGIONS),
    ]


def oci_items() -> list[Item]:
    return [
        oci_item("B88317", "Compute - Virtual Machine Standard - X5", OCPU_HOUR, 0.0638),
        oci_item("B89734", "Compute - GPU Standard - V2", GPU_HOUR, 2.95),
        oci_item("B92740", "Compute - GPU - E3", GPU_HOUR, 3.05),
        oci_item("B98415", "Oracle Cloud Infrastructure - Compute - GPU - H100", GPU_HOUR, 10),
        oci_item("B111824", "OCI - NVIDIA AI Enterprise - H100", GPU_HOUR, 2.5),
        oci_item("B93113", "Compute - Standard - E4 - OCPU", OCPU_HOUR, 0.025),
        oci_item("B93114", "Compute - Standard - E4  - Memory", "Gigabyte Per Hour", 0.0015),
    ]


def gcp_skus() -> list[Item]:
    core, ram = (0.38 - 30 * 0.004) / 8, 0.004
    disk = 0.08 / 730 * 375
    return [
        gcp_sku("N1 Predefined Instance Core running in Americas", AMERICAS, core),
        gcp_sku("N1 Predefined Instance Ram running in Americas", AMERICAS, ram, unit="GiBy.h"),
        gcp_sku("Spot Preemptible N1 Predefined Instance Core running in Americas", AMERICAS, 0.00625),
        gcp_sku("Spot Preemptible N1 Predefined Instance Ram running in Americas", AMERICAS, 0.001, unit="GiBy.h"),
        gcp_sku("A2 Instance Core running in Americas", AMERICAS[:1], 0.031611),
        gcp_sku("A2 Instance Ram running in Americas", AMERICAS[:1], 0.004237, unit="GiBy.h"),
        gcp_sku("Nvidia Tesla A100 80GB GPU running in Americas", AMERICAS[:1], 3.92808),
        gcp_sku("SSD backed Local Storage", AMERICAS[:1], 0.08, unit="GiBy.mo"),
        gcp_sku("Spot Preemptible A2 Instance Core running in Americas", AMERICAS[:1], 0.01),
        gcp_sku("Spot Preemptible A2 Instance Ram running in Americas", AMERICAS[:1], 0.002, unit="GiBy.h"),
        gcp_sku("Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs running in Americas", AMERICAS[:1], 2.04 - disk),
        gcp_sku(
            "SSD backed Local Storage attached to Spot Preemptible VMs", AMERICAS[:1], 0.08, unit="GiBy.mo", usage="OnDemand"
        ),
        gcp_sku("Nvidia Tesla V100 GPU running in Americas", AMERICAS[:1], 2.48),
        gcp_sku("Nvidia Tesla V100 GPU attached to Spot Preemptible VMs running in Americas", AMERICAS[:1], 1.24),
    ]


@dataclass(kw_only=True)
class World:
    """A folder with a price table, and the lists of all providers, which say the same."""

    folder: Path
    server: Loopback
    azure: AzureList
    oci: OciList
    gcp: GcpList
    said: list[str]

    @property
    def endpoints(self) -> Endpoints:
        address = self.server.address
        return Endpoints(azure=address + AZURE_PATH, oci=address + OCI_PATH, gcp=address + GCP_PATH)

    def refresh(self, *providers: str, **options: Any) -> Refreshed:
        whole = {"today": TODAY, "endpoints": self.endpoints, "timeout_seconds": 5.0, "progress": self.said.append, **options}
        return refresh(providers=providers, folder=self.folder, **whole)

    def refusal(self, *providers: str, **options: Any) -> str:
        """The refusal of a refresh, after which everything in the folder is as it was."""
        before = self.files()
        with pytest.raises(Refusal) as caught:
            self.refresh(*providers, **options)
        assert self.files() == before, "a refresh that is refused changes nothing"
        return str(caught.value)

    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}

    def rows(self, refreshed: Refreshed) -> dict[tuple[str, str, str], Row]:
        """Rows of the new table by provider, shape and region (or zone)."""
        assert refreshed.path is not None
        return {(row["provider"], row["shape"], row["zone"] or row["region"]): row for row in read_rows(refreshed.path)}


def write_table(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv(GCP_API_KEY_VARIABLE, raising=False)
    folder = tmp_path / "facts"
    folder.mkdir()
    write_table(folder / "prices-2026-11-23.csv", [*gcp_rows(), *azure_rows(), *oci_rows()])
    server = Loopback()
    lists = {"azure": AzureList(azure_items()), "oci": OciList(oci_items()), "gcp": GcpList(gcp_skus())}
    world = World(folder=folder, server=server, said=[], **lists)  # type: ignore[arg-type]  # one of each
    server.handlers.update({AZURE_PATH: world.azure, OCI_PATH: world.oci, GCP_PATH: world.gcp})
    yield world
    server.close()
