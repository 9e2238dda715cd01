"""E-mail addresses: their form, not whether mail arrives."""

from typing import Annotated
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from crm_shared.refusals import Conflict


class DuplicateEmail(Conflict):
    """Somebody has the address already; the problem names them as `existing_id`."""

    slug, title = "duplicate-email", "The e-mail address is taken"

    def __init__(self, existing_id: UUID) -> None:
        super().__init__("Another record has this e-mail address.", extensions={"existing_id": existing_id})


def to_email(text: str) -> str:
    """Give the address with its domain in lower case. Raises ValueError saying what is wrong with it."""
    try:
        # test_environment: a name under .test is an address like any other. No DNS is asked.
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from None


Email = Annotated[str, AfterValidator(to_email), Field(examples=["zoe.okonkwo@acme.example"])]
