"""values.schema.json: what is not listed is refused, and no secret has a default."""

import copy
import json
import re
import textwrap
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import CHART, FOLDER, SITES, values_file
from jsonschema import Draft202012Validator

VALUES: Final[dict[str, Any]] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
SCHEMA: Final[dict[str, Any]] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
REQUIRED: Final = ("auth.issuer", "auth.jwksUrl", "postgres.secret", "kafka.bootstrap", "elasticsearch.url")


def errors(values: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(merge(VALUES, values))]


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge(merged[name], value) if both else value
    return merged


def nest(path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nest(rest, value) if rest else value}


def look_up(path: str) -> object:
    found: Any = VALUES
    for step in path.split("."):
        found = found[step]
    return found


@pytest.mark.parametrize("site", SITES)
def test_the_examples_are_taken(site: str) -> None:
    assert errors(yaml.safe_load(values_file(site).read_text("utf-8"))) == []


def test_the_sizes_of_the_scale_page_are_taken() -> None:
    page = (FOLDER.parents[1] / "docs/operations/scale.md").read_text("utf-8")
    (block,) = re.findall(r"Values of the chart for it:\n\n((?:    .*\n)+)", page)
    sizes = yaml.safe_load(textwrap.dedent(block))
    assert errors(sizes) == []
    assert sizes["autoscaling"]["workers"]["maxReplicas"] <= sizes["kafka"]["partitions"]


def test_every_value_is_described_by_the_schema() -> None:
    """A value that the schema lacks would be refused; one that only the schema has does nothing."""

    def walk(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if "properties" not in schema or schema.get("additionalProperties") is not False:
            return
        assert set(values) <= set(schema["properties"]), path
        for name, value in values.items():
            if isinstance(value, dict):
                walk(value, schema["properties"][name], f"{path}.{name}")

    walk(VALUES, SCHEMA, "")
    assert set(SCHEMA["properties"]) == {*VALUES, "global"}


@pytest.mark.parametrize(
    "path",
    [
        "imagee",
        "image.tags",
        "postgres.password",
        "kafka.retries",
        "roles.workers",
        "roles.api.replica",
        "processes.deals-cron",
        "autoscaling.worker",
        "networkPolicy.redis",
        "gateway.host",
    ],
)
def test_a_value_that_is_not_there_is_refused(path: str) -> None:
    assert errors(nest(path, {})) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("roles.api.replicas", "two"),
        ("roles.worker.terminationGracePeriodSeconds", 5),
        ("kafka.securityProtocol", "TLS"),
        ("outbox.relay", "kafka-connect"),
        ("auth.jwksUrl", "http://login.example/jwks.json"),
        ("image.digests", {"deals": "latest"}),
        ("settings", {"DEBUG": "1"}),
        ("settings", {"CRM_DEALS_DSN": "postgresql://…"}),
        ("processes", {"deals-api": {"settings": {"CRM_KAFKA_PASSWORD": "secret"}}}),
        ("networkPolicy.dns", []),
        ("networkPolicy.postgres.to", [{}]),
        ("networkPolicy.webhooks.ports", []),
        ("networkPolicy.webhooks.to", []),
    ],
)
def test_a_value_that_can_not_be_is_refused(path: str, value: object) -> None:
    assert errors(nest(path, value)) != []


@pytest.mark.parametrize("path", REQUIRED)
def test_what_a_site_must_say_has_no_default(path: str) -> None:
    assert look_up(path) == ""
    assert f'required "{path}: ' in (CHART / "templates/required.yaml").read_text("utf-8")


def test_no_secret_has_a_default() -> None:
    named = ("postgres.adminSecret", "gateway.tlsSecret", "elasticsearch.apiKeySecret")
    assert [look_up(name) for name in named] == ["", "", ""]
    for template in sorted((CHART / "templates").iterdir()):
        assert "kind: Secret" not in template.read_text("utf-8"), template.name
