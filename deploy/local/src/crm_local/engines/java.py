"""The Java runtime of the engines and the options that suit a development machine: quick to start, small, serial."""

from collections.abc import Mapping
from pathlib import Path

from crm_local.engines.install import java_home


def java_program() -> Path:
    return java_home() / "bin" / "java"


def java_arguments(heap_mb: int, scratch: Path) -> list[str]:
    """List JVM options: heap in MiB; `scratch` takes native libraries that jars bring, as /tmp may be noexec."""
    return [
        f"-Xmx{heap_mb}m",
        f"-Xms{heap_mb // 2}m",
        "-XX:+UseSerialGC",
        # The optimising compiler costs more CPU than it earns back in the minutes that a suite here lives.
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={scratch}",
    ]


def to_properties(settings: Mapping[str, str]) -> str:
    """Write settings as Java reads a file of properties: by Latin-1, so that what is not ASCII has to be escaped."""
    return "".join(f"{name}={_escape(value)}\n" for name, value in settings.items())


def _escape(value: str) -> str:
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    numbers = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(number) if number < 128 else f"\\u{number:04x}" for number in numbers)  # noqa: PLR2004 - ASCII
