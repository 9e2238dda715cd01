"""Where Kafka is, and as whom and how it is asked: what `crm_shared.bus.clients` makes every client with."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from crm_shared.tls import TlsFiles

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]


class WrongKafkaAccess(ValueError):
    """What is said of Kafka's security does not go together. The message names the settings."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where Kafka is ("host:port,host:port"), and as whom and how it is asked."""

    bootstrap: str
    protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsFiles = field(default_factory=lambda: TlsFiles("CRM_KAFKA"))

    def __post_init__(self) -> None:
        """Raise WrongKafkaAccess where something is missing, or is said and would not be used."""
        has_login = self.user is not None and self.password is not None
        if self.protocol.startswith("SASL") and not has_login:
            raise WrongKafkaAccess(f"{self.protocol} needs CRM_KAFKA_USER and CRM_KAFKA_PASSWORD (or …_PASSWORD_FILE)")
        if not self.protocol.startswith("SASL") and (self.user is not None or self.password is not None):
            raise WrongKafkaAccess(
                f"CRM_KAFKA_USER and CRM_KAFKA_PASSWORD are not used with CRM_KAFKA_SECURITY_PROTOCOL={self.protocol}"
            )
        if not self.protocol.endswith("SSL") and self.tls.are_given:
            raise WrongKafkaAccess(
                f"CRM_KAFKA_…_FILE are not used with CRM_KAFKA_SECURITY_PROTOCOL={self.protocol}: choose SSL, SASL_SSL"
            )

    def to_arguments(self) -> dict[str, Any]:
        """Return what every client of aiokafka takes. Raises WrongTls."""
        arguments: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            arguments["ssl_context"] = self.tls.make_context()
        if self.protocol.startswith("SASL"):
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return arguments


Kafka: TypeAlias = KafkaAccess | str
"""A plain address stands for a broker without security, as the tests' is."""


def to_access(kafka: Kafka) -> KafkaAccess:
    return KafkaAccess(kafka) if isinstance(kafka, str) else kafka
