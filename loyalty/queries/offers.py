"""Rewards as they stand for one member, read under the locks that a redemption needs (loyalty/sql/rewards_open_v1)."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.models import Member, Redemption, Reward
from loyalty.queries import faces
from loyalty_site.prepared import prepared_cursor


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
        "default", [field.attname for field in fields], [field.to_python(facts[field.column]) for field in fields]
    )


def of_member(member: Member, reward: Reward) -> Offer:
    """The reward as it stands, it and the member locked until the transaction ends."""
    with prepared_cursor() as cursor:
        cursor.execute("SELECT rewards_open_v1(%s, NULL, ARRAY[%s::uuid])::text", [member.pk, reward.pk])
        [text] = cursor.fetchone()
    return opened(text)[reward.pk]


_OPENED = """
WITH opened AS MATERIALIZED (
    SELECT m.id, rewards_open_v1(m.id, %s::text[], NULL)::text AS rewards
      FROM loyalty_members m JOIN loyalty_programs p ON p.id = m.program_id JOIN customers c ON c.id = m.customer_id
     WHERE {where})
{selection}, opened.rewards
  FROM opened
  JOIN loyalty_members m ON m.id = opened.id
  JOIN loyalty_programs p ON p.id = m.program_id
  JOIN customers c ON c.id = m.customer_id
   FOR NO KEY UPDATE OF m
"""


def by_card(merchant_id: UUID, card_number: str, slug: str) -> tuple[Member, Offer | None] | None:
    """The merchant's member with this card, locked, and the reward of their program with this slug."""
    return _found("m.merchant_id = %s AND m.card_number = %s", [merchant_id, card_number], slug)


def by_user(merchant_id: UUID, user_id: UUID, slug: str) -> tuple[Member, Offer | None] | None:
    """The member of the merchant's active program with this `user_id`, locked, and the reward with this slug."""
    return _found("c.merchant_id = %s AND c.user_id = %s AND p.is_active", [merchant_id, user_id], slug)


def _found(where: str, parameters: list[Any], slug: str) -> tuple[Member, Offer | None] | None:
    with prepared_cursor() as cursor:
        cursor.execute(_OPENED.format(where=where, selection=faces.selection()), [[slug], *parameters])
        row = cursor.fetchone()
    if row is None:
        return None
    # `member_of` looks for the ladder at the end.
    member = faces.member_of(row[:-1])
    faces.mark_as_locked(member)
    return member, next(iter(opened(row[-1]).values()), None)


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
    found.locked_in = connection.atomic_blocks[0]
    return found
