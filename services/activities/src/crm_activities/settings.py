"""Every knob of the activities service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class ActivitiesSettings(ServiceSettings):
    service: str = "activities"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_ACTIVITIES_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_ACTIVITIES_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_ACTIVITIES_OWNER_DSN", "owner_dsn"))
