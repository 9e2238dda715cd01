"""Where the rows go: dlt's destination of each kind, made of the settings, and dlt's own knobs."""

import logging
import os
from typing import Any, Final

import dlt
from dlt.common.configuration.specs import GcpServiceAccountCredentials
from dlt.common.destination import Destination
from dlt.common.schema import Schema
from dlt.common.schema.typing import TSchemaContractDict, TTableSchema, TWriteDispositionConfig
from dlt.common.schema.utils import new_table
from dlt.pipeline.pipeline import Pipeline

from crm_warehouse.settings import WarehouseSettings
from crm_warehouse.star import TABLES, calendar

SCHEMA_NAME: Final = "crm"
FROZEN: Final[TSchemaContractDict] = {"tables": "freeze", "columns": "freeze", "data_type": "freeze"}
MERGE: Final[TWriteDispositionConfig] = {"disposition": "merge", "strategy": "delete-insert"}
WHOLE_FILES: Final = "filesystem"
"""The destination that has no merge: plain Parquet is written whole or not at all."""


class WrongDestination(Exception):
    """A destination lacks a setting, or its client is not installed. Says which."""


def configure() -> None:
    """Set dlt's knobs: nobody is told that we ran, and nothing of what was sent stays behind here or in staging."""
    for name, value in {
        "runtime.dlthub_telemetry": False,
        "normalize.parquet_normalizer.add_dlt_load_id": True,
        "load.delete_completed_jobs": True,
        "load.truncate_staging_dataset": True,
        "load.raise_on_failed_jobs": True,
    }.items():
        dlt.config[name] = value
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # which else would win over what is set here
    if "RUNTIME__LOG_LEVEL" not in os.environ:
        # It warns of every column that Arrow calls nullable and the schema does not.
        logging.getLogger("dlt").setLevel(logging.ERROR)


def make_destination(settings: WarehouseSettings) -> Destination[Any, Any]:
    """Return dlt's destination. Raises WrongDestination."""
    credentials = settings.credentials.get_secret_value()
    if settings.destination == "duckdb":
        if settings.duckdb_file.stem == settings.dataset:
            raise WrongDestination(f"DuckDB can't tell {settings.duckdb_file} from its schema: name one differently")
        return dlt.destinations.duckdb(str(settings.duckdb_file))
    if settings.destination == "filesystem":
        if not settings.bucket_url:
            raise WrongDestination("filesystem needs CRM_WAREHOUSE_BUCKET_URL: s3://…, gs://…, az://… or file:///…")
        return dlt.destinations.filesystem(settings.bucket_url)
    if settings.destination == "bigquery":
        if not credentials:
            return dlt.destinations.bigquery(location=settings.location)
        account = GcpServiceAccountCredentials()
        account.parse_native_representation(credentials)
        return dlt.destinations.bigquery(account, location=settings.location)
    return dlt.destinations.snowflake(credentials) if credentials else dlt.destinations.snowflake()


def make_pipeline(settings: WarehouseSettings) -> Pipeline:
    """Return the pipeline whose work lies in `work_dir`, apart for each destination and dataset."""
    folder = settings.work_dir.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pipeline = dlt.pipeline(
        f"crm_{settings.destination}_{settings.dataset}",
        destination=make_destination(settings),
        dataset_name=settings.dataset,
        pipelines_dir=str(folder),
    )
    configure()
    # Else a table that is replaced is empty for a while, and for good if we die then. Files know no other way.
    is_whole_files = settings.destination == WHOLE_FILES
    dlt.config["destination.replace_strategy"] = "truncate-and-insert" if is_whole_files else "insert-from-staging"
    return pipeline


def make_schema() -> Schema:
    """Return the star schema as dlt has it, frozen: what is not declared here is refused."""
    schema = Schema(SCHEMA_NAME)
    for declared in declare_tables():
        schema.update_table(declared)
    schema.set_schema_contract(FROZEN)
    return schema


def declare_tables() -> list[TTableSchema]:
    """Return every table with its columns and descriptions."""
    dates = new_table(calendar.DIM_DATE, write_disposition="replace", columns=list(calendar.to_hints().values()))
    dates["description"] = calendar.DESCRIPTION
    found = [dates]
    for table in TABLES:
        one = new_table(table.name, write_disposition="merge", columns=list(table.to_hints().values()))
        one["description"] = table.description
        found.append(one)
    return found
