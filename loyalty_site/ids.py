"""Identifiers: UUID version 7 (RFC 9562), made here because PostgreSQL below 18 cannot."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7: unique, and later ones sort after earlier ones to the millisecond."""
    return uuid7()


# The same made by PostgreSQL, for rows that never pass through here: the millisecond in front of a random UUID, its
# version set to 7.
NEW_ID_SQL = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
    substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid"""

# The same for all rows of one statement: the first twelve bytes are made once, the last four count the rows (RFC 9562,
# 6.2). PostgreSQL asks the operating system for every UUID by itself, which may cost as much as writing the row.
NEW_IDS_SQL = f"""encode(overlay((SELECT uuid_send({NEW_ID_SQL}))
    placing int4send((row_number() OVER ())::integer) FROM 13), 'hex')::uuid"""
