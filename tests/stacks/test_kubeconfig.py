from __future__ import annotations

from pathlib import Path

import pytest

from burst.cluster import ClusterAccess
from stacks.kubeconfig import check
from trainer.refusal import Refusal

CONTENT = "apiVersion: v1\nkind: Config\ncontexts: [{name: cern, context: {cluster: c, user: u}}]\n"


def access(kubeconfig: Path | str, context: str = "") -> ClusterAccess:
    return ClusterAccess(kubeconfig=str(kubeconfig), context=context, namespace="burst")


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(CONTENT)
    return path


def test_a_context_that_is_there_is_right(kubeconfig: Path) -> None:
    check(access(kubeconfig, "cern"))
    check(access(kubeconfig))


def test_a_context_that_is_not_there_is_refused_with_the_closest(kubeconfig: Path) -> None:
    with pytest.raises(Refusal, match="did you mean cern"):
        check(access(kubeconfig, "cer"))


def test_a_missing_kubeconfig_is_refused_with_the_way_to_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="make cluster-up"):
        check(access(tmp_path / "gone"))


def test_a_damaged_kubeconfig_is_refused_by_name(kubeconfig: Path) -> None:
    kubeconfig.write_text("contexts: [")
    with pytest.raises(Refusal, match="expected a kubeconfig"):
        check(access(kubeconfig))


def test_the_environment_names_several_files(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_text(CONTENT.replace("cern", "desy"))
    monkeypatch.setenv("KUBECONFIG", f"{kubeconfig}:{other}")
    check(access("", "desy"))
