"""Segments and velocity, against counts by hand and against a count in plain Python."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations import points, redemptions, stamps
from loyalty_site.refusals import Refusal
from referrals.models import Invite
from referrals.queries import segments, velocity
from referrals.queries.segments import Segment
from tests.cast import NOON, make_member
from tests.referrals.happenings import convert, invite

DAY = timedelta(days=1)
AT = NOON + 200 * DAY


def by_slug(found):
    return {segment.slug: segment for segment in found.segments}


def test_a_merchant_without_members_has_the_one_segment_inactive(cafe):
    found = segments.measured(cafe, AT)

    assert found.segments == [Segment("inactive")]
    assert velocity.of(found).per_member(0) == 0.0


def test_members_are_told_apart_by_when_they_last_did_something(cafe, program, alice, buy):
    ann, ben, cleo, dan = (make_member(program, name) for name in ("ann", "ben", "cleo", "dan"))
    # Alice and Dan, whose card is switched off, never came.
    buy(order="1", member=ann, days=199)
    buy(order="2", member=ann, days=150)
    buy(order="3", member=ben, days=150)
    buy(order="4", member=cleo, days=50)
    Member.objects.filter(pk=dan.pk).update(is_active=False)

    found = segments.measured(cafe, AT)

    assert found.segments == [
        Segment("active", members=1, active_cards=1, points_earned=45),
        Segment("stalled", members=1, active_cards=1),
        Segment("at-risk", members=3, active_cards=2),
    ]
    assert (found.computed_at, found.window_days) == (AT, 30)


@pytest.mark.parametrize(("days", "slug"), [(30, "stalled"), (29.999, "active"), (90, "at-risk"), (89.999, "stalled")])
def test_a_window_is_so_many_times_24_hours_and_what_lies_exactly_so_far_back_is_out(cafe, alice, buy, days, slug):
    buy(days=200 - days)

    assert by_slug(segments.measured(cafe, AT))[slug].members == 1


# The definitions once more, as plainly as they can be written: a row a deed, then the last of each member.
_PLAIN = """
    WITH deed AS (
        SELECT member_id, occurred_at AS at FROM loyalty_ledger_entries
          WHERE merchant_id = %(merchant)s AND type IN ('earn', 'redeem', 'stamp_earned', 'stamp_redeemed')
        UNION ALL
        SELECT referrer_id, created_at FROM loyalty_referral_invites WHERE merchant_id = %(merchant)s
        UNION ALL
        SELECT referrer_id, completed_at FROM loyalty_referral_invites
          WHERE merchant_id = %(merchant)s AND status = 'converted'),
    last AS (
        SELECT m.id, (SELECT max(d.at) FROM deed d WHERE d.member_id = m.id AND d.at <= %(at)s) AS at
          FROM loyalty_members m WHERE m.merchant_id = %(merchant)s AND m.enrolled_at <= %(at)s)
    SELECT count(*) FILTER (WHERE at > %(at)s - interval '720 hours'),
           count(*) FILTER (WHERE at <= %(at)s - interval '720 hours' AND at > %(at)s - interval '2160 hours'),
           count(*) FILTER (WHERE at IS NULL OR at <= %(at)s - interval '2160 hours')
      FROM last"""


def test_at_the_boundaries_segments_equal_a_count_by_plain_sql(cafe, program, buy):
    instant = timedelta(microseconds=1)
    for days in (30, 90):
        for place, off in enumerate((-instant, timedelta(0), instant)):
            at = AT - days * DAY + off
            bought, sent, converted = (
                make_member(program, f"{deed}-{days}-{place}") for deed in ("bought", "sent", "converted")
            )
            buy(order=f"W-{days}-{place}", member=bought, days=(at - NOON) / DAY)
            invite(sent, at)
            convert(converted, at, sent_at=NOON)
    never = make_member(program, "never")
    assert never

    for moment in (AT, AT + instant, AT - instant, AT + 30 * DAY):
        found = segments.measured(cafe, moment)
        with connection.cursor() as cursor:
            cursor.execute(_PLAIN, {"merchant": cafe.pk, "at": moment})
            plain = cursor.fetchone()
        assert tuple(segment.members for segment in found.segments) == plain
        assert found.total("members") == Member.objects.filter(merchant=cafe).count()


def test_velocity_is_what_plain_sums_say(cafe, program, alice, buy):
    for days in (170, 171, 199.5, 200):
        buy(order=f"W-{days}", days=days)
        invite(alice, NOON + days * DAY)
        convert(alice, NOON + days * DAY)

    found = velocity.of(segments.measured(cafe, AT))

    since = {"occurred_at__gt": AT - 30 * DAY, "occurred_at__lte": AT}
    earned = LedgerEntry.objects.filter(merchant_id=cafe.pk, type="earn", **since)
    assert found.points_earned == sum(earned.values_list("points_delta", flat=True)) == 135
    assert found.invites == Invite.objects.filter(created_at__gt=AT - 30 * DAY).count() == 6
    assert found.conversions == Invite.objects.filter(completed_at__gt=AT - 30 * DAY).count() == 3
    assert found.members == Member.objects.count() == 5
    assert found.per_member(found.invites) == 1.2


def test_what_merely_happens_to_a_member_is_no_activity(cafe, alice, buy):
    points.award(member=alice, type=EntryType.TIER_BONUS, points=10, key="streak", at=AT - DAY)
    points.adjust(member=alice, points=5, reason="x", actor=None, key=None, at=AT - DAY)

    assert by_slug(segments.measured(cafe, AT))["at-risk"] == Segment("at-risk", members=1, active_cards=1)


@pytest.mark.parametrize("deed", ["stamp", "redeem", "invite", "conversion"])
def test_a_stamp_a_redemption_an_invite_and_a_conversion_are_activity(cafe, alice, counter, buy, deed):
    buy("50.00", days=1)
    alice.refresh_from_db()
    if deed == "stamp":
        stamps.add(member=alice, store=counter, count=1, at=AT - DAY)
    elif deed == "redeem":
        redemptions.redeem(member=alice, store=counter, points=5, order_reference="R-1", at=AT - DAY)
    elif deed == "invite":
        invite(alice, AT - DAY)
    else:
        convert(alice, AT - DAY, sent_at=AT - 100 * DAY)

    active = by_slug(segments.measured(cafe, AT))["active"]

    assert (active.members, active.invites, active.conversions) == (1, deed == "invite", deed == "conversion")


def test_an_invite_of_before_the_window_keeps_from_risk_and_is_not_counted(cafe, alice):
    invite(alice, AT - 60 * DAY)

    assert by_slug(segments.measured(cafe, AT))["stalled"] == Segment("stalled", members=1, active_cards=1)


def test_a_past_moment_knows_nothing_of_what_came_later(cafe, program, alice, buy):
    make_member(program, "bob", at=AT - DAY)
    buy(days=100)

    before = segments.measured(cafe, NOON + 99 * DAY)
    just = segments.measured(cafe, NOON + 100 * DAY)

    assert [segment.members for segment in before.segments] == [0, 0, 1]
    assert [segment.members for segment in just.segments] == [1, 0, 0]


def test_a_merchants_segments_are_its_own(cafe, bookworm, alice):
    convert(bookworm, AT - DAY)

    assert segments.measured(cafe, AT).total("members") == 1
    assert segments.measured(cafe, AT).total("conversions") == 0


# --- Against a count in plain Python ------------------------------------------------------------------------------
def counted(merchant, at):
    """What the page of definitions says, read row by row."""
    sums = {}
    for member in Member.objects.filter(merchant=merchant):
        if min(member.created_at, member.enrolled_at) > at:
            continue
        entries = [e for e in LedgerEntry.objects.filter(member=member) if e.occurred_at <= at]
        visits = [e for e in entries if e.type in ("earn", "redeem", "stamp_earned", "stamp_redeemed")]
        sent = [i.created_at for i in Invite.objects.filter(referrer=member) if i.created_at <= at]
        done = [
            i.completed_at for i in Invite.objects.filter(referrer=member, status="converted") if i.completed_at <= at
        ]
        deeds = [e.occurred_at for e in visits] + sent + done
        last = max(deeds, default=None)
        slug = "at-risk"
        if last is not None and last > at - 30 * DAY:
            slug = "active"
        elif last is not None and last > at - 90 * DAY:
            slug = "stalled"
        row = sums.setdefault(slug, [0, 0, 0, 0])
        row[0] += 1
        row[1] += sum(moment > at - 30 * DAY for moment in sent)
        row[2] += sum(moment > at - 30 * DAY for moment in done)
        row[3] += sum(e.points_delta for e in visits if e.type == "earn" and e.occurred_at > at - 30 * DAY)
    return sums


DEEDS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["earn", "stamp", "bonus", "adjust", "redeem", "invite", "conversion"]),
        # Hours before the moment, the edges of the windows and what is still to come among them.
        st.one_of(st.integers(-50, 24 * 110), st.sampled_from([0, 24 * 30, 24 * 90, 24 * 30 - 1, 24 * 90 + 1])),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
def test_segments_equal_a_count_row_by_row(cafe, program, counter, deeds):
    frame = transaction.atomic()
    frame._from_testcase = True
    with frame:
        members = [make_member(program, f"m{number}", at=AT - 120 * DAY) for number in range(5)]
        for number, (who, deed, hours) in enumerate(sorted(deeds, key=lambda each: -each[2])):
            do(
                Member.objects.select_related("program").get(pk=members[who].pk),
                counter,
                deed,
                number,
                AT - hours * DAY / 24,
            )

        found = segments.measured(cafe, AT)

        assert {
            segment.slug: [segment.members, segment.invites, segment.conversions, segment.points_earned]
            for segment in found.segments
            if segment.members
        } == counted(cafe, AT)
        transaction.set_rollback(True)


def do(member, counter, deed, number, at):
    if deed == "earn":
        points.earn(member=member, store=counter, amount=Decimal(number), order_reference=f"o{number}", at=at)
    elif deed == "stamp":
        stamps.add(member=member, store=counter, count=1, order_reference=f"s{number}", at=at)
    elif deed == "bonus":
        points.award(member=member, type=EntryType.TIER_BONUS, points=7, key=f"b{number}", at=at)
    elif deed == "adjust":
        points.adjust(member=member, points=3, reason="x", actor=None, key=None, at=at)
    elif deed == "redeem":
        try:
            with transaction.atomic():
                redemptions.redeem(member=member, store=counter, points=2, order_reference=f"r{number}", at=at)
        except Refusal:
            pass
    elif deed == "invite":
        invite(member, at)
    else:
        convert(member, at, sent_at=at - 3 * DAY)
