"""Every knob of the warehouse's sync."""

from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from crm_shared.secret_files import SettingsByFile

DestinationName = Literal["duckdb", "filesystem", "bigquery", "snowflake"]
NOT_GIVEN: Final = SecretStr("")


class WarehouseSettings(SettingsByFile):
    model_config = SettingsConfigDict(env_prefix="CRM_WAREHOUSE_", extra="ignore", frozen=True)

    dsn: SecretStr = Field(
        NOT_GIVEN, description="reporting's PostgreSQL as the role that `access` made; a replica is fine"
    )
    destination: DestinationName = Field("duckdb", description="duckdb, filesystem, bigquery or snowflake")
    dataset: str = Field("crm", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="schema or folder that holds the tables")
    duckdb_file: Path = Field(Path("warehouse.duckdb"), description="with duckdb: the database's file")
    bucket_url: str = Field("", description="with filesystem: s3://…, gs://…, az://…, file:///…")
    credentials: SecretStr = Field(
        NOT_GIVEN, description="with bigquery: a service account's JSON; with snowflake: its URL"
    )
    location: str = Field("US", description="with bigquery: where the dataset lies")
    work_dir: Path = Field(
        Path(".crm-warehouse"), description="holds what is on its way; what was interrupted goes on from here"
    )


class OwnerSettings(SettingsByFile):
    """What `access` takes: nobody else needs them."""

    model_config = SettingsConfigDict(env_prefix="CRM_", extra="ignore", frozen=True)

    admin_dsn: SecretStr = Field(NOT_GIVEN, description="PostgreSQL as an administrator, who may make roles")
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_REPORTING_OWNER_DSN", "owner_dsn"))
