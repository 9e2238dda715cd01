"""What a process loads is what it uses: of a second's start much is imports, and each takes memory for good."""

import subprocess
import sys
from typing import Final

# Reporting's API is not among them: it asks Kafka how fresh its reports are.
LOADED: Final = """
import importlib, sys

for service in ("contacts", "deals", "activities", "search"):
    importlib.import_module(f"crm_{service}.cli")
    importlib.import_module(f"crm_{service}.app")
found = {"aiokafka", "faststream", "alembic", "sqlalchemy"} & set(sys.modules)
assert not found, found
"""


def test_an_api_loads_no_client_of_kafka_and_no_migrations() -> None:
    subprocess.run([sys.executable, "-c", LOADED], check=True)  # noqa: S603 - our own words
