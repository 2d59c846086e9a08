"""The console in a real browser, under its content policy, at a desk and on a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import EntryType, LedgerEntry
from loyalty_site.tenants.models import Role
from tests.console.world import PASSWORD, World, make_world


@pytest.fixture
def shop(live_site) -> World:
    """A café whose points are due in three days."""
    world = make_world("cafe", at=timezone.now() - timedelta(days=62))
    for user in world.staff.values():
        user.set_password(PASSWORD)
        user.save()
    return world


def _sign_in(page, live_site, user) -> None:
    page.goto(f"{live_site.url}/admin/")
    page.fill("#id_username", user.email)
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{live_site.url}/admin/")


def test_a_manager_restores_points_and_looks_ahead(live_site, shop, browser_page):
    page, member = browser_page, shop.member
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    _sign_in(page, live_site, shop.staff[Role.MANAGER])

    page.locator("#nav-sidebar-apps a[href='/admin/loyalty/member/']").click()
    page.fill("#searchbar", member.customer.email)
    page.press("#searchbar", "Enter")
    page.get_by_role("link", name=member.card_number).click()
    assert "200" in page.get_by_test_id("balance").inner_text()
    page.get_by_role("link", name="Restore points").click()
    page.fill("[name=points]", "70")
    page.fill("[name=reason]", "the till was down")
    # A double click, and nothing in the page that could stop it.
    page.evaluate("() => { const form = document.querySelector('form.console-form'); form.requestSubmit(); }")
    page.wait_for_url(f"**/{member.pk}/change/")
    assert "Restored 70 points" in page.inner_text("body")
    assert "270" in page.get_by_test_id("balance").inner_text()

    page.goto(f"{live_site.url}/admin/loyalty/program/{shop.program.pk}/change/")
    page.fill("#example-amount", "20")
    page.fill("#id_points_per_unit", "3")
    page.get_by_text("20.00 EUR earns 60 points.").wait_for()
    page.get_by_role("link", name="What the next nights would take").click()
    page.fill("[name=at]", f"{timezone.now() + timedelta(days=20):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Preview").click()
    assert page.get_by_test_id("preview-members").inner_text().strip() == "2"

    restored = LedgerEntry.objects.filter(member=member, type=EntryType.ADMIN_ADJUSTMENT)
    assert [entry.points_delta for entry in restored] == [70]
    assert not refused


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(width, live_site, shop, browser_page):
    page = browser_page
    page.set_viewport_size({"width": width, "height": 844})
    _sign_in(page, live_site, shop.staff[Role.OWNER])
    entry = LedgerEntry.objects.filter(member=shop.member).first()
    reward = shop.program.rewards.get()
    reward.name = "A large cup of tea with a slice of the cake of the day, to be eaten here"
    reward.save()
    addresses = [
        "",
        "loyalty/member/",
        f"loyalty/member/{shop.member.pk}/change/",
        f"loyalty/member/{shop.member.pk}/restore/",
        f"loyalty/ledgerentry/{entry.pk}/change/",
        f"loyalty/program/{shop.program.pk}/change/",
        f"loyalty/program/{shop.program.pk}/expiry/",
        f"loyalty/program/{shop.program.pk}/expire-now/",
        f"jobs/run/{shop.run.pk}/change/",
        f"jobs/run/{shop.run.pk}/undo/",
        "tenants/staffrole/add/",
        "loyalty/reward/",
        f"loyalty/reward/{reward.pk}/change/",
        f"loyalty/reward/{reward.pk}/codes/",
        f"loyalty/redemption/{shop.member.redemptions.get().pk}/change/",
        "loyalty/checkoutintent/",
        f"loyalty/checkoutintent/{shop.member.checkout_intents.get().pk}/change/",
    ]
    for address in addresses:
        page.goto(f"{live_site.url}/admin/{address}")

        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        # Whatever overflows a cell is cut: what stands in it is no higher than the cell itself.
        height = "(range => cell => (range.selectNodeContents(cell), range.getBoundingClientRect().height))"
        too_high = f"all => all.some(cell => {height}(document.createRange())(cell) > cell.clientHeight + 1)"
        assert not page.locator("#result_list tbody :is(td, th)").evaluate_all(too_high), address


def test_a_manager_writes_a_text_sees_it_framed_and_goes_back_to_the_default(live_site, shop, browser_page):
    page = browser_page
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    _sign_in(page, live_site, shop.staff[Role.MANAGER])

    page.locator("#nav-sidebar-apps a[href='/admin/notifications/templateoverride/']").click()
    row = page.locator("tr", has_text="Stamp card full").first
    row.get_by_role("link", name="Write your own").click()
    framed = page.frame_locator("iframe[name=preview]")
    framed.get_by_text("Your stamp card is full").first.wait_for()
    page.fill(
        "[name=html]", "<h1>Bravo</h1><p>{{ stamps }} stamps</p><p class='button'><a href='{{ hub_url }}'>Go</a></p>"
    )
    page.get_by_role("button", name="Preview what is typed").click()
    framed.get_by_text("10 stamps").wait_for()
    assert framed.get_by_role("link", name="Go").evaluate("each => getComputedStyle(each).borderTopWidth") == "13px"
    page.fill("[name=subject]", "{{ settings }}")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Line 1: There is no variable “settings” in this message.").wait_for()
    page.fill("[name=subject]", "Bravo {{ member.first_name }}")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    assert "Yours" in row.inner_text()
    assert "Bravo Anna" in row.inner_text()

    row.get_by_role("link", name="Edit").click()
    page.frame_locator("iframe >> nth=1").get_by_text("Your stamp card is full").first.wait_for()
    page.get_by_role("button", name="Send the saved text to me").click()
    page.get_by_text(f"A test is on its way to {shop.staff[Role.MANAGER].email}.").wait_for()
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("link", name="Back to the default ...").click()
    page.get_by_role("button", name="Yes, I\u2019m sure").click()
    page.get_by_text("was deleted successfully").wait_for()
    assert "Default" in row.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert refused == []
