"""The stores and members of a replay, made where they are missing."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from loyalty.cards import new_card_number, new_referral_code
from loyalty.models import Member, Program
from loyalty_site.tenants.models import Customer, Merchant, Store

_TRIES = 3


def stores_for(merchant: Merchant, references: Iterable[str]) -> dict[str, Store]:
    """The merchant's stores by reference."""
    wanted = set(references)
    stores = _stores(merchant, wanted)
    if missing := sorted(wanted - stores.keys()):
        Store.objects.bulk_create(
            [Store(merchant=merchant, reference=each, name=each) for each in missing], ignore_conflicts=True
        )
        stores |= _stores(merchant, set(missing))
    return stores


def _stores(merchant: Merchant, references: set[str]) -> dict[str, Store]:
    return {store.reference: store for store in Store.objects.filter(merchant=merchant, reference__in=references)}


def members_for(program: Program, first_seen: Mapping[str, datetime]) -> dict[str, Member]:
    """The program's members by customer number.

    Made where missing as `enrollment.member_for` makes them, all at once: bare memberships without bonus or mail,
    whose clock starts at the time given.
    """
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                return _members_for(program, first_seen)
        except IntegrityError:
            # Somebody enrolled one of them, or drew the same number, at this moment: look again.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _members_for(program: Program, first_seen: Mapping[str, datetime]) -> dict[str, Member]:
    members = {
        member.customer.external_ref: member
        for member in Member.objects.select_related("customer", "tier").filter(
            program=program, customer__merchant_id=program.merchant_id, customer__external_ref__in=list(first_seen)
        )
    }
    strangers = [reference for reference in first_seen if reference not in members]
    if strangers:
        customers = {
            customer.external_ref: customer
            for customer in Customer.objects.filter(merchant_id=program.merchant_id, external_ref__in=strangers)
        }
        new = [
            Customer(merchant_id=program.merchant_id, external_ref=reference)
            for reference in strangers
            if reference not in customers
        ]
        customers |= {customer.external_ref: customer for customer in Customer.objects.bulk_create(new)}
        made = Member.objects.bulk_create(
            Member(
                merchant_id=program.merchant_id,
                program=program,
                customer=customers[reference],
                card_number=new_card_number(),
                referral_code=new_referral_code(),
                last_activity_at=first_seen[reference],
            )
            for reference in strangers
        )
        members |= {member.customer.external_ref: member for member in made}
    for member in members.values():
        member.program = program
    return members
