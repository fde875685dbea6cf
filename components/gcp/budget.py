"""A budget that writes to whoever pays. Owns the budget alone, which stops nothing: a burst's deadline and limits do that.

It needs `roles/billing.costsManager` on the billing account, which many researchers do not have: it is optional. Cloud
Billing hears of costs hours late, so its mails tell of a day, not of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import billing

from trainer.refusal import Refusal

THRESHOLDS = (0.5, 0.9, 1.0)
"""Shares of the month's amount that was spent, at which a mail is sent,"""
FORECAST_THRESHOLD = 1.0
"""and of what Google expects to be spent by its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetArgs:
    """How much a month, of which project, paid by which account."""

    name: str
    billing_account: str
    """`012345-6789AB-CDEF01`."""
    project_number: Input[str]
    """The API gives the number back, also for a name: a name would be a change at every `up`."""
    usd_per_month: int

    def __post_init__(self) -> None:
        if self.usd_per_month < 1:
            raise Refusal(
                f"a budget of {self.usd_per_month} USD", expected="1 or more", remedy="set budget_usd, or leave it out"
            )


class Budget(ComponentResource):
    """Mails to the billing account's administrators."""

    def __init__(self, name: str, args: BudgetArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Budget", name, {}, opts)
        self.budget = billing.Budget(name, budget_inputs(args), opts=ResourceOptions(parent=self))
        self.register_outputs({})


def budget_inputs(args: BudgetArgs) -> billing.BudgetArgs:
    """Of the budget, in US dollars; the billing account's currency must be that."""
    spent = [billing.BudgetThresholdRuleArgs(threshold_percent=share, spend_basis="CURRENT_SPEND") for share in THRESHOLDS]
    expected = billing.BudgetThresholdRuleArgs(threshold_percent=FORECAST_THRESHOLD, spend_basis="FORECASTED_SPEND")
    return billing.BudgetArgs(
        billing_account=args.billing_account,
        display_name=args.name,
        amount=billing.BudgetAmountArgs(
            specified_amount=billing.BudgetAmountSpecifiedAmountArgs(currency_code="USD", units=str(args.usd_per_month))
        ),
        budget_filter=billing.BudgetBudgetFilterArgs(
            projects=[Output.format("projects/{0}", args.project_number)], calendar_period="MONTH"
        ),
        threshold_rules=[*spent, expected],
    )
