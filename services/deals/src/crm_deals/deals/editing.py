"""What a PATCH makes of a deal, the same for one and for many. No I/O."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm_deals.deals import domain
from crm_deals.deals.domain import Deal, Decision
from crm_deals.pipelines.domain import Stage
from crm_shared.money import to_amount

NO_FIELDS = frozenset({"pipeline_id", "stage_id", "changed_at"})
"""They lead to another stage, which is no edit of a field."""


def fit_amount(deal: Deal, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Hold the amount against the currency that the deal will have, also when only the currency changes."""
    currency = changes.get("currency", deal.currency)
    amount = changes.get("amount", deal.amount)
    if amount is None or not {"amount", "currency"} & changes.keys():
        return dict(changes)
    pointer = "/amount" if "amount" in changes else "/currency"
    return {**changes, "amount": to_amount(amount, currency, pointer=pointer)}


def apply_changes(
    deal: Deal, changes: Mapping[str, Any], stages: tuple[Stage, Stage] | None, *, at: datetime, now: datetime
) -> Decision:
    """Change the fields, then the stage if `stages` (from, to) are given: `at` is when that was.

    A reason for the loss goes with the change that loses the deal. Raises InvalidField.
    """
    fields = {name: value for name, value in changes.items() if name not in NO_FIELDS}
    if stages is None or stages[1].id == deal.stage_id:
        return domain.edit(deal, fields, now=now)  # a reason for the loss too: it is lost already
    lost_reason = fields.pop("lost_reason", None)
    edited = domain.edit(deal, fields, now=now)
    return edited.then(
        domain.transfer(edited.deal, *stages, lost_reason=lost_reason, at=at, now=max(now, deal.stage_changed_at))
    )
