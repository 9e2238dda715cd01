"""Every knob of the deals service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class DealsSettings(ServiceSettings):
    service: str = "deals"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_OWNER_DSN", "owner_dsn"))

    webhook_allow_private: bool = Field(default=False, description="deliver to private addresses too, as tests must")
    webhook_timeout_s: float = Field(10.0, description="for one whole attempt")
    webhook_concurrency: int = Field(16, description="attempts at once to one endpoint, by one worker")
    webhook_backoff_s: float = Field(5.0, description="pause after the first failure; doubles with each")
    webhook_backoff_max_s: float = Field(4 * 3600.0, description="longest pause between two attempts")
    webhook_give_up_after_h: float = Field(24.0, description="since a delivery's first attempt; it can be replayed")
    webhook_disable_after_h: float = Field(24.0, description="of failures alone: then the endpoint is switched off")
    webhook_disable_after_failures: int = Field(10, description="in a row, at least, before it is switched off")
    webhook_secret_overlap_h: float = Field(24.0, description="how long a replaced secret signs beside the new one")
    webhook_keep_days: int = Field(30, description="how long finished deliveries can be read and replayed")
