"""Settings by file: `CRM_KAFKA_PASSWORD_FILE=/run/secrets/kafka` in place of `CRM_KAFKA_PASSWORD`.

A variable is seen by whoever may look at a process or a container; a file has an owner and a mode.
"""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

SUFFIX = "_file"  # names of variables are compared in lower case


class UnreadableSecret(ValueError):
    """A file that a setting names can't be read. Says which setting and why, never what is in it."""


class SecretFiles(EnvSettingsSource):
    """Reads the value of each setting from the file that its variable with `_FILE` names, without the last newline."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return (value or None, key, whether it is complex). Raises UnreadableSecret."""
        key, is_complex = field_name, False
        for key, variable, is_complex in self._extract_field_info(field, field_name):
            file = self.env_vars.get(variable + SUFFIX)
            if file:
                return _read(variable, Path(file)), key, is_complex
        return None, key, is_complex


def _read(variable: str, file: Path) -> str:
    try:
        return file.read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSecret(f"{variable.upper()}_FILE: {file} can't be read: {error}") from error


class SettingsByFile(BaseSettings):
    """Settings of which each may be given by file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the files that `…_FILE` variables name, after the variables themselves."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings, file_secret_settings
