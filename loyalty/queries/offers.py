"""Rewards as they stand for one member, read under the locks that a redemption needs (loyalty/sql/rewards_open_v1)."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.models import CheckoutIntent, Member, Redemption, Reward
from loyalty.queries import faces, locks
from loyalty_site.prepared import run


@dataclass(slots=True)
class Offer:
    """A reward and what the member may still have of it, counted in units.

    `used` is what they have asked for or been given (counted where the reward limits it), `free` the codes left in the
    pool, up to 1,000 (None: it gives no codes). `locked`: its stock may be moved by the transaction under way.
    """

    reward: Reward
    used: int
    free: int | None
    locked: bool

    @property
    def is_limited(self) -> bool:
        """Whether a unit that is asked for is taken off a stock."""
        return self.locked and self.reward.stock is not None

    def take(self, quantity: int) -> None:
        """Note units granted in this transaction, for what is judged after them."""
        self.used += quantity
        if self.reward.stock is not None:
            self.reward.stock -= quantity
        if self.free is not None:
            self.free -= quantity


def opened(text: str) -> dict[UUID, Offer]:
    """The offers in the JSON text that `rewards_open_v1` returns, by the reward's id."""
    return {offer.reward.pk: offer for offer in map(_offer, json.loads(text))}


def _offer(facts: dict[str, Any]) -> Offer:
    return Offer(row_of(Reward, facts), facts["used"], facts["free"], facts["locked"])


def row_of(model: Any, facts: dict[str, Any]) -> Any:
    """The row of the model that PostgreSQL wrote as JSON."""
    fields = model._meta.concrete_fields
    return model.from_db(
        "default", [field.attname for field in fields], [field.to_python(facts.get(field.column)) for field in fields]
    )


def of_member(member: Member, reward: Reward) -> Offer:
    """The reward as it stands, it and the member locked until the transaction ends."""
    [(text,)] = run("SELECT rewards_open_v1(%s, NULL, ARRAY[%s::uuid])::text", [member.pk, reward.pk])
    return opened(text)[reward.pk]


_OPENED = """
WITH opened AS MATERIALIZED (
    SELECT m.id, {function}::text AS opened
      FROM loyalty_members m JOIN loyalty_programs p ON p.id = m.program_id JOIN customers c ON c.id = m.customer_id
     WHERE {where})
{selection}, opened.opened
  FROM opened
  JOIN loyalty_members m ON m.id = opened.id
  JOIN loyalty_programs p ON p.id = m.program_id
  JOIN customers c ON c.id = m.customer_id
   FOR NO KEY UPDATE OF m
"""
_BY_CARD = "m.merchant_id = %s AND m.card_number = %s"
_BY_USER = """c.merchant_id = %s AND c.user_id = %s AND p.is_active
    AND EXISTS (SELECT 1 FROM merchants x WHERE x.id = c.merchant_id AND x.is_active)"""


def by_card(merchant_id: UUID, card_number: str, slug: str) -> tuple[Member, Offer | None] | None:
    """The merchant's member with this card, locked, and the reward of their program with this slug."""
    return _with_reward(_BY_CARD, [merchant_id, card_number], slug)


def by_user(merchant_id: UUID, user_id: UUID, slug: str) -> tuple[Member, Offer | None] | None:
    """The member of the merchant's active program with this `user_id`, locked, and the reward with this slug."""
    return _with_reward(_BY_USER, [merchant_id, user_id], slug)


def by_member(member: Member, slug: str) -> tuple[Member, Offer | None]:
    """The member, locked, and the reward of their program with this slug, as they stand then."""
    found = _with_reward("m.id = %s", [member.pk], slug)
    assert found is not None  # noqa: S101 (members are not deleted)
    return found


def _with_reward(where: str, parameters: list[Any], slug: str) -> tuple[Member, Offer | None] | None:
    found = _found("rewards_open_v1(m.id, %s::text[], NULL)", [[slug]], where, parameters)
    return (found[0], next(iter(opened(found[1]).values()), None)) if found is not None else None


def _found(function: str, asked: list[Any], where: str, parameters: list[Any]) -> tuple[Member, str] | None:
    statement = _OPENED.format(function=function, where=where, selection=faces.selection())
    rows = run(statement, [*asked, *parameters])
    if not rows:
        return None
    member = faces.member_of(rows[0])
    locks.mark(member)
    return member, rows[0][-1]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A member, locked, the rewards that are asked for (by slug), and the intents known before (by client id)."""

    member: Member
    offers: dict[str, Offer]
    known: dict[str, CheckoutIntent]

    def offer_of(self, intent: CheckoutIntent) -> Offer | None:
        """The reward of an intent."""
        return next((each for each in self.offers.values() if each.reward.pk == intent.reward_id), None)


def checkout_by_user(merchant_id: UUID, user_id: UUID, *, slugs: list[str], intents: list[str]) -> Checkout | None:
    """What a checkout of this customer goes by; None for nobody."""
    return _checkout(_BY_USER, [merchant_id, user_id], slugs, intents)


def checkout_of(member: Member, *, slugs: list[str], intents: list[str]) -> Checkout:
    """What a checkout of this member goes by."""
    found = _checkout("m.id = %s", [member.pk], slugs, intents)
    assert found is not None  # noqa: S101 (members are not deleted)
    return found


def checkout_with(merchant_id: UUID, user_id: UUID, intent_id: UUID) -> Checkout | None:
    """The customer's own intent with this id, and what it goes by; None for nobody's, or another's."""
    function = """checkout_open_v1(m.id, NULL, ARRAY(
        SELECT i.client_id::text FROM loyalty_checkout_intents i WHERE i.id = %s AND i.member_id = m.id))"""
    where = f"""{_BY_USER.replace("AND p.is_active", "")} AND EXISTS (
        SELECT 1 FROM loyalty_checkout_intents i WHERE i.id = %s AND i.member_id = m.id)"""
    return _read_checkout(_found(function, [intent_id], where, [merchant_id, user_id, intent_id]))


def _checkout(where: str, parameters: list[Any], slugs: list[str], intents: list[str]) -> Checkout | None:
    function = "checkout_open_v1(m.id, %s::text[], %s::text[])"
    return _read_checkout(_found(function, [slugs, intents], where, parameters))


def _read_checkout(found: tuple[Member, str] | None) -> Checkout | None:
    if found is None:
        return None
    member, facts = found[0], json.loads(found[1])
    offers = {offer.reward.slug: offer for offer in map(_offer, facts["rewards"])}
    known = {}
    for each in facts["intents"]:
        intent = row_of(CheckoutIntent, each)
        intent.member = member
        if each["redemption"] is not None:
            intent.redemption = row_of(Redemption, each["redemption"])
            intent.redemption.member = member
            locks.mark(intent.redemption)
        known[intent.client_id] = intent
    checkout = Checkout(member, offers, known)
    for intent in known.values():
        offer = checkout.offer_of(intent)
        intent.reward = offer.reward if offer is not None else None
        if intent.redemption is not None:
            intent.redemption.reward = intent.reward
    return checkout


_REDEMPTION = """
WITH opened AS MATERIALIZED (
    SELECT d.id, d.member_id, rewards_open_v1(d.member_id, NULL, ARRAY[d.reward_id])::text AS rewards
      FROM loyalty_redemptions d WHERE d.merchant_id = %s AND d.id = %s)
{selection}, {columns}, opened.rewards
  FROM opened
  JOIN loyalty_redemptions d ON d.id = opened.id
  JOIN loyalty_members m ON m.id = opened.member_id
  JOIN loyalty_programs p ON p.id = m.program_id
  JOIN customers c ON c.id = m.customer_id
   FOR NO KEY UPDATE OF d
"""


def redemption(merchant_id: UUID, redemption_id: UUID) -> Redemption | None:
    """The merchant's redemption, its reward's stock and its member locked; None for none."""
    fields = Redemption._meta.concrete_fields
    columns = ", ".join(f"d.{field.column}" for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(_REDEMPTION.format(selection=faces.selection(), columns=columns), [merchant_id, redemption_id])
        row = cursor.fetchone()
    if row is None:
        return None
    begin = len(row) - 1 - len(fields)
    values = [
        json.loads(value) if field.name == "metadata" and isinstance(value, str) else value
        for field, value in zip(fields, row[begin:-1], strict=True)
    ]
    found = Redemption.from_db("default", [field.attname for field in fields], values)
    found.member = faces.member_of(row[:begin])
    found.reward = next((offer.reward for offer in opened(row[-1]).values()), None)
    locks.mark(found)
    return found
