"""The tables written out: as SQL of each kind of warehouse, by dlt's clients without asking anybody, and as a page."""

from typing import Any, Final

from dlt.common.configuration.specs import GcpServiceAccountCredentialsWithoutDefaults
from dlt.common.destination import Destination
from dlt.common.schema.utils import is_dlt_table_or_column

from crm_warehouse.destinations import WrongDestination, configure, declare_tables, make_schema
from crm_warehouse.settings import DestinationName

DATASET: Final = "crm"
# Where the tables would be: names that appear in the SQL, or that a client insists on. Nobody connects.
VALUES: Final = {
    "bigquery": {"project_id": "your-project", "private_key": "unused", "client_email": "unused"},
    "snowflake": {"database": "your_database", "host": "unused", "username": "unused", "password": "unused"},
}
CLIENT_MISSING: Final = {
    "bigquery": "BigQuery's client is not installed: integrations/warehouse/bigquery.txt has it",
    "snowflake": "Snowflake's client is not installed: crm-warehouse[snowflake] has it",
}
PAGE_HEAD: Final = """# The warehouse's tables

Written by `crm-warehouse schema --page`; a test holds it against the code. How they come to be: the
[guide](guides/warehouse.md). `dim_` are dimensions, `fct_` facts, `brg_` joins many to many. Every key begins with
`tenant_id`; each row also has `_dlt_load_id`, the load that brought it (`_dlt_loads` has its moment). Ids are text of
36 letters; moments are UTC."""


def write_ddl(destination: DestinationName) -> str:
    """Return the statements that a first sync runs. Raises WrongDestination where there are none."""
    configure()
    if destination == "filesystem":
        raise WrongDestination("files have no DDL: `schema --destination duckdb` shows columns and types")
    try:
        client = _make_client(destination)
    except ImportError as error:
        raise WrongDestination(CLIENT_MISSING.get(destination, str(error))) from error
    names = [name for name in client.schema.tables if not is_dlt_table_or_column(name, "_dlt")]
    statements, _ = client._build_schema_update_sql([(name, {}) for name in names])  # noqa: SLF001 - it has no public way
    return "".join(
        f"{statement};\n\n" for statement in statements if any(f"{name}" in statement.lower() for name in names)
    )


def write_page() -> str:
    """Return docs/warehouse.md: every table, what it is, and what each column means."""
    lines = [PAGE_HEAD]
    for declared in declare_tables():
        lines += [
            f"\n## {declared['name']}",
            f"{declared['description']}.\n",
            "| column | type | what |",
            "|---|---|---|",
        ]
        for name, column in declared["columns"].items():
            kind = str(column["data_type"])
            if "scale" in column:
                kind += f"({column['precision']},{column['scale']})"
            required = "" if column.get("nullable") else ", never null"
            lines.append(f"| `{name}` | {kind}{required} | {column['description']} |")
    return "\n".join(lines) + "\n"


def _make_client(destination: DestinationName) -> Any:
    """Return dlt's client of the kind, which knows types and quoting, over credentials that open nothing."""
    made: Any = Destination.from_reference(destination)
    configuration: Any = made.spec(credentials=_make_credentials(destination, made.spec.credentials_type()))
    configuration._bind_dataset_name(DATASET)  # noqa: SLF001 - the pipeline's own first step
    return made.client_class(make_schema(), configuration, made.capabilities())


def _make_credentials(destination: DestinationName, kind: Any) -> Any:
    if destination == "duckdb":
        return kind(":memory:")
    if destination == "bigquery":
        kind = GcpServiceAccountCredentialsWithoutDefaults
    credentials = kind()
    for name, value in VALUES[destination].items():
        setattr(credentials, name, value)
    return credentials
