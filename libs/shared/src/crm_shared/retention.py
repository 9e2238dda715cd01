"""How long what was deleted can be brought back."""

from datetime import timedelta
from typing import Final

RESTORABLE_FOR: Final = timedelta(days=30)
