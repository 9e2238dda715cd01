"""By what names files know a deal's fields: ours, and those of HubSpot, Salesforce and Pipedrive. Pure."""

from typing import Final

from crm_shared.features.imports.headers import FieldNames
from crm_shared.features.imports.values import is_id

REFERENCES: Final = {
    "contact": "contact_id",
    "company": "company_id",
    "owner": "owner_id",
    "pipeline": "pipeline_id",
    "stage": "stage_id",
}
"""What names another record, for people, and the field that it sets."""

# The pipeline before the stage: a stage's name is looked for within it.
FIELDS: Final = (
    "name", "contact_id", "company_id", "owner_id", "pipeline_id", "stage_id", "status", "amount", "currency",
    "close_date", "description", "external_id", "lost_reason", "created_at", "closed_at",
)  # fmt: skip

# Others' ids are our external ids: a file that comes again finds its deals by them.
NAMES: Final = FieldNames(
    fields=("id", *FIELDS, *REFERENCES),
    synonyms={
        "name": ("name", "dealname", "opportunityname", "title", "deal", "opportunity"),
        "amount": ("amount", "value", "dealvalue", "price", "betrag", "amountindealcurrency"),
        "currency": ("currency", "currencyofvalue", "opportunitycurrency", "amountcurrency", "dealcurrencycode"),
        "pipeline": ("pipeline", "dealpipeline"),
        "stage": ("stage", "dealstage", "stagename", "salesstage", "phase"),
        "status": ("status",),
        "created_at": ("createdat", "createdate", "createddate", "addtime", "dealcreated", "creationdate"),
        "closed_at": ("closedat", "dealclosedon", "wontime", "losttime"),
        "close_date": ("closedate", "expectedclosedate", "closingdate"),
        "contact": (
            "contact", "contactemail", "associatedcontactemail", "primarycontact", "contactperson", "contactname",
            "associatedcontact", "associatedcontacts", "person", "personname", "personemail", "personemailwork",
            "associatedcontactids", "personid",
        ),
        "company": (
            "company", "companyname", "accountname", "organization", "organisation", "organizationname",
            "associatedcompany",
            "primarycompany", "account",
        ),
        "owner": ("owner", "owneremail", "dealowner", "opportunityowner", "owneralias"),
        "description": ("description", "dealdescription"),
        "lost_reason": ("lostreason", "closedlostreason", "lossreason", "reasonlost"),
        "external_id": ("externalid", "recordid", "dealid", "opportunityid"),
    },
    prefixes=("deal", "opportunity"),
    fits={"id": is_id} | dict.fromkeys(REFERENCES.values(), is_id),
    unset=frozenset({"id", "stage_changed_at", "updated_at"}),
)  # fmt: skip
