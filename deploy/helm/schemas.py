"""Writes JSON Schemas of the kinds that the chart makes, of Kubernetes and of operators, for kubeconform.

Run by `deploy/helm/check` with the packages that carry them.
"""  # noqa: INP001 - a script of its own

import json
import re
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

OF_KUBERNETES: Final = (
    "configmap-v1",
    "deployment-apps-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "job-batch-v1",
    "networkpolicy-networking-v1",
    "pod-v1",
    "poddisruptionbudget-policy-v1",
    "service-v1",
    "serviceaccount-v1",
)
OF_OPERATORS: Final = (
    ("cloudcoil.models.keda.v1alpha1", "ScaledObject", "scaledobject-keda-v1alpha1"),
    ("cloudcoil.models.prometheus_operator.v1", "PodMonitor", "podmonitor-monitoring-v1"),
    ("cloudcoil.models.prometheus_operator.v1", "PrometheusRule", "prometheusrule-monitoring-v1"),
)
# How the package's schemas refer to what they share, in a file beside them, and that file to itself.
SHARED: Final = re.compile(r'"(?:[^"]*_definitions\.json)?#/\$?def(?:initions|s)/([^"]+)"')


def inline(schema: str, shared: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with all that it refers to in itself: kubeconform passes over one that refers elsewhere."""
    found: dict[str, Any] = {}
    wanted = set(SHARED.findall(schema))
    while wanted:
        name = wanted.pop()
        text = json.dumps(shared[name])
        found[name] = json.loads(SHARED.sub(r'"#/definitions/\1"', text))
        wanted |= set(SHARED.findall(text)) - found.keys()
    itself = json.loads(SHARED.sub(r'"#/definitions/\1"', schema))
    return {name: value for name, value in itself.items() if name != "$id"} | {"definitions": found}


def close(schema: Any) -> None:
    """Refuse what is not listed, wherever something is: a misspelt field would be dropped in silence."""
    if isinstance(schema, dict):
        if "properties" in schema and "apiVersion" not in schema["properties"]:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


def main(target: Path, versions: list[str]) -> None:
    for version in versions:
        source = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local-strict"
        file = json.loads((source / "_definitions.json").read_text("utf-8"))
        shared = file.get("$defs") or file["definitions"]
        folder = target / f"v{version}"
        folder.mkdir(parents=True)
        for name in OF_KUBERNETES:
            schema = inline((source / f"{name}.json").read_text("utf-8"), shared)
            (folder / f"{name}.json").write_text(json.dumps(schema), "utf-8")
    (target / "crds").mkdir()
    for module, kind, name in OF_OPERATORS:
        schema = getattr(import_module(module), kind).model_json_schema(by_alias=True)
        close(schema)
        (target / "crds" / f"{name}.json").write_text(json.dumps(schema), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
