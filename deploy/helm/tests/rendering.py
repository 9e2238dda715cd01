"""The chart as helm renders it for the examples' values, kept in `rendered/`: tests read manifests and need no helm.

`make chart` writes them anew. Each begins with a digest of what it was made from; a test compares it with the chart.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types

FOLDER: Final = Path(__file__).parents[1]
CHART: Final = FOLDER / "crm"
TOOLS: Final = FOLDER.parents[1] / ".tools" / "chart"
SITES: Final = ("values", "values-least")
"""The examples' values by name: with everything on, and the least that a site says."""

OLDEST_KUBERNETES: Final = "1.30.0"

Manifest = dict[str, Any]


def find_helm() -> str | None:
    """Return helm of PATH, else the one that `make chart-check` builds, None where neither is."""
    built = TOOLS / "bin" / "helm"
    return shutil.which("helm") or (str(built) if built.exists() else None)


def values_file(site: str) -> Path:
    return FOLDER / "examples" / f"{site}.yaml"


def digest(site: str) -> str:
    """Return the digest of all that a rendering is made from, but for what is linked into the chart from elsewhere."""
    linked = CHART / "files"
    sources = [path for path in CHART.rglob("*") if path.is_file() and not path.is_symlink()]
    own = [path for path in sources if "tests" not in path.relative_to(CHART).parts]
    found = hashlib.sha256()
    for path in sorted(path for path in own if path.suffix != ".md" and path.parent != linked / "rules"):
        found.update(f"{path.relative_to(CHART)}\0".encode() + path.read_bytes() + b"\0")
    found.update(values_file(site).read_bytes())
    return found.hexdigest()


def render(helm: str, site: str, *arguments: str) -> list[Manifest]:
    """Render for the example's values; `arguments` are helm's. Raises CalledProcessError with its words in stderr."""
    # A helm that was built from its module takes any cluster for a very old one, unless it is told.
    options = ["--namespace", "crm", "--values", str(values_file(site)), "--kube-version", OLDEST_KUBERNETES]
    command = [helm, "template", "crm", str(CHART), *options, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - helm, and this chart
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def read(site: str) -> list[Manifest]:
    """Return the manifests that are kept."""
    return [json.loads(line) for line in rendered_file(site).read_text("utf-8").splitlines()[1:]]


def rendered_file(site: str) -> Path:
    return FOLDER / "rendered" / f"{site}.jsonl"


def to_text(site: str, manifests: list[Manifest]) -> str:
    """Return what is kept: a line a manifest, in order of kind and name."""
    ordered = sorted(manifests, key=lambda one: (one["kind"], one["metadata"]["name"]))
    lines = [{"digest": digest(site)}, *map(_leave_out_links, ordered)]
    return "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)


def _leave_out_links(manifest: Manifest) -> Manifest:
    """Leave out what other folders' files decide: the alerts' rules, and the gateway's configuration."""
    kept: Manifest = json.loads(json.dumps(manifest))
    if kept["kind"] == "PrometheusRule":
        kept["spec"] = sorted(kept["spec"])
    elif kept["kind"] == "ConfigMap":
        kept["data"] = sorted(kept["data"])
    elif kept["metadata"]["name"] == "crm-gateway" and kept["kind"] == "Deployment":
        del kept["spec"]["template"]["metadata"]["annotations"]["checksum/nginx.conf"]
    return kept


def main() -> int:
    """Write the renderings anew; with --check only say whether they are what helm makes."""
    helm = find_helm()
    if helm is None:
        print("there is no helm on PATH: `make chart-check` builds one, where Go is", file=sys.stderr)  # noqa: T201
        return 2
    made = {site: to_text(site, render(helm, site)) for site in SITES}
    if "--check" in sys.argv:
        stale = [site for site in SITES if rendered_file(site).read_text("utf-8") != made[site]]
        for site in stale:
            print(f"rendered/{site}.jsonl is not what helm makes: run `make chart`", file=sys.stderr)  # noqa: T201
        return 1 if stale else 0
    for site, text in made.items():
        rendered_file(site).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
