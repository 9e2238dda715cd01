"""An e-mail's Message-ID, and the key that stands for it. Pure."""

from crm_shared.message_keys import AROUND, to_key

__all__ = ["require_message_id", "to_key"]


def require_message_id(text: str) -> str:
    """Return the text as it is. Raises ValueError where nothing stands between its brackets."""
    if not text.strip(AROUND):
        raise ValueError("names no message")
    return text
