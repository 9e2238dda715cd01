"""Every knob of the activities service."""

from pydantic import AliasChoices, AnyHttpUrl, Field, SecretStr

from crm_shared.features.erasure.settings import ErasureSettings
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.settings import NOT_GIVEN


class ActivitiesSettings(ImportSettings, ErasureSettings):
    service: str = "activities"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_ACTIVITIES_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_ACTIVITIES_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_ACTIVITIES_OWNER_DSN", "owner_dsn"))

    public_url: AnyHttpUrl | None = Field(
        None,
        description="what the addresses of calendar feeds begin with, where it is not what requests are sent to, as"
        " behind a gateway: https://crm.example",
    )
    activity_page_url: str | None = Field(
        None,
        pattern=r"^https?://[!-z|~]*\{id\}[!-z|~]*$",
        max_length=1000,
        description="of an activity for people, to which entries in calendars lead: https://crm.example/activities/{id}",
    )
    series_check_s: float = Field(0.5, gt=0, description="how often the worker looks for instances of series to make")
