"""What the database cannot keep is refused by every operation that takes words, before anything moves."""

import pytest

from loyalty.models import Member
from loyalty.operations import cards, points, redemptions, restores
from loyalty.operations.orders import InvalidReference
from loyalty_site.texts import InvalidText
from tests.cast import make_member, refused

NUL, HALF = "a\0b", "a\ud800b"


@pytest.mark.parametrize("bad", [NUL, HALF])
def test_words_that_cannot_be_kept_are_refused(alice, buy, noon, bad):
    buy("10.00")
    held = redemptions.hold(member=alice, points=5, at=noon)

    for call in (
        lambda: redemptions.hold(member=alice, points=1, at=noon, metadata={"note": [bad]}),
        lambda: redemptions.hold(member=alice, points=1, at=noon, key=bad),
        lambda: redemptions.cancel(redemption=held, at=noon, reason=bad),
        lambda: redemptions.fail(redemption=held, at=noon, reason=bad),
        lambda: cards.replace(member=alice, reason=bad, at=noon),
        lambda: points.adjust(member=alice, points=1, reason=bad, actor=None, key=None, at=noon),
        lambda: restores.restore(member=alice, points=1, reason=bad, actor=None, key=None, at=noon),
        lambda: make_member(alice.program, bad),
    ):
        with refused(InvalidText):
            call()

    alice.refresh_from_db()
    assert (alice.points_balance, alice.points_held, Member.objects.count()) == (100, 5, 1)


def test_keys_longer_than_their_column_are_refused(alice, noon):
    for call in (
        lambda: redemptions.hold(member=alice, points=1, at=noon, key="k" * 129),
        lambda: points.adjust(member=alice, points=1, reason="r", actor=None, key="k" * 129, at=noon),
        lambda: restores.restore(member=alice, points=1, reason="r", actor=None, key="k" * 129, at=noon),
    ):
        with refused(InvalidReference):
            call()
    assert points.adjust(member=alice, points=1, reason="r", actor=None, key="k" * 128, at=noon)


def test_a_reason_longer_than_anybody_reads_is_cut(alice, buy, noon):
    buy("10.00")
    held = redemptions.hold(member=alice, points=5, at=noon)

    assert len(redemptions.fail(redemption=held, at=noon, reason="r" * 5000).reason) == 500
    assert cards.replace(member=alice, reason="r" * 5000, at=noon)
