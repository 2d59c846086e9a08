"""Confirming an e-mail address before somebody is enrolled, where the program asks for it (double opt-in)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.urls import reverse

from loyalty.models import Program
from loyalty.operations import enrollment
from loyalty.operations.enrollment import Person
from loyalty.queries import faces
from loyalty_site import opaque
from loyalty_site.ids import new_id
from loyalty_site.storefront.models import JoinRequest
from loyalty_site.tenants.models import Merchant
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage

CODE = "loyalty_join_confirmation"
OPEN = timedelta(days=7)
CHUNK = 5_000
_PURPOSE = "join request"


@transaction.atomic
def ask(*, program: Program, person: Person, code: str, base: str, at: datetime) -> None:
    """Keep what somebody who joins wrote, and write to the address; a member there is is left in peace.

    An address gets one such mail a day, however often the form is sent. `base` has no slash at its end. Raises
    `InvalidPerson`.
    """
    person = enrollment.normalized(person)
    _, found = faces.persons("p.id = %s", [program.pk], {"email": person.email})
    if any(member is not None and member.enrolled_at is not None for _, member in found):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO loyalty_join_requests (id, merchant_id, email, first_name, last_name, phone, birth_date, locale,
                marketing_consent, code, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (merchant_id, lower(email)) DO UPDATE SET first_name = EXCLUDED.first_name,
                last_name = EXCLUDED.last_name, phone = EXCLUDED.phone, birth_date = EXCLUDED.birth_date,
                locale = EXCLUDED.locale, marketing_consent = EXCLUDED.marketing_consent, code = EXCLUDED.code,
                created_at = EXCLUDED.created_at
            RETURNING id""",
            [
                *(new_id(), program.merchant_id, person.email, person.first_name, person.last_name, person.phone),
                *(person.birth_date, person.locale, person.marketing_consent, code, at),
            ],
        )
        [request_id] = cursor.fetchone()
    page = reverse("join-confirm", args=[program.merchant.slug, token(request_id)])
    message = NewMessage(
        merchant_id=program.merchant_id,
        recipient=person.email,
        code=CODE,
        key=f"{CODE}:{request_id}:{at:%Y-%m-%d}",
        locale=person.locale,
        variables={"confirm_url": f"{base}{page}?lang={person.locale}"},
    )
    queueing.queue([message], at=at)


def found(merchant: Merchant, text: str, *, at: datetime) -> JoinRequest | None:
    """The merchant's request that the link's text stands for; None once it was confirmed, and after seven days."""
    request_id = opaque.id_in(text, purpose=_PURPOSE)
    if request_id is None:
        return None
    return JoinRequest.objects.filter(pk=request_id, merchant=merchant, created_at__gt=at - OPEN).first()


def person(request: JoinRequest, source: str) -> Person:
    """Who wrote it, as the operation takes them."""
    return Person(
        first_name=request.first_name,
        last_name=request.last_name,
        email=request.email,
        phone=request.phone,
        birth_date=request.birth_date,
        marketing_consent=request.marketing_consent,
        consent_source=source,
        locale=request.locale,
    )


def forget_old(*, at: datetime, chunk: int = CHUNK) -> int:
    """Delete what nobody confirmed in time, chunk by chunk; returns how many rows."""
    deleted = 0
    while True:
        late = JoinRequest.objects.filter(created_at__lte=at - OPEN).order_by("created_at").values_list("pk", flat=True)
        count, _ = JoinRequest.objects.filter(pk__in=list(late[:chunk])).delete()
        deleted += count
        if count < chunk:
            return deleted


def token(request_id: UUID) -> str:
    """An opaque text that stands for the request, and cannot be guessed."""
    return opaque.token(request_id, purpose=_PURPOSE)
