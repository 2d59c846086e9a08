"""Reading and changing how a customer wants to hear from a merchant."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.db import connection, transaction

from loyalty_site import outbox
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Customer
from notifications.models import Channel, Preference, Withdrawal

CONSENT_SOURCE = "preferences"


class QuietHoursInvalid(Refusal):
    """Quiet hours begin and end at different times."""

    code = "quiet_hours_invalid"
    status = 422
    sentence = "Quiet hours begin and end at different times."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a customer changes; what is None stays as it is. An empty text takes a phone, token or language away."""

    channels: dict[str, bool] | None = None
    marketing_messages: bool | None = None
    language: str | None = None
    # Begin and end; False: none.
    quiet_hours: tuple[time, time] | bool | None = None
    time_zone: str | None = None
    phone: str | None = None
    push_token: str | None = None


def of(customer: Customer) -> Preference:
    """The customer's preference; where nothing was chosen, one that is not stored."""
    known = Preference.objects.filter(customer=customer).first()
    return known or Preference(customer=customer, merchant_id=customer.merchant_id)


@transaction.atomic(savepoint=False)
def change(*, customer: Customer, choice: Choice, at: datetime) -> Preference:
    """Store the choice, and bring the customer given up to date; the caller holds the member's lock.

    Consent is kept with the time and the source it was given through; taking it back leaves both, to show that it had
    been given, and is a row of its own. `phone` is in E.164. Raises `QuietHoursInvalid`, and IntegrityError where
    another customer of the merchant has the phone number.
    """
    changed: dict[str, Any] = {"updated_at": at}
    for channel in Channel:
        if choice.channels is not None and channel.value in choice.channels:
            changed[channel.value] = choice.channels[channel.value]
    if isinstance(choice.quiet_hours, tuple):
        begin, end = choice.quiet_hours
        if begin == end:
            raise QuietHoursInvalid(field="quiet_hours")
        changed |= {"quiet_from": begin, "quiet_until": end}
    elif choice.quiet_hours is False:
        changed |= {"quiet_from": None, "quiet_until": None}
    _change_customer(customer, choice, at)
    return _stored(Preference(customer=customer, merchant_id=customer.merchant_id, **changed), sorted(changed))


def _stored(fresh: Preference, changed: list[str]) -> Preference:
    """The row as it is now: a new one, or the one there was with what has `changed`."""
    fields = Preference._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    kept = ", ".join(f"{name} = EXCLUDED.{name}" for name in changed)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Preference._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))}) "
            f"ON CONFLICT (customer_id) DO UPDATE SET {kept} RETURNING {columns}",
            [field.get_db_prep_save(field.pre_save(fresh, add=True), connection) for field in fields],
        )
        row = cursor.fetchone()
    return Preference.from_db("default", [field.attname for field in fields], row)


def _change_customer(customer: Customer, choice: Choice, at: datetime) -> None:
    given: dict[str, Any] = {
        "locale": choice.language,
        "time_zone": choice.time_zone,
        "phone_number": choice.phone,
        "push_token": choice.push_token,
        "marketing_consent": choice.marketing_messages,
    }
    changed = {name: value for name, value in given.items() if value is not None and value != getattr(customer, name)}
    if changed.get("marketing_consent"):
        changed |= {"marketing_consent_at": at, "marketing_consent_source": CONSENT_SOURCE}
    if changed:
        Customer.objects.filter(pk=customer.pk).update(**changed)
        if changed.get("marketing_consent") is False:
            outbox.insert_alongside(
                Withdrawal(merchant_id=customer.merchant_id, customer=customer, source=CONSENT_SOURCE, at=at)
            )
        for name, value in changed.items():
            setattr(customer, name, value)
