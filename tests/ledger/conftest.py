"""Members for the ledger's tests: of one merchant, and one of another whose keys are its own."""

import pytest

from loyalty.models import Member
from tests.cast import make_member, make_merchant


@pytest.fixture
def members(db: None) -> list[Member]:
    """Six cards of the café, one of them switched off, and one of the bookshop."""
    cafe, bookshop = make_merchant("cafe"), make_merchant("bookshop")
    made = [make_member(cafe, name) for name in ("ann", "ben", "cleo", "dan", "eve", "fay")]
    made.append(make_member(bookshop, "gil"))
    Member.objects.filter(pk=made[4].pk).update(is_active=False)
    return made
