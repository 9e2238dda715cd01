"""Every knob of the deals service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.features.custom_fields.settings import CustomFieldSettings
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.settings import NOT_GIVEN


class DealsSettings(ImportSettings, CustomFieldSettings):
    service: str = "deals"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_DEALS_OWNER_DSN", "owner_dsn"))

    webhook_allow_private: bool = Field(default=False, description="deliver to private addresses too, as tests must")
    webhook_allow_http: bool = Field(default=False, description="deliver without TLS too, to port 80")
    webhook_ports: tuple[int, ...] = Field((443, 8443), description="that webhooks may lead to, as a JSON list")
    webhook_max_per_tenant: int = Field(50, description="more are refused with 409")
    webhook_replays_per_hour: int = Field(6, description="of one webhook; more are refused with 429")
    webhook_timeout_s: float = Field(10.0, description="for one whole attempt")
    webhook_concurrency: int = Field(16, description="attempts at once of one tenant to one host, by one worker")
    webhook_tenant_concurrency: int = Field(64, description="attempts at once of one tenant, by one worker")
    webhook_host_concurrency: int = Field(32, description="attempts at once to one host, whoever's, by one worker")
    webhook_host_rate: float = Field(100.0, description="attempts a second to one host, whoever's, by one worker")
    webhook_total_concurrency: int = Field(512, description="attempts at once, by one worker")
    webhook_poll_s: float = Field(0.5, description="how often the worker looks for attempts to be made again")
    webhook_backoff_s: float = Field(5.0, description="pause after the first failure; doubles with each")
    webhook_backoff_max_s: float = Field(4 * 3600.0, description="longest pause between two attempts")
    webhook_give_up_after_h: float = Field(24.0, description="since a delivery's first attempt; it can be replayed")
    webhook_disable_after_h: float = Field(24.0, description="of failures alone: then the endpoint is switched off")
    webhook_disable_after_failures: int = Field(10, description="in a row, at least, before it is switched off")
    webhook_secret_overlap_h: float = Field(24.0, description="how long a replaced secret signs beside the new one")
    webhook_keep_days: int = Field(30, description="how long finished deliveries can be read and replayed")
