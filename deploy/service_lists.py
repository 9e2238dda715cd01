"""Writes the services' names into the files that must spell them: `make services`, after a change of the registry.

docker-compose.yml alone is written by hand: tests hold it to the chart's list of processes, which is made here.
"""  # noqa: INP001 - a script of its own

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crm_shared.database_access import list_dsns
from crm_shared.service_registry import REGISTRY, Service

ROOT: Final = Path(__file__).parents[1]
OPERATIONS_PORT, HTTP_PORT = 9000, 8000
"""In containers: an API's own port for operators; a worker and a relay have no other than the first."""


@dataclass(frozen=True, slots=True)
class ServiceList:
    """`pattern` finds the list wherever the file has it; `names` takes the place of its one group."""

    path: str
    pattern: str
    names: str

    def write(self, text: str) -> str:
        """Return the file's text with the list as the registry has it. Raises LookupError where it has none."""
        found = list(re.finditer(self.pattern, text, flags=re.MULTILINE))
        if not found:
            raise LookupError(f"{self.path} has no list of services as {self.pattern} finds it")
        for match in reversed(found):
            text = text[: match.start(1)] + self.names + text[match.end(1) :]
        return text


def list_service_lists(registry: Sequence[Service]) -> Iterator[ServiceList]:
    """Return every list of services that files of the checkout spell, as it should be."""
    services = [service.name for service in registry]
    publishers = [service.name for service in registry if service.publishes]
    images = (*services, "issuer", "canary")
    by_role = {"api": services, "worker": services, "relay": publishers}
    yield ServiceList("Dockerfile", r"^((?:COPY services/\S+ .*\n)+)", _each(services, COPY_OUTLINE))
    yield ServiceList("Dockerfile", r"--build-arg SERVICE=(\w+\|[\w|]+)", "|".join(images))
    yield ServiceList("docker-bake.hcl", r"matrix += \{ service = \[(.*)\] \}", _quote(images, ", "))
    yield ServiceList(
        "pyproject.toml", rf"^mypy_path = .*?((?::{MYPY_FOLDER}/services/\w+/src)+)", _each(services, MYPY)
    )
    yield from _list_of_the_local_suite(services)
    yield from _list_of_the_gateway(services)
    for role, those in by_role.items():
        port = OPERATIONS_PORT if role == "api" else HTTP_PORT
        targets = ", ".join(f"{service}-{role}:{port}" for service in those)
        yield ServiceList(
            "deploy/observability/prometheus/prometheus.yml", rf"targets: \[(.*-{role}:{port})\]", targets
        )
    processes = [f"{service}-{role}" for role, those in by_role.items() for service in those]
    yield _choices("contacts", services, indent=14)
    yield _choices("canary", ("canary", *services), indent=14)  # images that may have a digest
    yield _choices("contacts-api", processes, indent=10)
    yield ServiceList("docs/operations/install.md", r"for service in (.*); do", " ".join(services))
    yield from _list_of_the_chart(registry)


COPY_OUTLINE: Final = "COPY services/{0}/pyproject.toml services/{0}/\n"
MYPY: Final = ":$MYPY_CONFIG_FILE_DIR/services/{0}/src"
MYPY_FOLDER: Final = re.escape("$MYPY_CONFIG_FILE_DIR")


def _list_of_the_local_suite(services: Sequence[str]) -> Iterator[ServiceList]:
    path = "deploy/local/pyproject.toml"
    yield ServiceList(path, r'"crm-issuer",\n((?: +"crm-\w+",\n)+)', _each(services, '    "crm-{0}",\n'))
    of_workspace = "crm-{0} = {{ workspace = true }}\n"
    yield ServiceList(path, r"^crm-issuer = .*\n((?:crm-\w+ = .*\n)+)", _each(services, of_workspace))


def _list_of_the_gateway(services: Sequence[str]) -> Iterator[ServiceList]:
    path = "deploy/compose/gateway/nginx.conf"
    either = "|".join(services)
    yield ServiceList(path, r"~\^/\(\?<named>([a-z|]+)\)/v1/ ", either)
    yield ServiceList(path, r"~\^/\(\?:([a-z|]+)\)\(\?<rest>", either)
    yield ServiceList(path, r"location ~ \^/\(([a-z|]+)\)/v1/ \{", either)
    *first, last = [f"/{service}/v1/" for service in services]
    yield ServiceList(path, r"Paths begin with (.*?)\.\"", f"{', '.join(first)} or {last}")


def _list_of_the_chart(registry: Sequence[Service]) -> Iterator[ServiceList]:
    """Return what runs in a cluster, as templates loop over it: of each process what it is told of and speaks to."""
    path = "deploy/helm/crm/files/processes.yaml"
    lines = [_to_process(service, role) for service in registry for role in _roles_of(service)]
    yield ServiceList(path, r"^processes:\n((?:  \S.*\n)+)", "".join(lines))
    yield ServiceList(path, r"^migrations:\n((?:  \S.*\n)+)", "".join(_to_migration(service) for service in registry))


def _roles_of(service: Service) -> Sequence[str]:
    return ("api", "worker", "relay") if service.publishes else ("api", "worker")


def _to_process(service: Service, role: str) -> str:
    reached = ["postgres"]
    if role != "api" or service.api_asks_kafka:
        reached.append("kafka")
    if service.uses_elasticsearch:
        reached.append("elasticsearch")
    if role == "worker" and service.delivers_webhooks:
        reached.append("webhooks")
    if role == "api":
        reached.append("issuer")
    asked = [f"{other}-api" for other in service.asks if role == "api"]
    fields = {"dsns": _name_dsns(service, list_dsns(service.name, role)), "reaches": reached, "asks": asked}
    return f"  {service.name}-{role}: {{service: {service.name}, role: {role}, {_to_flow(fields)}}}\n"


def _to_migration(service: Service) -> str:
    """Return the job that brings a service's database to this release, and makes it before."""
    admin, *own = list_dsns(service.name, "provision")
    made = [admin, *_name_dsns(service, own)]
    reached = ["postgres", "kafka", *(["elasticsearch"] if service.uses_elasticsearch else [])]
    fields = {"provision": made, "dsns": _name_dsns(service, ("owner_dsn",)), "reaches": reached, "asks": []}
    return f"  {service.name}-migrate: {{service: {service.name}, role: migrate, {_to_flow(fields)}}}\n"


def _name_dsns(service: Service, names: Sequence[str]) -> list[str]:
    return [f"{service.name}_{name}" for name in names]


def _to_flow(fields: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{name}: [{', '.join(values)}]" for name, values in fields.items())


def _choices(first: str, names: Sequence[str], *, indent: int) -> ServiceList:
    """Return a list of the chart's values: those in its schema that begin with `first`."""
    pattern = rf'"enum": \[\n {{{indent}}}("{first}",(?:\n {{{indent}}}".*)+)'
    return ServiceList("deploy/helm/crm/values.schema.json", pattern, _quote(names, ",\n" + " " * indent))


def _each(names: Sequence[str], form: str) -> str:
    return "".join(form.format(name) for name in names)


def _quote(names: Sequence[str], between: str) -> str:
    return between.join(f'"{name}"' for name in names)


def write_lists(root: Path, lists: Iterator[ServiceList]) -> dict[str, str]:
    """Return the text of each file, by its path, with its lists as they should be."""
    texts: dict[str, str] = {}
    for one in lists:
        texts[one.path] = one.write(texts.get(one.path) or (root / one.path).read_text("utf-8"))
    return texts


def main() -> None:
    for path, text in write_lists(ROOT, list_service_lists(REGISTRY)).items():
        (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
