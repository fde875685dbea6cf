"""docs/stacks/gke.md shows what the program declares, and what it names there is."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys

import pytest

from docs.figures import critical_path, gke
from docs.figures.pages import BLOCK
from docs.figures.stack_diagram import Declared
from stacks.gke_sections import GkeSettings
from stacks.sections import section_at

PAGE = gke.PAGE.read_text(encoding="utf-8")
CLUSTER, POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"


@pytest.fixture(scope="module")
def declared() -> list[Declared]:
    """Asked of another process, as Pulumi's mocks leave event loops open in this one."""
    ask = "import json; from docs.figures import gke; print(json.dumps(gke.resources()))"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=gke.PROJECT)
    return [Declared(type_, name, owner, tuple(needs)) for type_, name, owner, needs in json.loads(answer.stdout)]


def test_diagram_and_critical_path_are_what_the_program_declares(declared: list[Declared]) -> None:
    shown = {found[2]: found[0] for found in BLOCK.finditer(PAGE)}
    for name, block in gke.blocks(declared).items():
        assert block in shown[name], "run: make figures"


def test_nothing_that_is_billed_by_the_hour_comes_before_the_deadline(declared: list[Declared]) -> None:
    for each in declared:
        if each.type in (CLUSTER, "gcp:compute/routerNat:RouterNat"):
            jobs = [need for need in _all_needs(declared, each) if need.type == "gcp:cloudscheduler/job:Job"]
            assert len(jobs) == 2, each


def test_the_longest_chain_is_one_of_things_that_wait_for_each_other(declared: list[Declared]) -> None:
    (pool,) = [each for each in declared if each.type == POOL and each.name != "system"]
    chain = critical_path.longest(declared, pool.key)
    assert [each.type for each in chain][-3:] == [CLUSTER, POOL, POOL]
    for before, after in itertools.pairwise(chain):
        assert before.key in after.needs


def test_the_page_names_settings_that_there_are() -> None:
    for section, name in re.findall(r"`(cluster|pool|storage|network)\.(\w+)`", PAGE):
        assert name in section_at(GkeSettings, (section, name)).model_fields, f"{section}.{name}"


def _all_needs(declared: list[Declared], of: Declared) -> list[Declared]:
    own = {each.key: each for each in declared}
    found: dict[str, Declared] = {}
    waiting = list(of.needs)
    while waiting:
        key = waiting.pop()
        if key in own and key not in found:
            found[key] = own[key]
            waiting += own[key].needs
    return list(found.values())
