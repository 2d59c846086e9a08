"""The join page in a real browser: on a phone and at a desk, with the keyboard, in every language, light and dark."""

import pytest
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty_site.storefront.join import requests
from loyalty_site.storefront.models import JoinRequest
from referrals.operations import invites
from tests.axe import violations
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.storefront.joining import steps

PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}


@pytest.fixture
def code(live_site) -> str:
    """That of Alice's invitation to the café's club."""
    program = make_merchant("cafe", welcome_bonus=1200, name="Café Club")
    set_rules(program, reward_points=500, invitee_points=100)
    alice = make_member(program, "alice", at=timezone.now())
    return invites.create(member=alice, at=timezone.now()).code


def _fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_invited_friend_joins_on_a_phone_with_the_keyboard_alone(live_site, code, browser_page):
    page = browser_page
    refused: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda asked: foreign.append(asked.url) if not asked.url.startswith(live_site.url) else None)
    page.set_viewport_size(PHONE)
    page.goto(f"{live_site.url}/join/cafe?ref={code}")
    assert "1,200 points to welcome you" in page.inner_text(".gifts")
    assert "100 points because a friend invited you" in page.inner_text(".gifts")
    assert violations(page) == []
    assert _fits(page)

    with page.expect_request("**/start.gif"):
        page.keyboard.press("Tab")
    page.keyboard.type("Anna")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("anna@")
    page.keyboard.press("Enter")
    page.wait_for_selector(".errors")
    assert "This is no e-mail address" in page.inner_text("form")
    assert page.title().strip().startswith("Error:")
    assert page.input_value("#id_first_name") == "Anna"
    assert violations(page) == []
    assert _fits(page)

    page.locator(".errors a").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("anna@example.net")
    # The button after phone, date (three parts and its calendar) and consent.
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "id_marketing_consent":
            page.keyboard.press("Space")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/join/cafe/thanks**")
    assert page.inner_text("h1") == "Thank you!"
    assert "An invitation counts for whoever is new" in page.inner_text(".note")
    assert violations(page) == []

    anna = Member.objects.select_related("customer").get(customer__email="anna@example.net")
    assert anna.customer.marketing_consent
    assert (balance(anna), balance(Member.objects.get(customer__first_name="Alice"))) == (1300, 1700)
    assert steps() == {"view": 1, "start": 1, "submit": 2, "success": 1}
    page.reload()
    assert Member.objects.count() == 2
    assert (refused, foreign) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_language_can_be_read_and_fits(live_site, code, browser, scheme):
    context = browser.new_context(color_scheme=scheme, locale="fr-LU", java_script_enabled=True)
    page = context.new_page()
    page.goto(f"{live_site.url}/join/cafe?ref={code}")
    assert page.locator("html").get_attribute("lang") == "fr"

    for name, title in (
        ("Deutsch", "Machen Sie mit"),
        ("Lëtzebuergesch", "Maacht mat"),
        ("Français", "Rejoignez"),
        ("English", "Join"),
    ):
        page.get_by_role("link", name=name).click()
        page.wait_for_load_state()
        assert page.inner_text("h1").startswith(title)
        assert f"ref={code}" in page.locator("form").get_attribute("action")
        page.locator("form").evaluate("form => form.submit()")
        page.wait_for_selector(".errors")
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            assert violations(page) == []
            assert _fits(page)
    context.close()


def test_who_has_no_javascript_joins_as_well(live_site, code, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_site.url}/join/cafe")
    with page.expect_request("**/start.gif"):
        page.fill("#id_first_name", "Anna")
    page.fill("#id_email", "anna@example.net")
    page.get_by_role("button").click()
    page.wait_for_url("**/join/cafe/thanks**")
    context.close()

    assert Member.objects.filter(customer__email="anna@example.net").exists()
    assert steps() == {"view": 1, "start": 1, "submit": 1, "success": 1}


def test_an_address_is_confirmed_by_a_button_behind_the_link(live_site, code, browser_page):
    Program.objects.update(double_opt_in=True)
    page = browser_page
    page.set_viewport_size(PHONE)
    page.goto(f"{live_site.url}/join/cafe?ref={code}&lang=de")
    page.fill("#id_first_name", "Anna")
    page.fill("#id_email", "anna@example.net")
    page.check("#id_marketing_consent")
    page.get_by_role("button").click()
    page.wait_for_url("**/join/cafe/thanks**")
    assert "binnen sieben Tagen" in page.inner_text("main")
    link = f"{live_site.url}/join/cafe/confirm/{requests.token(JoinRequest.objects.get().pk)}"

    page.goto(link)
    assert "anna@example.net" in page.inner_text("main")
    assert violations(page) == []
    assert _fits(page)
    page.get_by_role("link", name="Lëtzebuergesch").click()
    page.get_by_role("button", name="Jo, meng Kaart kréien").click()
    page.wait_for_url("**/join/cafe/thanks**")
    assert "Är Kaart ënnerwee" in page.inner_text("main")

    assert balance(Member.objects.get(customer__email="anna@example.net")) == 1300
    page.goto(link)
    assert violations(page) == []
    page.get_by_role("link", name="Fill in the form again").click()
    page.wait_for_selector("#id_email")
