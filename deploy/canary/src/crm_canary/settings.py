"""Every knob of the canary; nothing else reads the environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class CanarySettings(BaseSettings):
    """Read from `CRM_CANARY_…`; where the suite is, from the variables that its services have for it too."""

    model_config = SettingsConfigDict(env_prefix="CRM_CANARY_", frozen=True, extra="ignore")

    http_host: str = Field("127.0.0.1", validation_alias=AliasChoices("CRM_HTTP_HOST", "http_host"))
    http_port: int = Field(8000, validation_alias=AliasChoices("CRM_HTTP_PORT", "http_port"))
    deals_url: str = Field(validation_alias=AliasChoices("CRM_DEALS_URL", "deals_url"))
    activities_url: str = Field(validation_alias=AliasChoices("CRM_ACTIVITIES_URL", "activities_url"))
    search_url: str = Field(validation_alias=AliasChoices("CRM_SEARCH_URL", "search_url"))
    reporting_url: str = Field(validation_alias=AliasChoices("CRM_REPORTING_URL", "reporting_url"))

    token_file: Path | None = Field(None, description="holds a token of its tenant's ADMIN; read at every request")
    token_url: str | None = Field(None, description="or the issuer that gives it one, by client credentials")
    client_id: str = "crm"
    client_secret_file: Path | None = None
    token_form: str = Field("", description="what that issuer wants to know besides: tenant_id=…&user_id=…")
    ca_file: Path | None = Field(None, description="PEM; without it the usual authorities are trusted")

    webhook_url: str | None = Field(
        None, description="where the suite's workers reach /hook of this process; without it that hop is not timed"
    )
    every_s: float = Field(10.0, gt=0, description="how often the deal is moved")
    lost_after_s: float = Field(30.0, gt=0, description="what does not show a move within is lost, and goes on")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias=AliasChoices("CRM_LOG_LEVEL", "log_level")
    )

    @model_validator(mode="after")
    def _require_one_way_to_tokens(self) -> Self:
        if (self.token_file is None) == (self.token_url is None):
            raise ValueError("give CRM_CANARY_TOKEN_FILE, or CRM_CANARY_TOKEN_URL")
        if self.token_url is not None and self.client_secret_file is None:
            raise ValueError("CRM_CANARY_TOKEN_URL needs CRM_CANARY_CLIENT_SECRET_FILE")
        return self
