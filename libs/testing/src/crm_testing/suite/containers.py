"""The engines in containers, for CRM_TEST_ENGINES=containers. Each starts when first asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

from crm_local.engines.postgres import SETTINGS, VOLATILE

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.2.0"
ELASTICSEARCH_IMAGE = "docker.elastic.co/elasticsearch/elasticsearch:9.2.4"
STARTUP_TIMEOUT_S = 120
KAFKA_ENVIRONMENT = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9094",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
}


class ContainerEngines:
    """PostgreSQL, Kafka and Elasticsearch as containers, all ended by `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    @cached_property
    def postgres_admin_dsn(self) -> str:
        settings = {"wal_level": SETTINGS["wal_level"], "max_connections": SETTINGS["max_connections"], **VOLATILE}
        container = (
            DockerContainer(POSTGRES_IMAGE)
            .with_env("POSTGRES_PASSWORD", "postgres")
            .with_command(
                ["postgres", *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))]
            )
            .with_exposed_ports(5432)
            # Logged twice: by the server that sets the cluster up, then by the one that stays.
            .waiting_for(
                LogMessageWaitStrategy("database system is ready to accept connections", times=2).with_startup_timeout(
                    STARTUP_TIMEOUT_S
                )
            )
        )
        self._stack.enter_context(container)
        return f"postgresql://postgres:postgres@{container.get_container_host_ip()}:{container.get_exposed_port(5432)}/postgres"

    @cached_property
    def kafka_bootstrap(self) -> str:
        # The address that it announces is known only with its port, so its start waits for a file.
        container = (
            DockerContainer(KAFKA_IMAGE)
            .with_envs(**KAFKA_ENVIRONMENT)
            .with_exposed_ports(9092)
            .with_command(
                ["sh", "-c", "until [ -f /tmp/start ]; do sleep 0.1; done; . /tmp/start; exec /etc/kafka/docker/run"]
            )
        )
        self._stack.enter_context(container)
        bootstrap = f"{container.get_container_host_ip()}:{container.get_exposed_port(9092)}"
        announced = f"PLAINTEXT://{bootstrap},BROKER://'$(hostname -i)':9093"
        container.exec(
            ["sh", "-c", f"echo 'export KAFKA_ADVERTISED_LISTENERS={announced}' >/tmp/s && mv /tmp/s /tmp/start"]
        )
        LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(STARTUP_TIMEOUT_S).wait_until_ready(
            container
        )
        return bootstrap

    @cached_property
    def elasticsearch_url(self) -> str:
        container = (
            DockerContainer(ELASTICSEARCH_IMAGE)
            .with_envs(
                **{
                    "discovery.type": "single-node",
                    "xpack.security.enabled": "false",
                    "cluster.routing.allocation.disk.threshold_enabled": "false",
                    "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
                }
            )
            .with_exposed_ports(9200)
            .waiting_for(HttpWaitStrategy(9200, "/_cluster/health").with_startup_timeout(STARTUP_TIMEOUT_S))
        )
        self._stack.enter_context(container)
        return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(9200)}"


@contextmanager
def container_engines(*_names: str) -> Iterator[ContainerEngines]:
    """Yield engines in containers; what was started is removed at the end."""
    with ExitStack() as stack:
        yield ContainerEngines(stack)
