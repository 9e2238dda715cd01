"""Every knob of the deals service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class DealsSettings(ServiceSettings):
    service: str = "deals"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_DEALS_OWNER_DSN", "owner_dsn"))
