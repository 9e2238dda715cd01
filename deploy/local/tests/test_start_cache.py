"""What Java keeps of a start is made once, waited for by nobody, and missed by nobody."""

import subprocess
from pathlib import Path

import pytest

from crm_local.engines.java import java_program
from crm_local.engines.start_cache import QUIET, start_cache


def option_of(options: list[str]) -> Path:
    assert options[1:] == [QUIET]
    return Path(options[0].removeprefix("-XX:AOTCache="))


def keep(_home: Path, option: str) -> None:
    Path(option.removeprefix("-XX:AOTCacheOutput=")).write_text("kept")


def refuse(_home: Path, _option: str) -> None:
    raise AssertionError("rehearsed twice")


def test_the_first_start_is_rehearsed_and_no_other(tmp_path: Path) -> None:
    file = option_of(start_cache(tmp_path / "kafka", keep))
    assert file.read_text() == "kept"
    assert option_of(start_cache(tmp_path / "kafka", refuse)) == file
    assert not list(tmp_path.glob(".rehearse-*"))


def test_what_a_killed_rehearsal_left_is_cleared(tmp_path: Path) -> None:
    folders: list[Path] = []

    def die(home: Path, _option: str) -> None:
        folders.append(home.parent.rename(home.parent.with_name(f"{home.parent.name}-left")))
        folders[0].with_name(home.parent.name).mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_cache(tmp_path / "kafka", die)
    assert folders[0].exists()
    assert option_of(start_cache(tmp_path / "kafka", keep)).read_text() == "kept"
    assert not folders[0].exists()


def test_another_version_is_rehearsed_anew(tmp_path: Path) -> None:
    of_one, of_other = (option_of(start_cache(tmp_path / version, keep)) for version in ("kafka-1", "kafka-2"))
    assert of_one != of_other


def test_who_starts_during_a_rehearsal_goes_without(tmp_path: Path) -> None:
    meanwhile: list[list[str]] = []

    def keep_while_another_starts(home: Path, option: str) -> None:
        meanwhile.append(start_cache(tmp_path / "kafka", refuse))
        keep(home, option)

    start_cache(tmp_path / "kafka", keep_while_another_starts)
    assert meanwhile == [[]]


def test_a_rehearsal_that_left_nothing_is_not_repeated_and_java_starts_without(tmp_path: Path) -> None:
    options = start_cache(tmp_path / "kafka", lambda _home, _option: None)
    assert option_of(options).read_bytes() == b""
    assert start_cache(tmp_path / "kafka", refuse) == options
    done = subprocess.run([str(java_program()), *options, "-version"], capture_output=True, text=True, check=True)  # noqa: S603
    assert "warning" not in (done.stdout + done.stderr).lower()
