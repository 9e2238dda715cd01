"""Every knob of the contacts service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class ContactsSettings(ServiceSettings):
    service: str = "contacts"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_OWNER_DSN", "owner_dsn"))

    directory_cache_s: float = Field(0, description="the directory is here: a deactivation counts at once")
