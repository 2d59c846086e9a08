"""The member behind a card number: read in one query with program, ladder of tiers and customer."""

import json
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from loyalty.models import Member, Program, Tier
from loyalty.queries import locks
from loyalty_site.prepared import run
from loyalty_site.rows import as_read
from loyalty_site.tenants.models import Customer, Merchant

_JOINED: tuple[tuple[str, type[Model]], ...] = (("m", Member), ("p", Program), ("c", Customer))

# The ladder comes as JSON and not by a join: a row that was locked after a wait is joined to what stood beside its old
# self, and a member raised meanwhile would be without a tier.
_LADDER = """
(SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.point_threshold, t.slug), '[]')::text
   FROM loyalty_tiers t WHERE t.program_id = p.id)"""

_MERCHANT = "(SELECT o.slug FROM merchants o WHERE o.id = m.merchant_id)"

_BARE_FROM = """
  FROM loyalty_members m
  JOIN loyalty_programs p ON p.id = m.program_id
"""
_FROM = f"""{_BARE_FROM}  JOIN customers c ON c.id = m.customer_id
"""


def members(where: str, parameters: list[Any], *, for_change: bool = False, order: str = "") -> list[Member]:
    """The members of `where` (over m, p and c), each with its program, tier and customer at hand.

    With `for_change` they are locked until the transaction ends, in the `order` given.
    """
    locking = " FOR NO KEY UPDATE OF m" if for_change else ""
    found = [member_of(row) for row in run(f"{selection()}{_FROM} WHERE {where} {order}{locking}", parameters)]
    if for_change:
        for member in found:
            locks.mark(member)
    return found


def reading_card(merchant_id: UUID, card_number: str, *, customer: bool = False) -> tuple[str, list[Any]]:
    """The SELECT, and its parameters, of the merchant's member with this card, for change: see `locked_member`.

    Without the customer, unless asked for: what moves points has no use for the person.
    """
    where = "m.merchant_id = %s::uuid AND m.card_number = %s::text"
    source = _FROM if customer else _BARE_FROM
    return f"{selection(customer=customer)}{source} WHERE {where} FOR NO KEY UPDATE OF m", [merchant_id, card_number]


def locked_member(row: tuple[Any, ...]) -> Member:
    """The member in a row of `reading_card`, read in the transaction under way."""
    of_member, of_program, _ = _widths()
    member = member_alone(row) if len(row) == of_member + of_program + 1 else member_of(row)
    locks.mark(member)
    return member


def reading_card_of_caller(card_number: str) -> tuple[str, list[Any]] | None:
    """The SELECT, and its parameters, of the member with this card at the merchant of `caller`: see `member_alone`.

    It locks nothing. None for a number that no card can have.
    """
    return (_card_of_caller(), [card_number]) if card_number.isprintable() else None


@cache
def _card_of_caller() -> str:
    where = "m.merchant_id = caller.merchant_id AND m.card_number = %s::text"
    return f"{selection(customer=False)}{_BARE_FROM} WHERE {where}"


def member_alone(row: tuple[Any, ...]) -> Member:
    """The member in a row of `selection(customer=False)`."""
    of_member = _widths()[0]
    return _member(row[:of_member], _program(row[of_member:-1], row[-1]))


def by_card(merchant_id: UUID, card_number: str, *, for_change: bool = False) -> Member | None:
    """The merchant's member with this card; None for nobody."""
    found = members("m.merchant_id = %s AND m.card_number = %s", [merchant_id, card_number], for_change=for_change)
    return found[0] if found else None


def by_user(merchant_id: UUID, user_id: UUID, *, for_change: bool = False) -> Member | None:
    """The merchant's member with this id of the storefront's, in the active program before others; None for nobody.

    A merchant that is switched off has none.
    """
    found = members(
        """c.merchant_id = %s AND c.user_id = %s
           AND EXISTS (SELECT 1 FROM merchants x WHERE x.id = c.merchant_id AND x.is_active)""",
        [merchant_id, user_id],
        for_change=for_change,
        order="ORDER BY p.is_active DESC, m.id DESC LIMIT 1",
    )
    return found[0] if found else None


def by_id(member_id: UUID, *, merchants: list[UUID] | None) -> Member | None:
    """The member with this id, locked, its merchant's slug at hand; None where it is of none of these merchants.

    Without `merchants` it may be of any.
    """
    statement, parameters = reading_id(member_id, merchants=merchants)
    rows = run(f"{statement} FOR NO KEY UPDATE OF m", parameters)
    if not rows:
        return None
    member = with_merchant(rows[0])
    locks.mark(member)
    return member


def reading_id(member_id: UUID, *, merchants: list[UUID] | None) -> tuple[str, list[Any]]:
    """The SELECT, and its parameters, of the member with this id at one of these merchants: see `with_merchant`."""
    where = "m.id = %s::uuid"
    parameters: list[Any] = [member_id]
    if merchants is None:
        return f"{selection()}, {_MERCHANT} AS merchant_slug {_FROM} WHERE {where}", parameters
    where = f"{where} AND m.merchant_id = ANY (%s::uuid[])"
    return f"{selection()}, {_MERCHANT} AS merchant_slug {_FROM} WHERE {where}", [*parameters, merchants]


def with_merchant(row: tuple[Any, ...]) -> Member:
    """The member in a row of `reading_id`, its merchant's slug at hand."""
    member = member_of(row)
    member.merchant = Merchant(id=member.merchant_id, slug=row[-1])
    return member


@cache
def selection(*, customer: bool = True) -> str:
    """SELECT of every column that `member_of` reads, and of the ladder; or of all but the customer's."""
    joined = _JOINED if customer else _JOINED[:-1]
    columns = (f"{alias}.{column}" for alias, model in joined for column in _columns(model)[1])
    return f"SELECT {', '.join(columns)}, {_LADDER}"


def member_of(row: tuple[Any, ...]) -> Member:
    """The member in a row of `selection()`."""
    of_member, of_program, of_customer = _widths()
    begin = of_member + of_program
    member = _member(row[:of_member], _program(row[of_member:begin], row[begin + of_customer]))
    member.customer = _made(Customer, row[begin : begin + of_customer])
    return member


def _member(values: tuple[Any, ...], program: Program) -> Member:
    member = as_read(Member, zip(_columns(Member)[0], values, strict=True))
    tiers: dict[UUID, Tier] = program.all_tiers  # type: ignore[attr-defined]
    # At hand as after a join: the ids were read with the row, so setting the attributes would only write them again.
    member._state.fields_cache = {
        "program": program,
        "tier": tiers.get(member.tier_id) if member.tier_id is not None else None,
    }
    return member


@lru_cache(64)
def _program(values: tuple[Any, ...], tiers: str) -> Program:
    """The program of these columns and tiers. As long as neither changes in the database it is one object."""
    return with_ladder(_made(Program, values), tiers)


@cache
def _widths() -> list[int]:
    return [len(_columns(model)[0]) for _, model in _JOINED]


def with_ladder(program: Program, tiers: str) -> Program:
    """The program, its tiers read from the JSON of the query."""
    named = [_tier(each, program) for each in json.loads(tiers, parse_float=Decimal)]
    program.all_tiers = {tier.pk: tier for tier in named}  # type: ignore[attr-defined]
    program.ladder = [tier for tier in named if tier.is_active]
    return program


def _tier(facts: dict[str, Any], program: Program) -> Tier:
    tier = Tier(**{**facts, "id": UUID(facts["id"]), "program_id": program.pk})
    tier.multiplier = Decimal(tier.multiplier)
    tier._state.adding = False
    tier._state.db = "default"
    return tier


_PERSONS = """
  FROM loyalty_programs p
  LEFT JOIN customers c ON c.merchant_id = p.merchant_id AND c.id IN ({clues})
  LEFT JOIN loyalty_members m ON m.program_id = p.id AND m.customer_id = c.id
"""
# One look-up for each clue, so that each goes by its own index.
_CLUES = {
    "email": "lower(x.email) = lower(%s) AND x.email <> ''",
    "phone": "x.phone_number = %s AND x.phone_number <> ''",
    "external_ref": "x.external_ref = %s AND x.external_ref <> ''",
    "user_id": "x.user_id = %s",
}

_CLUES_OF_MANY = {
    "email": "lower(x.email) = ANY (%s) AND x.email <> ''",
    "phone": "x.phone_number = ANY (%s) AND x.phone_number <> ''",
    "external_ref": "x.external_ref = ANY (%s) AND x.external_ref <> ''",
}


def persons(
    where: str, parameters: list[Any], clues: dict[str, Any]
) -> tuple[Program | None, list[tuple[Customer, Member | None]]]:
    """The program of `where` (over p), and the merchant's customers who share a clue, with their membership in it.

    Clues are of email (without regard to case), phone, external_ref and user_id; empty ones are none. A list (of
    e-mail addresses in lower case) stands for each of its values.
    """
    given = {name: value for name, value in clues.items() if value}
    looked_up = " UNION ".join(
        f"SELECT x.id FROM customers x WHERE x.merchant_id = p.merchant_id AND {_CLUES_OF_MANY[name]}"
        if isinstance(given[name], list)
        else f"SELECT x.id FROM customers x WHERE x.merchant_id = p.merchant_id AND {_CLUES[name]}"
        for name in given
    )
    source = _PERSONS.format(clues=looked_up or "NULL")
    with connection.cursor() as cursor:
        cursor.execute(f"{selection()}{source} WHERE {where}", [*given.values(), *parameters])
        rows = cursor.fetchall()
    if not rows:
        return None, []
    of_member, of_program, of_customer = _widths()
    program = _program(rows[0][of_member : of_member + of_program], rows[0][-1])
    found: list[tuple[Customer, Member | None]] = []
    for row in rows:
        if row[of_member + of_program] is None:
            continue
        if row[0] is None:
            found.append((_made(Customer, row[of_member + of_program : of_member + of_program + of_customer]), None))
        else:
            member = member_of(row)
            found.append((member.customer, member))
    return program, found


def _made(model: Any, values: tuple[Any, ...]) -> Any:
    return model.from_db("default", _columns(model)[0], values)


@cache
def _columns(model: Any) -> tuple[list[str], list[str]]:
    fields = model._meta.concrete_fields
    return [field.attname for field in fields], [str(field.column) for field in fields]
