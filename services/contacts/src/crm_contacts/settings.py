"""Every knob of the contacts service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.features.custom_fields.settings import CustomFieldSettings
from crm_shared.features.erasure.settings import ErasureSettings
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.settings import NOT_GIVEN


class ContactsSettings(ImportSettings, CustomFieldSettings, ErasureSettings):
    service: str = "contacts"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_CONTACTS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_CONTACTS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_CONTACTS_OWNER_DSN", "owner_dsn"))

    directory_cache_s: float = Field(0, description="the directory is here: a deactivation counts at once")

    duplicate_review_s: float = Field(
        5.0, gt=0, description="how often the worker looks for tenants to learn of, whose contacts it scores again then"
    )
