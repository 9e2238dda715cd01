"""E-mail addresses: their form, not whether mail arrives."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from crm_shared.http.models import ShortText
from crm_shared.refusals import ValueTaken


class DuplicateEmail(ValueTaken):
    """Somebody has the address already."""

    slug, title, value = "duplicate-email", "The e-mail address is taken", "e-mail address"


def to_email(text: str) -> str:
    """Return the address with its domain in lower case. Raises ValueError saying what is wrong with it."""
    try:
        # test_environment: a name under .test is an address like any other. No DNS is asked.
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from None


def to_wanted_email(text: str) -> str:
    """Return the address as a record would hold it; text that is none stays as it is, and finds nobody."""
    try:
        return to_email(text)
    except ValueError:
        return text


Email = Annotated[str, AfterValidator(to_email), Field(examples=["zoe.okonkwo@acme.example"])]
WantedEmail = Annotated[ShortText, AfterValidator(to_wanted_email), Field(description="whatever its case")]
