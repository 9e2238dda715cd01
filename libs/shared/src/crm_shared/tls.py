"""How a client of ours trusts a server's certificate and shows its own: Kafka's, Elasticsearch's."""

import ssl
from dataclasses import dataclass
from pathlib import Path


class WrongTls(ValueError):
    """The files named can't be used. The message says which setting is meant."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """`ca_file` None: the system's authorities. The certificate and its key go together, or neither is there.

    `named` begins the settings' names in messages: `CRM_KAFKA`.
    """

    named: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    check_hostname: bool = True

    @property
    def are_given(self) -> bool:
        return any((self.ca_file, self.certificate_file, self.key_file))

    def make_context(self) -> ssl.SSLContext:
        """Make what a client connects with: the server's certificate is always verified.

        Raises WrongTls for a file that can't be read or is no certificate or key, and for half a pair.
        """
        if (self.certificate_file is None) != (self.key_file is None):
            raise WrongTls(f"{self.named}_CERTIFICATE_FILE and {self.named}_KEY_FILE go together: one is missing")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise WrongTls(f"{self.named}_CA_FILE: {self.ca_file} holds no certificates: {error}") from error
        context.check_hostname = self.check_hostname
        if self.certificate_file is not None:
            try:
                context.load_cert_chain(self.certificate_file, self.key_file)
            except (OSError, ssl.SSLError) as error:
                raise WrongTls(
                    f"{self.named}_CERTIFICATE_FILE, {self.named}_KEY_FILE: {self.certificate_file} and "
                    f"{self.key_file} are no certificate with its key: {error}"
                ) from error
        return context
