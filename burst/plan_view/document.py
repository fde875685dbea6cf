"""Plans as a JSON document, for programs. Its names and units stay; what is new comes under a new name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from burst import facts
from burst.advice import Limits, Setting
from burst.advice import name as plan_name
from burst.facts import Phase, ServicePrice
from burst.forecast.tariff import tariff
from burst.forecast.work import Work
from burst.plan_view.answer import Answer, Row
from burst.wanted import Wanted
from trainer.contract import Json

SCHEMA = 1
"""Raised when a name changes its meaning."""


def plans_document(answer: Answer) -> dict[str, Json]:
    """All that `burst plan` says. Figures are rounded as in stack outputs."""
    front = answer.front
    return {
        **_head(front.work),
        "wanted": _wanted(answer.wanted),
        "limits": {field.name: getattr(answer.limits, field.name) for field in fields(Limits)},
        "num_candidates": front.num_candidates,
        "num_plans_on_front": len(front.offers),
        "num_plans_within_limits": answer.num_within,
        "plans": [plan(row) for row in answer.rows] if answer.is_possible else [],
        "recommended": answer.best.number if answer.is_possible else None,
        "settings": _settings(answer.settings) if answer.is_possible else [],
        "savings": list(answer.savings),
        "exclusions": list(answer.exclusions),
        "nearest": None if answer.is_possible else plan(answer.best),
        "set_aside": [{"reason": reason, "num_offers": count} for reason, count in front.set_aside.most_common()],
        "warnings": list(answer.warnings),
    }


def explanation_document(row: Row, settings: Sequence[Setting], warnings: Sequence[str]) -> dict[str, Json]:
    """All that `burst plan --explain` says of one row."""
    return {
        **_head(row.rental.work),
        "plan": plan(row),
        "phases": [_phase(phase) for phase in phases(row)],
        "service_prices": [_service_price(price) for price in service_prices(row)],
        "settings": _settings(settings),
        "warnings": list(warnings),
    }


def phases(row: Row) -> list[Phase]:
    """The stretches of a plan's life, with what is known of each."""
    return list(facts.phases(row.rental.offer.shape.target).values())


def service_prices(row: Row) -> tuple[ServicePrice, ...]:
    """What is billed beside the machines."""
    offer = row.rental.offer
    return tariff(offer.shape.target, offer.region).prices


def plan(row: Row) -> dict[str, Json]:
    """One plan: what is rented, what it takes, and on what the figures rest."""
    rental, offer = row.rental, row.rental.offer
    cost = row.cost.to_output()
    return {
        "row": row.number,
        "name": plan_name(rental),
        "provider": offer.shape.provider,
        "region": offer.region,
        "zones": list(offer.zones),
        "shape": offer.shape.name,
        "accelerator": offer.shape.accelerator,
        "num_accelerators_per_node": offer.shape.num_accelerators,
        "num_nodes": rental.num_nodes,
        "num_ranks": rental.num_ranks,
        "purchase": str(offer.purchase),
        "usd_per_node_hour": offer.usd_per_hour,
        "batch_per_rank": rental.batch_per_rank,
        "global_batch": rental.global_batch,
        "num_epochs": row.num_epochs,
        "num_updates": row.num_updates,
        "ecal_error_percent": None if row.ecal_error_percent is None else round(row.ecal_error_percent, 2),
        "is_extrapolated": row.is_extrapolated,
        "marks": list(row.marks),
        **{name: value for name, value in cost.items() if name != "facts"},
    }


def _head(work: Work) -> dict[str, Json]:
    snapshot = facts.snapshot()
    return {
        "schema": SCHEMA,
        "work": _work(work),
        "facts": {"date": snapshot.date, "sha256": snapshot.sha256, "prices": snapshot.prices_file},
    }


def _work(work: Work) -> dict[str, Json]:
    return {
        "num_samples": work.num_samples,
        "num_epochs": work.num_epochs,
        "num_updates": work.num_updates,
        "implementation": work.implementation,
        "relative_compute": work.compute.to_output(),
    }


def _wanted(wanted: Wanted) -> dict[str, Json]:
    return {
        "providers": _names(wanted.providers),
        "regions": _names(wanted.regions),
        "shapes": _names(wanted.shapes),
        "accelerators": _names(wanted.accelerators),
        "purchases": _names(wanted.purchases),
        "batches": [*wanted.batches],
        "max_accelerators": wanted.max_accelerators,
        "min_updates": wanted.min_updates,
        "quota": dict(wanted.quota),
        "measured_only": wanted.measured_only,
        "max_age_days": wanted.max_age_days,
    }


def _names(names: Iterable[str]) -> list[Json]:
    return [str(name) for name in sorted(names)]


def _settings(settings: Sequence[Setting]) -> list[Json]:
    return [{"name": each.name, "value": each.value, "reason": each.reason} for each in settings]


def _phase(phase: Phase) -> dict[str, Json]:
    return {
        "name": phase.name,
        "seconds": phase.seconds.to_output(),
        "billed": str(phase.billed),
        "source": phase.source,
        "as_of": phase.as_of,
        "confidence": phase.confidence,
    }


def _service_price(price: ServicePrice) -> dict[str, Json]:
    return {
        "service": price.service,
        "item": price.item,
        "usd": price.usd,
        "unit": price.unit,
        "source": price.source,
        "as_of": price.as_of,
    }
