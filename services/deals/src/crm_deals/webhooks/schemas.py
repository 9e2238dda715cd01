"""What requests about webhooks look like, and their answers."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from crm_deals.settings import DealsSettings
from crm_deals.webhooks.addresses import to_url
from crm_deals.webhooks.commands import CreateWebhook, EditWebhook
from crm_deals.webhooks.destinations import Destinations
from crm_deals.webhooks.sent_types import SENT_TYPES
from crm_deals.webhooks.signing import MIN_KEY_BYTES, to_key
from crm_shared.access import Caller
from crm_shared.contracts.states import State
from crm_shared.http.models import Instant, PageQuery, RequestBody
from crm_shared.text import to_line


def _to_event_type(text: str) -> str:
    if text not in SENT_TYPES:
        raise ValueError(f"is not one of {', '.join(sorted(SENT_TYPES))}")
    return text


Url = Annotated[str, AfterValidator(to_url), Field(examples=["https://erp.example/hooks/crm"])]
EventType = Annotated[str, AfterValidator(_to_event_type)]
EventTypes = Annotated[
    list[EventType],
    Field(min_length=1, max_length=len(SENT_TYPES), examples=[["crm.deal.won"]]),
]


def _require_strong(secret: str) -> str:
    if len(to_key(secret)) < MIN_KEY_BYTES:
        raise ValueError(f"needs a key of at least {MIN_KEY_BYTES} bytes; 24 to 64 are usual")
    return secret


Secret = Annotated[
    str,
    StringConstraints(min_length=MIN_KEY_BYTES, max_length=255),
    AfterValidator(to_line),
    AfterValidator(_require_strong),
    Field(description="`whsec_` and base64, as standardwebhooks.com has it, or any text. Never shown again"),
]


class CreateWebhookRequest(RequestBody):
    url: Url
    event_types: EventTypes
    secret: Secret | None = Field(default=None, description="without it one is made, and shown in the answer")

    def to_command(self, caller: Caller, settings: DealsSettings) -> CreateWebhook:
        types = tuple(dict.fromkeys(self.event_types))
        return CreateWebhook(
            caller, self.url, types, self.secret, Destinations.of(settings), settings.webhook_max_per_tenant
        )


class EditWebhookRequest(RequestBody):
    """A new secret signs beside the old one for a day, so that the receiver can change over; two sign at most."""

    url: Url = Field(default="")
    event_types: EventTypes = Field(default=[])
    secret: Secret = Field(default="")
    active: StrictBool = Field(default=True, description="false keeps events and sends none; true sends them, in order")

    def to_command(
        self, webhook_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None, settings: DealsSettings
    ) -> EditWebhook:
        changes = self.given()
        if "event_types" in changes:
            changes["event_types"] = tuple(dict.fromkeys(self.event_types))
        return EditWebhook(
            caller,
            webhook_id,
            changes,
            expected_version,
            timedelta(hours=settings.webhook_secret_overlap_h),
            Destinations.of(settings),
        )


class ReplayRequest(RequestBody):
    since: Instant = Field(description="deliveries of events told at or after this moment are sent again, in order")


DeliveryStatus = Literal["PENDING", "DELIVERED", "FAILED"]


class DeliveryList(PageQuery):
    status: DeliveryStatus | None = None
    event_type: EventType | None = None
    record_id: UUID | None = None


class WebhookAnswer(State):
    url: str
    event_types: list[str]
    active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    previous_secret_until: datetime | None


class CreatedWebhook(WebhookAnswer):
    secret: Annotated[str | None, Field(description="shown this once: null in an answer that is repeated")]


class WebhookPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[WebhookAnswer]
    next_cursor: str | None


class Delivery(BaseModel):
    """One event on its way to one webhook. `replay_of`: the delivery that this one repeats."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    record_id: UUID
    record_version: int
    status: DeliveryStatus
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    response_status: int | None
    response_excerpt: str | None
    error: str | None
    duration_ms: int | None
    told_at: datetime
    created_at: datetime
    delivered_at: datetime | None
    replay_of: UUID | None


class DeliveryPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[Delivery]
    next_cursor: str | None


class Replayed(BaseModel):
    count: int
