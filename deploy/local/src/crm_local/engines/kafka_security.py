"""A broker that asks who is there: TLS, SCRAM logins and access lists, as in production."""

import json
import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crm_local.engines.ports import LOOPBACK

MECHANISM: Final = "SCRAM-SHA-512"
ADMIN: Final = "admin"
"""The super user: it may do everything, also give rights to others."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """`passwords` by user, ADMIN's among them. `certificate`, `key` (unlocked) and `authority` are PEM files."""

    passwords: Mapping[str, str]
    certificate: Path
    key: Path
    authority: Path

    def write_keystore(self, home: Path) -> None:
        """Put key and certificate into one file, as Kafka wants them."""
        (home / "keystore.pem").write_text(self.key.read_text() + self.certificate.read_text())

    def list_users(self) -> Iterator[str]:
        """Yield the options by which formatting makes the users: afterwards nobody could log in to make them."""
        for user, password in self.passwords.items():
            yield from ("--add-scram", f"{MECHANISM}=[name={json.dumps(user)},password={json.dumps(password)}]")

    def properties(self, home: Path, port: int, controller_port: int) -> dict[str, str]:
        """Return what differs from an open broker's server.properties."""
        listeners = f"SASL_SSL://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}"
        return {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required "
                f'username="{ADMIN}" password="{self.passwords[ADMIN]}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(home / "keystore.pem"),
            # The broker connects to itself before it starts, to see whether others could.
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            # The broker itself, which comes to its controller by a listener on this machine that asks for no login.
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
        }


def answers(port: int) -> bool:
    """Ask over TLS which requests the broker knows, the one question that needs no login."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # is it there? Clients verify who it is
    client = b"crm-local"
    body = struct.pack(f">hhih{len(client)}s", 18, 0, 1, len(client), client)
    with (
        socket.create_connection((LOOPBACK, port), timeout=2) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(struct.pack(">i", len(body)) + body)
        return len(connection.recv(10)) > 0
