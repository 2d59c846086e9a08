"""Tokens for a storefront's signed-in customers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty_site.http import tokens
from tests.tills import Till, problem


@pytest.fixture
def shop(counter):
    return Till(counter, scopes=("member_tokens",))


def test_a_token_says_who_the_customer_is_for_an_hour(shop, ana, cafe):
    by_card = shop.post("member-tokens", {"cardNumber": ana.card_number})
    by_user = shop.post("member-tokens", {"userId": str(ana.customer.user_id)})

    assert (by_card.status_code, by_user.status_code) == (201, 201)
    for response in (by_card, by_user):
        token = tokens.read(response.json()["token"])
        assert (token.merchant_id, token.user_id) == (cafe.pk, ana.customer.user_id)
        assert token.expires_at <= timezone.now() + timedelta(hours=1)


def test_it_needs_its_own_scope(till, shop, ana):
    problem(till.post("member-tokens", {"cardNumber": ana.card_number}), 403, "wrong_scope")
    problem(shop.get(f"cards/{ana.card_number}"), 403, "wrong_scope")


def test_another_merchants_card_is_not_there(shop, bookworm):
    problem(shop.post("member-tokens", {"cardNumber": bookworm.card_number}), 404, "not_found")


def test_a_customer_never_seen_before_gets_a_token_and_a_membership_of_their_own(shop, cafe, program, bookworm):
    user_id = bookworm.customer.user_id

    first, again = (shop.post("member-tokens", {"userId": str(user_id)}) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    token = tokens.read(first.json()["token"])
    assert (token.merchant_id, token.user_id) == (cafe.pk, user_id)
    made = program.members.get()
    assert (made.customer.user_id, made.enrolled_at, made.points_balance) == (user_id, None, 0)


@pytest.mark.parametrize("body", [{}, {"userId": "x"}, {"userId": 3}])
def test_it_is_told_whom_the_token_is_for(shop, body):
    assert shop.post("member-tokens", body).status_code == 400


def test_a_ring_of_keys_is_rotated_without_logging_anybody_out(settings, cafe, ana):
    def issue():
        return tokens.issue(merchant_id=cafe.pk, user_id=ana.customer.user_id, at=timezone.now())[0]

    settings.MEMBER_TOKEN_KEYS = (("old", "o" * 40),)
    before = issue()
    settings.MEMBER_TOKEN_KEYS = (("new", "n" * 40), ("old", "o" * 40))
    after = issue()
    assert tokens.read(before) is not None
    settings.MEMBER_TOKEN_KEYS = (("new", "n" * 40),)
    assert tokens.read(before) is None
    assert tokens.read(after) is not None
