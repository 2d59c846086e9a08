"""Who may do what in the console: owner, manager, cashier, analyst, platform, at one store or at all."""

import pytest

from loyalty_site.tenants.models import Merchant, Role, StaffRole, Store, User
from tests.console.world import World, make_user

LISTS = {
    "loyalty/member": "OMCAP",
    "loyalty/ledgerentry": "OMCAP",
    "loyalty/pointlot": "OMCAP",
    "loyalty/redemption": "OMCAP",
    "loyalty/checkoutintent": "OMCAP",
    "loyalty/reward": "OMCAP",
    "loyalty/program": "OMCAP",
    "loyalty/tier": "OMCAP",
    "tenants/merchant": "OMCAP",
    "tenants/store": "OMCAP",
    "tenants/customer": "OMCAP",
    "jobs/run": "OMAP",
    "notifications/templateoverride": "OMAP",
    "tenants/staffrole": "OP",
    "tenants/user": "OP",
    "outbox/outboxevent": "P",
    "jobs/worker": "P",
    "jobs/queuedtask": "P",
    "django_q/schedule": "P",
    "django_q/failure": "P",
}
ADDING = {
    "loyalty/program": "OMP",
    "loyalty/tier": "OMP",
    "loyalty/reward": "OMP",
    "loyalty/checkoutintent": "",
    "notifications/templateoverride": "OMP",
    "tenants/store": "OP",
    "tenants/staffrole": "OP",
    "tenants/merchant": "P",
    "tenants/user": "P",
    "loyalty/member": "",
    "loyalty/ledgerentry": "",
    "loyalty/pointlot": "",
    "loyalty/redemption": "",
    "tenants/customer": "",
    "jobs/run": "",
    "outbox/outboxevent": "",
}
EXPORTING = {"loyalty/member": "OMP", "loyalty/ledgerentry": "OMP"}
LETTERS = {"O": Role.OWNER, "M": Role.MANAGER, "C": Role.CASHIER, "A": Role.ANALYST, "P": Role.PLATFORM}


@pytest.fixture
def staff(ours: World, platform: User) -> dict[str, User]:
    return {**ours.staff, Role.PLATFORM: platform}


@pytest.mark.parametrize("letter", LETTERS)
def test_each_role_has_its_lists_and_forms(letter, staff, sign_in):
    client = sign_in(staff[LETTERS[letter]])

    for kind, wanted in (("", LISTS), ("add/", ADDING), ("export/", EXPORTING)):
        answers = {name: client.get(f"/admin/{name}/{kind}").status_code for name in wanted}

        assert answers == {name: 200 if letter in letters else 403 for name, letters in wanted.items()}, kind


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("deed", ["restore", "adjust", "replace-card", "deactivate", "anonymize"])
def test_points_and_cards_are_for_who_manages(letter, deed, staff, ours, sign_in):
    client = sign_in(staff[LETTERS[letter]])
    before = _value(ours)

    page = client.get(f"/admin/loyalty/member/{ours.member.pk}/{deed}/")
    sent = client.post(f"/admin/loyalty/member/{ours.member.pk}/{deed}/", {"key": "nonsense"})

    expected = 200 if letter in "OMP" else 403
    assert (page.status_code, sent.status_code) == (expected, expected)
    assert _value(ours) == before


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST])
def test_who_only_looks_is_offered_nothing_to_do(role, ours, sign_in):
    page = sign_in(ours.staff[role]).get(f"/admin/loyalty/member/{ours.member.pk}/change/")

    assert page.context["deeds"] == []
    assert "Restore points" not in page.content.decode()


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST])
@pytest.mark.parametrize("address", ["program/{program}/expire-now/", "../jobs/run/{run}/undo/"])
def test_mass_work_is_for_who_manages(role, address, ours, sign_in):
    url = "/admin/loyalty/" + address.format(program=ours.program.pk, run=ours.run.pk)
    client = sign_in(ours.staff[role])

    assert client.get(url.replace("loyalty/../", "")).status_code in (403, 404)
    assert client.post(url.replace("loyalty/../", ""), {"sure": "on", "key": "a" * 32}).status_code in (403, 404)


def test_an_analyst_looks_ahead_and_a_cashier_does_not(ours, sign_in):
    url = f"/admin/loyalty/program/{ours.program.pk}/expiry/"

    assert sign_in(ours.staff[Role.ANALYST]).get(url).status_code == 200
    assert sign_in(ours.staff[Role.CASHIER]).get(url).status_code == 403


def test_a_role_at_one_store_helps_members_and_leaves_the_rules_alone(ours, sign_in):
    other = Store.objects.create(merchant=ours.merchant, reference="2", name="Second counter")
    clerk = make_user("clerk@cafe.example.com", role=Role.MANAGER, merchant=ours.merchant, store=other)
    client = sign_in(clerk)

    assert client.get(f"/admin/loyalty/member/{ours.member.pk}/restore/").status_code == 200
    assert client.get(f"/admin/tenants/store/{other.pk}/change/").status_code == 200
    assert client.get(f"/admin/tenants/store/{ours.store.pk}/change/").status_code == 404
    assert client.get(f"/admin/loyalty/program/{ours.program.pk}/change/").status_code == 200
    assert client.post(f"/admin/loyalty/program/{ours.program.pk}/change/", {}).status_code == 403
    assert client.get("/admin/loyalty/tier/add/").status_code == 403
    assert client.get("/admin/jobs/run/").status_code == 403
    assert client.get(f"/admin/loyalty/program/{ours.program.pk}/expire-now/").status_code == 403


def test_somebody_of_two_merchants_does_at_each_what_they_may_there(ours, theirs, sign_in):
    both = make_user("both@example.com", role=Role.MANAGER, merchant=ours.merchant)
    StaffRole.objects.create(user=both, merchant=theirs.merchant, role=Role.CASHIER)
    client = sign_in(both)

    assert client.get(f"/admin/loyalty/member/{theirs.member.pk}/change/").status_code == 200
    assert client.get(f"/admin/loyalty/member/{ours.member.pk}/restore/").status_code == 200
    assert client.get(f"/admin/loyalty/member/{theirs.member.pk}/restore/").status_code == 403
    exported = client.post("/admin/loyalty/member/export/", _everything()).content.decode()
    assert ours.member.card_number in exported
    assert theirs.member.card_number not in exported


def test_a_list_action_stops_at_a_merchant_where_one_only_looks(ours, theirs, sign_in):
    both = make_user("both@example.com", role=Role.MANAGER, merchant=ours.merchant)
    StaffRole.objects.create(user=both, merchant=theirs.merchant, role=Role.CASHIER)
    chosen = [str(ours.member.pk), str(theirs.member.pk)]
    asked = {"action": "restore_points", "apply": "1", "points": "5", "reason": "x", "key": "c" * 32}

    answer = sign_in(both).post("/admin/loyalty/member/", {**asked, "_selected_action": chosen}, follow=True)

    assert "not yours to change" in answer.content.decode()
    for world in (ours, theirs):
        assert _value(world) == world.member.points_balance


def test_whoever_has_no_role_sees_an_empty_house(db, sign_in):
    client = sign_in(make_user("nobody@example.com"))

    assert "no role at any merchant" in client.get("/admin/").content.decode()
    assert client.get("/admin/loyalty/member/").status_code == 403


def test_a_role_taken_away_is_gone_at_once(ours, sign_in):
    client = sign_in(ours.staff[Role.MANAGER])
    assert client.get("/admin/loyalty/member/").status_code == 200

    StaffRole.objects.filter(user=ours.staff[Role.MANAGER]).delete()

    assert client.get("/admin/loyalty/member/").status_code == 403
    assert client.get(f"/admin/loyalty/member/{ours.member.pk}/change/").status_code == 404


def test_an_inactive_user_is_out(ours, sign_in):
    client = sign_in(ours.staff[Role.OWNER])
    User.objects.filter(pk=ours.staff[Role.OWNER].pk).update(is_active=False)

    assert client.get("/admin/").status_code == 302


def _value(world: World) -> int:
    world.member.refresh_from_db()
    return world.member.points_balance


def _everything() -> dict[str, str]:
    return {"format": "0", "resource": "", **{f"memberresource_{name}": "on" for name in ("card_number", "name")}}


# --- Staff ----------------------------------------------------------------------------------------------------
def _invite(client, world: World, email: str, role: str = Role.CASHIER, **more: str):
    fields = {"email": email, "name": "New", "merchant": str(world.merchant.pk), "store": "", "role": role, **more}
    return client.post("/admin/tenants/staffrole/add/", fields, follow=True)


def test_an_owner_invites_somebody_who_then_chooses_a_password(owner, ours, client):
    page = _invite(owner, ours, "new@cafe.example.com").content.decode()
    link = page.partition("<code>")[2].partition("</code>")[0]
    where = link.partition("testserver")[2]

    form = client.get(where, follow=True)
    secret = "long enough for everybody"
    chosen = client.post(form.request["PATH_INFO"], {"new_password1": secret, "new_password2": secret})

    assert chosen.status_code == 302
    assert client.login(username="new@cafe.example.com", password=secret)
    assert client.get("/admin/loyalty/member/").status_code == 200
    assert "has been used" in client.get(where, follow=True).content.decode()
    new = User.objects.get(email="new@cafe.example.com")
    assert not new.is_superuser
    assert [role.merchant for role in new.staff_roles.all()] == [ours.merchant]


@pytest.mark.parametrize("role", [Role.PLATFORM, "god", ""])
def test_an_owner_makes_no_platform_people(role, owner, ours):
    page = _invite(owner, ours, "new@cafe.example.com", role)

    assert "role" in page.context["adminform"].form.errors
    assert not User.objects.filter(email="new@cafe.example.com").exists()


def test_an_account_of_another_merchant_is_not_an_owners_to_invite(owner, ours, theirs, platform):
    for email in (theirs.staff[Role.CASHIER].email, theirs.staff[Role.CASHIER].email.upper(), platform.email):
        page = _invite(owner, ours, email)

        assert "email" in page.context["adminform"].form.errors
    assert StaffRole.objects.filter(merchant=ours.merchant).count() == 4


def test_the_last_owner_stays_one(owner, ours):
    role = StaffRole.objects.get(merchant=ours.merchant, role=Role.OWNER)

    page = owner.post(f"/admin/tenants/staffrole/{role.pk}/change/", {"store": "", "role": Role.CASHIER})
    deleted = owner.post(f"/admin/tenants/staffrole/{role.pk}/delete/", {"post": "yes"})

    assert "role" in page.context["adminform"].form.errors
    assert deleted.status_code == 403


def test_a_role_can_be_taken_away_one_by_one(owner, ours):
    role = StaffRole.objects.get(merchant=ours.merchant, role=Role.CASHIER)

    deleted = owner.post(f"/admin/tenants/staffrole/{role.pk}/delete/", {"post": "yes"})

    assert deleted.status_code == 302
    assert not StaffRole.objects.filter(pk=role.pk).exists()


def test_an_owner_changes_no_account(owner, ours):
    user = ours.staff[Role.CASHIER]

    page = owner.get(f"/admin/tenants/user/{user.pk}/change/")
    sent = owner.post(f"/admin/tenants/user/{user.pk}/change/", {"email": "mine@example.com", "name": "x"})
    link = owner.get(f"/admin/tenants/user/{user.pk}/password-link/")

    assert (page.status_code, sent.status_code, link.status_code) == (200, 403, 403)


def test_an_owner_names_the_merchant_and_not_its_slug(owner, ours, theirs):
    url = f"/admin/tenants/merchant/{ours.merchant.pk}/change/"

    owner.post(url, {"name": "Cafe anew", "slug": theirs.merchant.slug, "is_active": ""})

    now = Merchant.objects.get(pk=ours.merchant.pk)
    assert (now.name, now.slug, now.is_active) == ("Cafe anew", "cafe", True)
