"""The Java runtime of the engines and the options that suit a development machine: quick to start, small, serial."""

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
