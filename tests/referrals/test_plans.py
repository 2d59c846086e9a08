"""Nobody reads the invites through: each statement goes by an index, however many there are."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from loyalty.models import Member
from loyalty_site.ids import NEW_ID_SQL
from loyalty_site.storefront import sources, timeline
from referrals.models import Invite
from referrals.operations import finding
from referrals.queries import evidence, guardrails, limits
from referrals.queries.due import due
from tests.cast import NOON, make_member, make_merchant
from tests.performance.plans import plan_of, read_through

pytestmark = pytest.mark.long

MANY = 60_000
INVITES = "loyalty_referral_invites"


@pytest.fixture(scope="module")
def crowd(modules_database):
    """Sixty thousand invites of two hundred members, one in ten of them open, one in three converted."""
    program = make_merchant("cafe")
    members = [make_member(program, f"m{number}") for number in range(200)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO loyalty_referral_invites (id, merchant_id, referrer_id, code, is_standing, invitee_email,
                status, reward_state, reward_points, invitee_points, order_reference, signals, risk_score, reason,
                metadata, created_at, updated_at, expires_at)
            SELECT {NEW_ID_SQL}, %(merchant)s, (%(members)s::uuid[])[1 + n %% 200], 'R' || lpad(n::text, 7, '0'), false,
                   '', CASE WHEN n %% 10 = 0 THEN 'sent' ELSE 'expired' END, 'none', 500, 0, '', '[]', 0, '', '{{}}',
                   %(at)s - n * interval '1 minute', %(at)s, %(at)s + n * interval '1 minute'
              FROM generate_series(1, {MANY}) n""",
            {"merchant": program.merchant_id, "members": [member.pk for member in members], "at": NOON},
        )
    with psycopg.connect(modules_database.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE")
    return members


def nodes(statement, parameters):
    return plan_of(statement, parameters, lambda cursor: None)


def asked(call):
    """The statement and parameters that the call sends first."""
    sent = []

    def note(execute, sql, params, many, context):
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    return sent


def seq_scanned(call):
    found = set()
    for sql, params in asked(call):
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            found |= {node["Relation Name"] for node in nodes(sql, params) if node["Node Type"] == "Seq Scan"}
    return found


def test_a_code_and_its_members_are_found_by_indexes(crowd):
    member = crowd[0]
    code = Invite.objects.first().code

    for asked_for in (code, member.referral_code):
        sql, values = finding.reading(member.merchant_id, asked_for, member_id=crowd[1].pk)
        assert INVITES not in read_through(nodes(sql, values))


@pytest.mark.parametrize("question", ["limits", "evidence", "guardrails", "due"])
def test_no_question_reads_the_invites_through(crowd, question):
    alice, bob = (Member.objects.select_related("program").get(pk=member.pk) for member in crowd[:2])
    ask = {
        "limits": lambda: limits.of(alice, at=NOON),
        "evidence": lambda: evidence.gather(referrer=alice, invitee=bob, invite_id=alice.pk, at=NOON),
        "guardrails": lambda: guardrails.state(alice.merchant, at=NOON),
        "due": lambda: due(NOON),
    }[question]

    assert INVITES not in seq_scanned(ask)


def test_the_timeline_reads_a_page_of_invites_and_sorts_none(crowd):
    filters = {f"include_{part}": part in ("referrals", "guardrails") for part in timeline.PARTS}
    filters |= {"referral_statuses": None, "referral_code": None, "guardrail_scopes": None}
    position = {"referrals": ((NOON - timedelta(minutes=30_000)).isoformat(), None)}

    sql, values = timeline.query(
        crowd[0], [sources.REFERRALS, sources.GUARDRAILS], filters=filters, positions=position, limit=21
    )
    found = nodes(sql, values)

    assert INVITES not in read_through(found)
    assert sum(node["Actual Rows"] for node in found if node.get("Relation Name") == INVITES) <= 21
