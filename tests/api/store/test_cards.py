"""Cards at the counter."""

import pytest
from django.utils import timezone

from loyalty import links
from loyalty.models import LedgerEntry, Member
from loyalty_site.tenants.models import Customer
from tests.cast import make_member
from tests.tills import problem

FIELDS = [
    *("id", "cardNumber", "qrPayload", "walletLinks", "userId", "externalRef", "firstName", "lastName", "email"),
    *("phone", "locale", "marketingConsent", "isActive", "enrolledAt", "tier", "pointsBalance", "pointsOnHold"),
    *("availablePoints", "lifetimePoints", "stampCount", "stampsTarget", "rewardsReady", "referralCode"),
]
PERSON = {
    "email": "Ben@example.com",
    "phone": "+352 621 123 999",
    "firstName": "Ben",
    "lastName": "Weber",
    "locale": "de",
    "birthDate": "1990-02-28",
    "marketingConsent": True,
    "externalRef": "c-7",
}


def test_enrolling_answers_201_with_the_card_and_again_200(till, program):
    program.welcome_bonus = 50
    program.save()

    first, again = till.post("cards", PERSON), till.post("cards", {**PERSON, "email": "ben@EXAMPLE.com"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert list(first.json()) == FIELDS
    assert again.json() == first.json()
    assert first.json()["pointsBalance"] == 50
    assert first.json()["phone"] == "+352621123999"
    assert LedgerEntry.objects.filter(type="welcome_bonus").count() == 1
    assert Customer.objects.get().marketing_consent_source == "till"


def test_a_card_has_a_qr_code_and_links_to_wallets(till, program):
    card = till.post("cards", {"externalRef": "c-7"}).json()

    assert card["qrPayload"] == card["cardNumber"]
    token = links.card_token(Member.objects.get().pk)
    assert card["walletLinks"] == {
        "apple": f"http://testserver/w/{token}/apple",
        "google": f"http://testserver/w/{token}/google",
    }
    assert links.member_id_in(token) == Member.objects.get().pk
    assert links.member_id_in(("B" if token[0] != "B" else "C") + token[1:]) is None
    assert links.member_id_in(token[:-1]) is None
    assert links.member_id_in("é") is None


def test_a_member_made_by_a_look_up_gets_the_bonus_with_the_first_enrolment(till, program):
    program.welcome_bonus = 50
    program.save()
    member = make_member(program, "late")
    Member.objects.filter(pk=member.pk).update(enrolled_at=None)

    first, again = till.post("cards", {"externalRef": "late"}), till.post("cards", {"externalRef": "late"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["pointsBalance"] == 50


def test_clues_of_two_members_are_ambiguous(till, program):
    make_member(program, "one")
    make_member(program, "two")

    problem(till.post("cards", {"externalRef": "one", "email": "two@example.com"}), 409, "ambiguous_person")


@pytest.mark.parametrize(
    ("body", "status", "attr"),
    [
        ({}, 400, "nonFieldErrors"),
        ({"email": "no address"}, 422, "email"),
        ({"phone": "12"}, 422, "phone"),
        ({"email": "a@example.com", "birthDate": "0000-01-01"}, 400, "birthDate"),
        ({"email": "a@example.com", "birthDate": "9999-12-31"}, 400, "birthDate"),
        ({"email": "a@example.com", "locale": "klingon language"}, 400, "locale"),
        ({"email": "a@example.com", "marketingConsent": "yes"}, 400, "marketingConsent"),
        ({"email": "a@example.com", "firstName": "x" * 81}, 400, "firstName"),
    ],
)
def test_a_person_is_looked_at_closely(till, program, body, status, attr):
    response = till.post("cards", body)

    assert response.status_code == status, response.content
    assert response.json()["errors"][0]["attr"] == attr


def test_a_card_is_found_by_number_phone_address_and_external_reference(till, ana):
    found = till.get(f"cards/{ana.card_number}").json()

    assert found["userId"] == str(ana.customer.user_id)
    for query in ({"phone": "+352621123456"}, {"email": "ANA@example.com"}, {"externalRef": "ana"}):
        assert till.get("cards", query).json() == found
    problem(till.get("cards", {"externalRef": "nobody"}), 404, "not_found")
    problem(till.get("cards"), 400, "one")
    problem(till.get("cards", {"phone": "+352621123456", "email": "ana@example.com"}), 400, "one")


def test_a_replaced_number_is_refused_on_every_call(till, ana, card):
    response = till.post(f"{card}/replace", {"reason": "lost"})

    number = response.json()["cardNumber"]
    assert number != ana.card_number
    assert till.get(f"cards/{number}").status_code == 200
    problem(till.get(card), 409, "card_replaced")
    problem(till.get(f"{card}/transactions"), 409, "card_replaced")
    for call, body in {
        "points": {"amount": "1", "orderReference": "1"},
        "points/preview": {"amount": "1"},
        "points/redeem": {"points": 1, "orderReference": "1"},
        "refunds": {"amount": "1", "refundReference": "1"},
        "stamps": {},
        "stamps/redeem": {},
        "stamps/void": {"entryId": str(ana.pk), "reason": "x"},
        "replace": {"reason": "x"},
        "deactivate": {},
        "reactivate": {},
    }.items():
        problem(till.post(f"{card}/{call}", body), 409, "card_replaced")
    one = {"clientId": "1", "op": "stamp", "cardNumber": ana.card_number}
    [result] = till.post("batch", {"operations": [one]}).json()["results"]
    assert result["problem"]["code"] == "card_replaced"


def test_an_inactive_card_reads_and_refunds_and_neither_earns_nor_spends(till, card, earn):
    earn()
    assert till.post(f"{card}/deactivate", {}).json()["isActive"] is False

    problem(earn(order="W-2"), 409, "card_inactive")
    problem(till.post(f"{card}/stamps", {}), 409, "card_inactive")
    problem(till.post(f"{card}/points/redeem", {"points": 1, "orderReference": "R"}), 409, "card_inactive")
    assert till.get(card).status_code == 200
    refund = {"amount": "4.50", "orderReference": "W-1", "refundReference": "B"}
    assert till.post(f"{card}/refunds", refund).json()["taken"] == 45
    assert till.post(f"{card}/reactivate", {}).json()["isActive"] is True
    assert earn(order="W-3").status_code == 201


def test_the_program_is_there_for_a_tills_screen(till, program):
    program.tiers.create(slug="gold", name="Gold", point_threshold=100, benefits=["free coffee"])
    program.tiers.create(slug="old", name="Old", point_threshold=10, is_active=False)
    program.rewards.create(slug="cake", name="Cake", cost_points=80)
    program.rewards.create(slug="none", name="None", cost_points=8, is_active=False)

    shown = till.get("program").json()

    assert (shown["currency"], shown["pointsPerUnit"], shown["stampsTarget"]) == ("EUR", "10.000000", 10)
    assert [(tier["slug"], tier["benefits"]) for tier in shown["tiers"]] == [("gold", ["free coffee"])]
    assert [reward["slug"] for reward in shown["rewards"]] == ["cake"]


def test_without_an_active_program_there_is_nothing_to_enrol_in(till, program):
    program.is_active = False
    program.save()

    problem(till.post("cards", {"externalRef": "x"}), 409, "program_inactive")
    problem(till.get("program"), 404, "not_found")


def test_enrolment_begins_now(till, program):
    before = timezone.now()

    till.post("cards", {"externalRef": "x"})

    assert before <= Member.objects.get().enrolled_at <= timezone.now()
