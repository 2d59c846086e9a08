"""What this app stores of a person, how it hands it out and how it forgets."""

from django.db.models import QuerySet
from django.db.models.functions import Lower

from loyalty_site.storefront.models import JoinRequest
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer

_TOLD = (
    *("id", "email", "first_name", "last_name", "phone", "birth_date", "locale", "marketing_consent"),
    *("code", "created_at"),
)


def register() -> None:
    """Answer for the requests of those who have yet to confirm their address."""
    privacy.keep(
        JoinRequest._meta.db_table,
        columns=["email", "first_name", "last_name", "phone", "birth_date", "code"],
        export=lambda customer: _requests_of(customer).values(*_TOLD),
        forget=lambda customer, at: [privacy.delete(_requests_of(customer))],
    )


def _requests_of(customer: Customer) -> QuerySet[JoinRequest]:
    """Those made with the customer's address. Nobody has confirmed that it was they."""
    rows = JoinRequest.objects.annotate(plain=Lower("email"))
    return rows.filter(merchant=customer.merchant_id, plain=customer.email.lower() or None)
