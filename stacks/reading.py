"""A stack's configuration as the settings of its target, or each slip of the pen in our words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.gke_sections import GcpBaseSettings, GkeSettings, Rented
from stacks.mistakes import full_name
from stacks.sections import Deployed, KubernetesSettings, LocalSettings, Section, maps_of, section_at
from trainer.contract import Preset
from trainer.refusal import Refusal, closest

SETTINGS: Mapping[Deployed, type[Section]] = {
    Deployed.LOCAL: LocalSettings,
    Deployed.KUBERNETES: KubernetesSettings,
    Deployed.GKE: GkeSettings,
    Deployed.GCP_BASE: GcpBaseSettings,
}


def read(config: Mapping[str, str]) -> Section:
    """Configuration (without its namespace; maps as JSON) as settings. Raises an `ExceptionGroup` of every `Refusal`."""
    # A target that there is not is refused by the settings of this machine, as any.
    expected = SETTINGS[target_of(config) or Deployed.LOCAL]
    maps = maps_of(expected)
    numbers = {name for name, field in expected.model_fields.items() if field.annotation in (int, int | None)}
    values = {name: _json(value) if name in maps | numbers else value for name, value in config.items()}
    try:
        return expected.model_validate_json(json.dumps(values))
    except ValidationError as problem:
        raise ExceptionGroup("settings", [_refusal(error, expected) for error in problem.errors()]) from None


def target_of(config: Mapping[str, str]) -> Deployed | None:
    """What the configuration is for; None where it does not say, or names what there is not."""
    target = config.get("target")
    return Deployed(target) if target in list(Deployed) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refusal(error: ErrorDetails, settings: type[Section]) -> Refusal:
    """A mistake that pydantic found, in our words."""
    section = section_at(settings, error["loc"])
    key, name = full_name(*error["loc"]), str(error["loc"][-1])
    match error["type"]:
        case "extra_forbidden":
            known = list(section.model_fields)
            return Refusal(
                f"{key} is no setting{closest(name, known)}", expected=", ".join(known), remedy="correct or remove it"
            )
        case "missing":
            return Refusal(f"{key} is missing", expected=_expected(section, name), remedy="add it")
        case "enum":
            choices = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            near = closest(str(error["input"]), choices)
            return Refusal(f"{key} is {error['input']!r}{near}", expected=" or ".join(choices), remedy="choose one of them")
    return Refusal(f"{key} is {error['input']!r}", expected=_expected(section, name), remedy="correct it")


def _expected(section: type[Section], name: str) -> str:
    """What a setting must be, in words."""
    kind: Any = section.model_fields[name].annotation if name in section.model_fields else None
    for choices in (Deployed, Preset, Rented):
        if kind is choices:
            return " or ".join(choices)
    words: dict[Any, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    words |= {known | None: said for known, said in words.items()}
    return words.get(kind, "a list of maps" if get_origin(kind) is list else "a map of settings")
