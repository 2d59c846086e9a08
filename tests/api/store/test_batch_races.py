"""A reference that another till takes while a batch is done is that operation's refusal, not the batch's."""

from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from loyalty.models import Member
from loyalty.operations import points, redemptions
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.locks import wait_until_waited_for
from tests.tills import Till


@pytest.fixture
def two(own_database):
    """A till, and two members with points."""
    program = make_merchant("cafe", welcome_bonus=100)
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    members = [
        enroll(program=program, person=Person(external_ref=name), at=timezone.now()).member for name in ("ana", "bea")
    ]
    return till, Member.objects.select_related("program").get(pk=members[0].pk), members[1]


def earn(till, member):
    amount, at = Decimal(1), timezone.now()
    points.earn(member=member, store=till.store, amount=amount, order_reference="W-1", at=at)


def redeem(till, member):
    redemptions.redeem(member=member, store=till.store, points=5, order_reference="W-1", at=timezone.now())


@pytest.mark.parametrize(
    ("claim", "operation"),
    [(earn, {"op": "earn", "amount": "1.00"}), (redeem, {"op": "redeem", "points": 5})],
    ids=["earn", "redeem"],
)
def test_a_reference_taken_at_this_moment_is_one_operations_refusal(two, claim, operation):
    till, ana, bea = two
    card = {"cardNumber": bea.card_number}
    operations = [
        {"clientId": "1", **card, **operation, "orderReference": "W-1"},
        {"clientId": "2", "op": "earn", **card, "amount": "2.00", "orderReference": "W-2"},
    ]
    answers = []

    def send():
        answers.append(till.post("batch", {"operations": operations}, key="batch-1"))
        connections.close_all()

    sending = Thread(target=send)
    with transaction.atomic():
        claim(till, ana)
        sending.start()
        # It has looked the reference up, found nothing, and waits for us to say whether it is ours.
        wait_until_waited_for(connection)
    sending.join(30)

    [answer] = answers
    first, second = answer.json()["results"]
    assert answer.status_code == 200
    assert (first["status"], first["problem"]["code"]) == (409, "order_already_used")
    assert (second["status"], second["result"]["points"]) == (201, 20)
    bea.refresh_from_db()
    assert bea.points_balance == 120
