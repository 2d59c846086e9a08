"""The console's pages of rewards, their pictures and codes, and what staff do with redemptions."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from loyalty.models import Redemption, Reward, RewardPicture
from loyalty.operations import checkout, redemptions
from loyalty_site.tenants.models import Role
from tests.console.world import PIXEL

ADD = "/admin/loyalty/reward/add/"


@pytest.fixture
def tea(ours):
    return Reward.objects.get(program=ours.program)


def typed(reward_or_program, **more):
    """What the form sends: of a new reward of a program, or of one as it stands."""
    given = {
        "name": "Cake",
        "slug": "cake",
        "cost_points": "40",
        "kind": "product",
        "is_active": "on",
        "stock": "",
        "initial-stock": "",
    }
    if isinstance(reward_or_program, Reward):
        reward = reward_or_program
        given |= {
            name: getattr(reward, name) for name in ("name", "slug", "cost_points", "kind", "instructions", "sku")
        }
        given |= {"stock": reward.stock, "initial-stock": reward.stock, "minimum_tier": reward.minimum_tier_id or ""}
    else:
        given["program"] = reward_or_program.pk
    return {**given, "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", **more}


def page_of(reward):
    return f"/admin/loyalty/reward/{reward.pk}/change/"


def test_a_manager_makes_a_reward_with_a_picture_that_everybody_may_see(manager, ours, client):
    picture = SimpleUploadedFile("cake.svg", PIXEL, "image/svg+xml")

    answer = manager.post(ADD, typed(ours.program, stock="7", picture=picture))

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    cake = Reward.objects.get(slug="cake")
    assert (cake.stock, cake.picture.media_type, cake.picture.width) == (7, "image/png", 1)
    shown = client.get(f"/rewards/pictures/{cake.picture.pk}")
    assert (shown.content, shown["Content-Type"], shown["X-Content-Type-Options"]) == (PIXEL, "image/png", "nosniff")
    assert str(cake.picture.pk) in manager.get("/admin/loyalty/reward/").content.decode()


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a" + b"\0" * 50,
        PIXEL[:20],
        PIXEL[:16] + b"\0\0\x10\0" + PIXEL[20:],
        PIXEL[:16] + b"\0\0\0\0" + PIXEL[20:],
        b"\xff\xd8\xff\xe0" + b"\xff" * 40,
        b"RIFF\0\0\0\0WEBPVP8 ",
        PIXEL + b"\0" * 1_000_000,
        b"x",
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(manager, ours, data):
    answer = manager.post(ADD, typed(ours.program, picture=SimpleUploadedFile("cake.png", data, "image/png")))

    assert "picture" in answer.context["adminform"].form.errors
    assert not Reward.objects.filter(slug="cake").exists()


def test_a_picture_is_replaced_under_another_address_and_taken_away(manager, tea):
    before = tea.picture.pk
    manager.post(page_of(tea), typed(tea, picture=SimpleUploadedFile("a.png", PIXEL)))
    after = RewardPicture.objects.get(reward=tea).pk
    assert after != before

    manager.post(page_of(tea), typed(tea))
    assert RewardPicture.objects.get(reward=tea).pk == after
    manager.post(page_of(tea), typed(tea, **{"picture-clear": "on"}))

    assert not RewardPicture.objects.exists()


def test_what_tills_took_while_the_form_stood_open_is_not_sold_twice(manager, tea, ours):
    form = typed(tea)
    assert f'name="initial-stock" value="{tea.stock}"' in manager.get(page_of(tea)).content.decode()
    Reward.objects.update(stock=98)

    manager.post(page_of(tea), form | {"name": "Black tea"})
    tea.refresh_from_db()
    assert (tea.name, tea.stock) == ("Black tea", 98)

    manager.post(page_of(tea), form | {"stock": "120"})
    tea.refresh_from_db()
    assert tea.stock == 118


def test_a_tier_of_another_program_is_refused(manager, tea, ours, theirs):
    answer = manager.post(page_of(tea), typed(tea, minimum_tier=theirs.tier.pk))

    assert "minimum_tier" in answer.context["adminform"].form.errors


def test_codes_are_uploaded_and_those_that_stand_twice_are_named(manager, tea):
    url = f"/admin/loyalty/reward/{tea.pk}/codes/"
    file = SimpleUploadedFile("codes.csv", b"code,value\nNEW-1,5\nNEW-1,5\ncafe-code-0,5\n", "text/csv")

    answer = manager.post(url, {"key": "a" * 32, "file": file}, follow=True)

    text = answer.content.decode()
    assert "1 code added." in text
    assert "Twice in the file, kept once: NEW-1." in text
    assert "There before: cafe-code-0." in text
    assert "4 codes left" in text


def test_a_file_of_codes_that_is_none_is_refused_in_the_form(manager, tea):
    url = f"/admin/loyalty/reward/{tea.pk}/codes/"

    answer = manager.post(url, {"key": "a" * 32, "file": SimpleUploadedFile("codes.txt", b"\xff\xfe\x00")})

    assert answer.status_code == 200
    assert answer.context["form"].errors["file"] == ["The file is not in UTF-8."]
    assert tea.codes.count() == 3


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST])
def test_who_only_looks_uploads_nothing(role, ours, tea, sign_in):
    client = sign_in(ours.staff[role])

    assert client.get(f"/admin/loyalty/reward/{tea.pk}/codes/").status_code == 403
    assert "Upload codes" not in client.get(page_of(tea)).content.decode()


def test_what_cannot_be_fulfilled_fails_with_a_reason(manager, ours):
    redemption = ours.member.redemptions.get()

    answer = manager.post(
        f"/admin/loyalty/redemption/{redemption.pk}/fail/", {"key": "a" * 32, "reason": "Sold out"}, follow=True
    )

    redemption.refresh_from_db()
    assert (redemption.status, redemption.reason) == ("failed", "Sold out")
    assert "The redemption is failed." in answer.content.decode()


def test_several_are_fulfilled_at_once_and_one_that_cannot_be_keeps_nobody_waiting(manager, ours, tea):
    Reward.objects.update(minimum_tier=None)
    tea.refresh_from_db()
    stuck = redemptions.hold(member=ours.member, reward=tea, quantity=3, at=timezone.now())
    tea.codes.first().delete()
    chosen = [str(pk) for pk in Redemption.objects.filter(merchant=ours.merchant).values_list("pk", flat=True)]

    answer = manager.post(
        "/admin/loyalty/redemption/", {"action": "fulfil_selected", "_selected_action": chosen}, follow=True
    )

    statuses = list(
        Redemption.objects.filter(merchant=ours.merchant).exclude(pk=stuck.pk).values_list("status", flat=True)
    )
    stuck.refresh_from_db()
    assert (statuses, stuck.status) == (["fulfilled", "fulfilled"], "requested")
    text = answer.content.decode()
    assert "2 redemptions fulfilled." in text
    assert "There are no codes left" in text


def test_a_redemption_of_a_checkout_names_its_order_and_is_found_by_it(manager, ours, tea):
    member, now = ours.member, timezone.now()
    intent = checkout.Asked(client_id="i-9", kind="redemption", created_at=now, points_cost=1)
    user_id = member.customer.user_id
    checkout.confirm(merchant=ours.merchant, user_id=user_id, order_id="W-7001", intents=[intent], at=now)

    found = manager.get("/admin/loyalty/redemption/", {"q": "W-7001"}).content.decode()
    other = manager.get("/admin/loyalty/redemption/", {"q": "W-7002"}).content.decode()

    assert member.card_number in found
    assert found.count("W-7001") > other.count("W-7002")
    assert member.card_number not in other


def test_codes_stand_on_the_page_of_what_gives_some(manager, ours, tea):
    mug = Reward.objects.create(program=ours.program, slug="mug", name="Mug", cost_points=1)
    pages = []
    for reward in (tea, mug):
        made = redemptions.hold(member=ours.member, reward=reward, at=timezone.now())
        pages.append(manager.get(f"/admin/loyalty/redemption/{made.pk}/change/"))

    shown = [page.context["adminform"].fieldsets[0][1]["fields"] for page in pages]
    assert ["codes" in fields for fields in shown] == [True, False]
    assert "1 point (Requested)" in pages[1].content.decode()


def test_intents_are_found_by_order_and_can_only_be_read(manager, ours):
    page = manager.get("/admin/loyalty/checkoutintent/", {"q": "cafe-order-0"})

    assert [each.client_id for each in page.context["cl"].result_list] == ["cafe-intent-0"]
    assert manager.get("/admin/loyalty/checkoutintent/", {"status__exact": "cancelled"}).context["cl"].result_count == 0
