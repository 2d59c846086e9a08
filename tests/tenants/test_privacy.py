"""Every table that may tell of a person has a keeper, and all keepers hand out and forget."""

import json
from datetime import time

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models
from django.utils import timezone

from loyalty.models import Member, ReplacedCard
from loyalty.operations import anonymization, cards, points, redemptions
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.http import credentials
from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.outbox import relay
from loyalty_site.storefront.models import JoinRequest
from loyalty_site.tenants import erasures, privacy
from notifications.models import Message, Suppression, Withdrawal
from notifications.operations import preferences
from notifications.operations.preferences import Choice
from referrals.models import ReferralSettings
from referrals.operations import conversions, devices, guardrails, invites, reviews
from referrals.operations.devices import Footprint
from tests.console.world import World, make_world, record

TELLING = (
    "email",
    "phone",
    "name",
    "birth",
    "address",
    "token",
    "ref",
    "description",
    "reason",
    "note",
    "object_repr",
    "message",
    "card_number",
    "facts",
    "metadata",
    "payload",
    "session",
    "ip",
)

# Columns that look like a person's and are not. A new one needs a keeper, or its reason here.
EXEMPT = {
    "merchants": "a business, not a person",
    "stores": "a place",
    "users": "staff, who are no customers; the platform deactivates them",
    "staff_roles": "staff",
    "loyalty_programs": "rules",
    "loyalty_tiers": "rules",
    "loyalty_rewards": "what a merchant offers",
    "api_keys": "where a key is used",
    "staff_tokens": "staff",
    "loyalty_message_circuits": "why a provider does not answer, without addresses",
    "job_runs": "what ran: counts, and errors without customers' words",
    "job_workers": "processes",
    "job_queued_tasks": "functions and ids",
    "django_session": "ids of staff and members; one of a forgotten member opens nothing; purged when over",
    "django_content_type": "names of tables",
    "django_migrations": "names of migrations",
    "django_q_task": "functions and ids; results are not kept",
    "django_q_schedule": "functions",
    "django_q_ormq": "functions and ids",
    "auth_group": "names of rights",
    "auth_permission": "names of rights",
}


def _telling(model: type[models.Model]) -> set[str]:
    texts = (models.CharField, models.TextField, models.JSONField, models.DateField)
    return {
        field.column
        for field in model._meta.concrete_fields
        if isinstance(field, texts) and not field.choices and (set(field.name.split("_")) | {field.name}) & set(TELLING)
    }


def _tables() -> dict[str, type[models.Model]]:
    every = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: model for model in every if not model._meta.proxy}


def test_no_table_tells_of_a_person_without_a_keeper():
    kept = {keeper.table for keeper in privacy.keepers()}

    forgotten = {
        table: sorted(columns)
        for table, model in _tables().items()
        if (columns := _telling(model)) and table not in kept and table not in EXEMPT
    }

    assert not forgotten, "register these in privacy.keep, or say in EXEMPT why they tell of nobody"


def test_keepers_name_tables_and_columns_that_exist():
    tables = _tables()
    for keeper in privacy.keepers():
        columns = {field.column for field in tables[keeper.table]._meta.concrete_fields}

        assert keeper.columns <= columns


def test_no_exemption_outlives_its_table():
    assert set(EXEMPT) <= set(_tables()) | {"django_migrations"}
    assert not set(EXEMPT) & {keeper.table for keeper in privacy.keepers()}


# --- What keepers do ------------------------------------------------------------------------------------------
@pytest.fixture
def world(db: None) -> World:
    return make_world("cafe")


@pytest.fixture
def told(world: World) -> Member:
    """A member whose name stands wherever staff can write it."""
    member, user, now = world.member, world.staff["manager"], timezone.now()
    words = f"{member.customer.full_name} said so"
    points.adjust(member=member, points=5, reason=words, actor=user, key=None, at=now)
    cards.replace(member=member, reason=words, at=now)
    redemptions.cancel(redemption=member.redemptions.get(), at=now, reason=words)
    member.refresh_from_db()
    record(user, member)
    preferences.change(
        customer=member.customer, choice=Choice(quiet_hours=(time(21), time(8)), push_token="token-of-hers"), at=now
    )
    erasures.ask(customer=member.customer, at=now)
    Suppression.objects.create(
        merchant=member.merchant, channel="email", address=member.customer.email.lower(), reason="bounced", detail=words
    )
    Withdrawal.objects.create(merchant=member.merchant, customer=member.customer, source="unsubscribe link", at=now)
    # An invitation from before she was a customer.
    Message.objects.create(
        merchant=member.merchant, recipient=member.customer.email.upper(), code="referral_invite", key="invitation",
        kind="transactional", channels=["email"], variables={"share_url": f"/join/?ref={member.referral_code}"},
    )  # fmt: skip
    # The form of the join page, filled in with her address.
    JoinRequest.objects.create(
        merchant=member.merchant, email=member.customer.email.upper(), first_name=words, locale="en", created_at=now
    )
    caller = f"member:{member.merchant_id}:{member.customer.user_id}"
    IdempotentAnswer.objects.create(
        credential=caller,
        key="K-1",
        fingerprint=b"asked",
        status=201,
        body=json.dumps({"name": member.customer.full_name}),
        customer_id=member.customer_id,
    )
    for _ in range(2):
        credentials.count(caller, limit=1)
    relay()
    _refer(world, member, words)
    return member


def _refer(world: World, member: Member, words: str) -> None:
    """They invite, are invited, come with somebody's code, are seen, reviewed, and let pass a limit."""
    user, now = world.staff["manager"], timezone.now()
    ReferralSettings.objects.update(cooldown_seconds=0, open_days=3650)
    sent = invites.create(member=member, invitee_email=member.customer.email.replace("@", "+1@"), at=now)
    invites.cancel(member=member, invite_id=sent.pk, reason=words, at=now)
    invites.create(member=member, metadata={"note": words}, at=now)
    devices.note(member=member, footprint=Footprint("cookie", "192.0.2.7", "Browser"), at=now)
    guest = enroll(program=world.program, person=Person(external_ref="guest", email="g@guest.example"), at=now).member
    invites.create(member=guest, invitee_email=member.customer.email, at=now)
    done = conversions.attach(code=member.referral_code, member=guest, at=now)
    reviews.reject_conversion(invite_id=done.pk, reason=words, actor=user, at=now)
    guardrails.override(
        merchant=world.merchant, scope="invite_quota", justification=words, target_member_id=member.pk, at=now
    )


def test_an_export_has_rows_of_every_keeper(told):
    exported = privacy.export(told.customer)

    assert set(exported) == {keeper.table for keeper in privacy.keepers()}
    empty = [table for table, rows in exported.items() if not rows]
    assert not empty, "make a row of these in `told`"


def test_an_export_holds_nobody_else(told, world):
    text = str(privacy.export(told.customer))

    other = world.members[1]
    for word in (other.card_number, other.customer.email, str(other.pk)):
        assert word not in text


def test_forgetting_leaves_no_word_of_the_person_anywhere(told):
    customer = told.customer
    old_cards = list(ReplacedCard.objects.filter(member=told).values_list("card_number", flat=True))
    words = [
        customer.full_name,
        customer.email,
        str(customer.phone_number),
        customer.external_ref,
        told.card_number,
        told.referral_code,
        *old_cards,
    ]

    anonymization.anonymize(member=told, at=timezone.now())

    for table, model in _tables().items():
        rows = str(list(model._default_manager.values()))
        for word in words:
            assert word not in rows, (table, word)


def test_forgetting_leaves_everybody_else_as_they_were(told, world):
    other = world.members[1]
    before = privacy.export(other.customer)

    anonymization.anonymize(member=told, at=timezone.now())

    assert privacy.export(other.customer) == before
    assert LogEntry.objects.filter(object_id=str(other.pk)).exclude(object_repr="").exists()


def test_the_books_balance_without_the_person(told):
    balance = told.points_balance

    anonymization.anonymize(member=told, at=timezone.now())

    told.refresh_from_db()
    assert told.points_balance == balance
    assert sum(told.entries.values_list("points_delta", flat=True)) == balance
