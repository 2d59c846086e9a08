"""What looks like trickery waits for a person, and what a person decides is done and kept."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.ledger import CardInactive
from loyalty.models import LedgerEntry, Member
from loyalty.operations import cards, points
from loyalty_site.tenants.models import Customer, User
from referrals import sameness
from referrals.models import DeviceTrace, Invite, ReferralReview
from referrals.operations import conversions, devices, reviews
from referrals.operations.devices import Footprint
from referrals.operations.refusals import ReasonMissing, ReviewDecided
from tests.cast import NOON, refused
from tests.referrals.conftest import balance, joins

DAY = timedelta(days=1)
PHONE = Footprint(device="cookie-of-this-browser", address="192.0.2.7", user_agent="Browser 1")


@pytest.fixture
def manager(db) -> User:
    return User.objects.create_user("manager@cafe.example", "a long password")


def codes(invite):
    return [signal["code"] for signal in Invite.objects.get(pk=invite.pk).signals]


@pytest.fixture
def held(alice, invite, bob, complete) -> ReferralReview:
    """A conversion from the inviter's own browser."""
    devices.note(member=alice, footprint=PHONE, at=NOON)
    complete(invite.code, bob, footprint=PHONE)
    return ReferralReview.objects.get()


# --- Signals --------------------------------------------------------------------------------------------------
def test_one_browser_on_both_sides_is_held(held, invite, alice):
    invite.refresh_from_db()

    assert (invite.status, invite.reward_state) == ("converted", "review")
    assert codes(invite) == ["same_device", "same_address_and_browser"]
    assert invite.risk_score == 110
    assert balance(alice) == 0
    assert held.due_at == NOON + 16 * DAY


def test_one_address_alone_is_a_household(alice, invite, bob, complete):
    devices.note(member=alice, footprint=Footprint("", "192.0.2.7", "Browser 1"), at=NOON)

    complete(invite.code, bob, footprint=Footprint("", "192.0.2.7", "Browser 2"))

    assert codes(invite) == []
    assert balance(alice) == 500


def test_one_address_and_browser_is_noted_and_paid(alice, invite, bob, complete):
    devices.note(member=alice, footprint=Footprint("a", "192.0.2.7", "Browser 1"), at=NOON)

    complete(invite.code, bob, footprint=Footprint("b", "192.0.2.7", "Browser 1"))

    assert codes(invite) == ["same_address_and_browser"]
    assert balance(alice) == 500


def test_a_look_alike_at_a_disposable_domain_is_held(program, alice, invite, complete):
    Customer.objects.filter(pk=alice.customer_id).update(email="alice.weber@example.com")
    other = joins(program, "other", email="alice.weber7@yopmail.com")

    complete(invite.code, other)

    assert codes(invite) == ["disposable_email", "look_alike_email"]
    assert balance(alice) == 0


def test_more_than_usual_in_a_day_is_held(program, alice, rules, complete):
    rules(conversions_a_day=2)
    done = [complete(alice.referral_code, joins(program, name), days=2) for name in ("c", "d", "e")]
    later = complete(alice.referral_code, joins(program, "f"), days=3.1)

    assert [each.reward_state for each in done] == ["paid", "paid", "review"]
    assert later.reward_state == "paid"


def test_the_fourth_from_one_address_is_held(program, alice, complete):
    done = [
        complete(alice.referral_code, joins(program, name), footprint=Footprint("", "192.0.2.9", name))
        for name in ("c", "d", "e", "f")
    ]

    assert [each.reward_state for each in done] == ["paid", "paid", "paid", "review"]
    assert codes(done[3]) == ["many_from_one_address"]


def test_the_line_is_the_merchants(alice, invite, bob, rules, complete):
    rules(review_line=111)
    devices.note(member=alice, footprint=PHONE, at=NOON)

    complete(invite.code, bob, footprint=PHONE)

    assert balance(alice) == 500


@pytest.mark.parametrize(
    ("one", "other", "same", "alike"),
    [
        ("alice@gmail.com", "a.l.i.c.e+x@googlemail.com", True, True),
        ("alice@outlook.com", "alice+2@outlook.com", True, True),
        ("alice@example.com", "alice+2@example.com", False, True),
        ("alice@example.com", "alice@example.org", False, True),
        ("alice.weber@example.com", "alice.veber@example.com", False, True),
        ("alice1@example.com", "alice2@example.com", False, True),
        ("bob@example.com", "bob@example.org", False, False),
        ("alice@example.com", "bernard@example.com", False, False),
        ("", "", False, False),
        ("\uff21lice@gmail.com", "alice@gmail.com", True, True),
        ("josé@example.com", "jose\u0301@example.com", True, True),
    ],
)
def test_addresses_of_one_person_and_those_that_look_like_it(one, other, same, alike):
    assert sameness.are_same(one, other) is same
    assert sameness.look_alike(one, other) is alike


def test_disposable_domains_are_known_below_theirs_too():
    assert sameness.is_disposable("x@Mail.YOPMAIL.com")
    assert not sameness.is_disposable("x@notyopmail.com")


# --- Devices --------------------------------------------------------------------------------------------------
def test_no_one_can_read_what_is_kept_of_a_device(held):
    kept = str(list(DeviceTrace.objects.values())) + "".join(
        bytes(row.digest).hex() for row in DeviceTrace.objects.all()
    )

    for word in ("cookie", "192.0.2.7", "Browser"):
        assert word not in kept
        assert word.encode().hex() not in kept


def test_another_merchant_keeps_another_hash(alice, bookworm):
    mine, theirs = PHONE.digests(alice.merchant_id), PHONE.digests(bookworm.merchant_id)

    assert not set(mine.values()) & set(theirs.values())


def test_what_was_not_seen_for_90_days_is_deleted(alice, bob):
    devices.note(member=alice, footprint=PHONE, at=NOON)
    devices.note(member=bob, footprint=PHONE, at=NOON + DAY)

    assert devices.forget_old(at=NOON + 90 * DAY, chunk=2) == 3
    assert set(DeviceTrace.objects.values_list("member", flat=True)) == {bob.pk}


def test_who_is_seen_again_stays(alice):
    for day in (0, 80, 10):
        devices.note(member=alice, footprint=PHONE, at=NOON + day * DAY)

    assert devices.forget_old(at=NOON + 169 * DAY) == 0


# --- Decisions ------------------------------------------------------------------------------------------------
def test_approving_credits_once_and_keeps_who_and_why(held, invite, alice, manager):
    for _ in range(2):
        reviews.approve(review_id=held.pk, reason=" One household ", actor=manager, at=NOON + 3 * DAY)

    held.refresh_from_db()
    assert (held.status, held.reason, held.decided_by) == ("approved", "One household", manager)
    assert held.decided_at == NOON + 3 * DAY
    assert balance(alice) == 500
    invite.refresh_from_db()
    assert (invite.reward_state, invite.paid_at) == ("paid", NOON + 3 * DAY)


def test_rejecting_gives_nothing(held, invite, alice, manager):
    reviews.reject(review_id=held.pk, reason="Same phone", actor=manager, at=NOON + 3 * DAY)

    invite.refresh_from_db()
    assert (invite.status, invite.reward_state, invite.reason) == ("cancelled", "dropped", "Same phone")
    assert not LedgerEntry.objects.filter(type__in=["referral_bonus", "undo"]).exists()
    with refused(ReviewDecided):
        reviews.approve(review_id=held.pk, reason="Rather not", actor=manager, at=NOON + 4 * DAY)


def test_rejecting_after_the_payment_takes_it_back_as_far_as_it_is_there(held, invite, alice, manager):
    reviews.approve(review_id=held.pk, reason="Fine", actor=manager, at=NOON + 3 * DAY)
    member = Member.objects.select_related("program").get(pk=alice.pk)
    points.adjust(member=member, points=-400, reason="Prize", actor=None, key=None, at=NOON + 3 * DAY)

    for _ in range(2):
        reviews.reject(review_id=held.pk, reason="It was a trick", actor=manager, at=NOON + 5 * DAY)

    undo = LedgerEntry.objects.get(type="undo")
    assert (undo.points_delta, undo.shortfall, undo.actor) == (-100, 400, manager)
    assert balance(alice) == 0
    assert Member.objects.get(pk=alice.pk).lifetime_points == 400
    invite.refresh_from_db()
    assert (invite.status, invite.reward_state) == ("cancelled", "reversed")


def test_a_conversion_that_nobody_was_asked_about_can_be_rejected(alice, invite, bob, complete, manager):
    complete(invite.code, bob)

    for _ in range(2):
        reviews.reject_conversion(invite_id=invite.pk, reason="A trick", actor=manager, at=NOON + 3 * DAY)

    assert balance(alice) == 0
    review = ReferralReview.objects.get()
    assert (review.status, review.decided_by, review.reason) == ("rejected", manager, "A trick")
    assert LedgerEntry.objects.filter(type="undo").count() == 1


def test_a_decision_says_why(held, manager):
    for reason in ("", "  ", "x" * 501):
        for decide in (reviews.approve, reviews.reject):
            with refused(ReasonMissing):
                decide(review_id=held.pk, reason=reason, actor=manager, at=NOON)


@pytest.mark.parametrize(
    ("policy", "status", "points_of_alice"), [("pay", "approved", 500), ("hold", "open", 0), ("reject", "rejected", 0)]
)
def test_at_the_deadline_the_merchants_policy_decides(held, alice, rules, policy, status, points_of_alice):
    rules(deadline_policy=policy)

    assert sum(reviews.close_overdue(at=held.due_at - timedelta(seconds=1)).values()) == 0
    reviews.close_overdue(at=held.due_at)

    held.refresh_from_db()
    assert (held.status, held.decided_by) == (status, None)
    assert held.reason == ("deadline" if status != "open" else "")
    assert balance(alice) == points_of_alice


@pytest.mark.parametrize("policy", ["pay", "reject"])
def test_a_review_whose_order_came_back_as_it_was_held_is_closed_at_the_deadline(held, invite, alice, rules, policy):
    rules(deadline_policy=policy)
    # What a return leaves that did not see the review, because both came at once.
    Invite.objects.filter(pk=invite.pk).update(status="cancelled", reward_state="dropped", reason="order_returned")

    assert reviews.close_overdue(at=held.due_at)["rejected"] == 1

    held.refresh_from_db()
    assert (held.status, held.reason) == ("rejected", "order_returned")
    assert balance(alice) == 0


def test_reviews_that_stay_held_cost_no_query_each(held, program, alice, complete, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert reviews.close_overdue(at=held.due_at)["held"] == 1
    complete(alice.referral_code, joins(program, "x"), footprint=PHONE)
    with django_assert_num_queries(2):
        assert reviews.close_overdue(at=held.due_at)["held"] == 2


def test_an_inactive_card_is_not_paid_at_the_deadline(held, alice, rules, manager):
    rules(deadline_policy="pay")
    cards.deactivate(member=alice, at=NOON)

    with refused(CardInactive):
        reviews.approve(review_id=held.pk, reason="Fine", actor=manager, at=NOON + DAY)
    reviews.close_overdue(at=held.due_at)

    held.refresh_from_db()
    assert (held.status, held.reason) == ("rejected", "card_inactive")


def test_attaching_weighs_what_the_page_saw(program, alice):
    devices.note(member=alice, footprint=PHONE, at=NOON)
    carl = joins(program, "carl")

    done = conversions.attach(code=alice.referral_code, member=carl, at=NOON + DAY, footprint=PHONE)

    assert done.reward_state == "review"
    assert Decimal(done.risk_score) == 110
