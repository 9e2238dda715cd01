"""Writes what an image holds and under which licences: `bom.cdx.json` (CycloneDX) and `licences.md`.

Run while the image is built, by the Python that has the tools for it. The packages of Python are read from the image's
environment, Debian's from a list that the last stage's base has written.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

ENVIRONMENT: Final = Path(".venv/bin/python")
TOOLS: Final = Path(sys.executable).parent


def main(image: str, system_packages: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    system = [line.split("\t") for line in system_packages.read_text("utf-8").splitlines()]
    (target / "bom.cdx.json").write_text(_describe(image, system), "utf-8")
    (target / "licences.md").write_text(_list_licences(image, system), "utf-8")


def _describe(image: str, system: list[list[str]]) -> str:
    """Return the bill of materials: Python itself, its packages, Debian's packages."""
    listed = json.loads(_run("cyclonedx-py", "environment", "--output-reproducible", ENVIRONMENT))
    listed["metadata"]["component"] = {"type": "container", "name": image, "bom-ref": image}
    python, debian = platform.python_version(), platform.freedesktop_os_release()["ID"]
    listed["components"].append(_component("application", "python", python, f"pkg:generic/python@{python}"))
    for name, version, architecture in system:
        plain = name.partition(":")[0]
        purl = f"pkg:deb/{debian}/{plain}@{quote(version, safe='')}?arch={architecture}"
        listed["components"].append(_component("library", plain, version, purl))
    return json.dumps(listed, indent=1, sort_keys=True) + "\n"


def _component(kind: str, name: str, version: str, purl: str) -> dict[str, str]:
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _list_licences(image: str, system: list[list[str]]) -> str:
    """Return the packages of Python with their licences, and where those of Debian's packages are to be read."""
    python = _run(
        "pip-licenses", f"--python={ENVIRONMENT}", "--from=mixed", "--format=markdown", "--with-urls", "--with-system"
    )
    debian = "\n".join(
        f"| {name} | {version} | /usr/share/doc/{name.partition(':')[0]}/copyright |" for name, version, _ in system
    )
    return (
        f"# What is in {image}, and under which licences\n\n## Packages of Python\n{python}\n"
        f"## Packages of Debian\n| name | version | licence, in the image |\n|---|---|---|\n{debian}\n"
    )


def _run(tool: str, *arguments: str | Path) -> str:
    return subprocess.run([TOOLS / tool, *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
