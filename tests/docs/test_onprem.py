"""docs/stacks/onprem.md shows what the program declares, and its Role is what the stack needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml

from docs.figures import onprem, stack_diagram
from docs.figures.pages import BLOCK, code

PAGE = onprem.PAGE.read_text(encoding="utf-8")
ROLE = onprem.PAGE.with_name("onprem-role.yaml")
CLUSTER_WIDE = ("Namespace", "ResourceQuota")
"""Made with `own_namespace: true` only."""


@pytest.fixture(scope="module")
def declared() -> list[stack_diagram.Declared]:
    """Asked of another process, as Pulumi's mocks leave event loops open in this one."""
    ask = "import json; from docs.figures import onprem; print(json.dumps(onprem.resources()))"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=onprem.PROJECT)
    return [stack_diagram.Declared(*each) for each in json.loads(answer.stdout)]


def test_the_diagram_is_what_the_program_declares(declared: list[stack_diagram.Declared]) -> None:
    (block,) = [text for text in BLOCK.finditer(PAGE) if text[2] == "resources"]
    drawn = code(stack_diagram.diagram(declared, onprem.AT_RUN_TIME), "mermaid")
    assert drawn in block[0], "run: make figures"


def test_the_role_may_make_everything_that_the_stack_declares(declared: list[stack_diagram.Declared]) -> None:
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    may_create = {resource for rule in rules if "create" in rule["verbs"] for resource in rule["resources"]}
    kinds = {each.type.rpartition(":")[2] for each in declared if each.type.startswith("kubernetes:")} - set(CLUSTER_WIDE)
    assert {f"{kind.lower()}s" for kind in kinds} <= may_create


def test_the_page_names_settings_that_there_are() -> None:
    from stacks.sections import KubernetesSettings, maps_of, section_at

    assert maps_of(KubernetesSettings)
    for section, name in re.findall(r"`(cluster|pool|storage)\.(\w+)`", PAGE):
        assert name in section_at(KubernetesSettings, (section, name)).model_fields, f"{section}.{name}"
