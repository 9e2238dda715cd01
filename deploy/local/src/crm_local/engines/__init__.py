"""Real PostgreSQL, Kafka, Elasticsearch and Kafka Connect as plain processes, fetched as locked packages.

Knows nothing of the suite: ports and folders are parameters. The runner and the test fixture both build on it.
"""

from crm_local.engines.connect import KafkaConnect
from crm_local.engines.elasticsearch import Elasticsearch
from crm_local.engines.engine import Engine, EngineFailed
from crm_local.engines.install import install, prefetch
from crm_local.engines.kafka import Kafka
from crm_local.engines.ports import free_ports
from crm_local.engines.postgres import Postgres
from crm_local.engines.postgres_standby import PostgresStandby

__all__ = [
    "Elasticsearch",
    "Engine",
    "EngineFailed",
    "Kafka",
    "KafkaConnect",
    "Postgres",
    "PostgresStandby",
    "free_ports",
    "install",
    "prefetch",
]
