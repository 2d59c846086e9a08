"""A program's page: rules with an example, expiry that asks before it takes more."""

from decimal import Decimal

import pytest

from loyalty.models import ExpiryPolicy, Program, Tier
from loyalty_site.tenants.models import Merchant
from tests.console.world import World

FIELDS = [
    field.name
    for field in Program._meta.concrete_fields
    if field.name not in ("id", "merchant", "is_active", "warn_before_expiring", "created_at") and not field.null
]


def _form(program: Program, **typed: str) -> dict[str, str]:
    """The page as it stands, with what was typed over it."""
    stored = {name: str(getattr(program, name)) for name in FIELDS}
    tiers = list(program.tiers.order_by("point_threshold"))
    ladder = {"tiers-TOTAL_FORMS": str(len(tiers)), "tiers-INITIAL_FORMS": str(len(tiers))}
    for number, tier in enumerate(tiers):
        ladder |= {
            f"tiers-{number}-id": str(tier.pk),
            f"tiers-{number}-program": str(program.pk),
            f"tiers-{number}-name": tier.name,
            f"tiers-{number}-slug": tier.slug,
            f"tiers-{number}-point_threshold": str(tier.point_threshold),
            f"tiers-{number}-multiplier": str(tier.multiplier),
            f"tiers-{number}-is_active": "on",
        }
    return {"is_active": "on", "seen": "", **stored, **ladder, **typed}


def _url(world: World, page: str = "change") -> str:
    return f"/admin/loyalty/program/{world.program.pk}/{page}/"


def _now(world: World) -> Program:
    return Program.objects.get(pk=world.program.pk)


def _errors(page) -> str:
    return " ".join(page.context["adminform"].form.non_field_errors())


# --- The example ----------------------------------------------------------------------------------------------
def test_the_page_says_what_a_purchase_earns(manager, ours):
    assert "12.50 EUR earns 125 points." in manager.get(_url(ours)).content.decode()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ({"amount": "12.50"}, "12.50 EUR earns 125 points."),
        ({"amount": "12,50", "points_per_unit": "2"}, "12.50 EUR earns 25 points."),
        ({"amount": "4", "minimum_purchase": "5"}, "4.00 EUR earns 0 points."),
        ({"amount": "1000", "max_points_per_order": "300"}, "1,000.00 EUR earns 300 points."),
        ({"amount": "x"}, "Give an amount such as 12.50."),
        ({"amount": "NaN"}, "Give an amount such as 12.50."),
        ({"amount": "1", "points_per_unit": "1e999999"}, "Give an amount such as 12.50."),
        ({"amount": "1", "max_points_per_order": "many"}, "Give an amount such as 12.50."),
    ],
)
def test_the_example_follows_what_is_typed(typed, line, manager, ours):
    assert manager.get(_url(ours, "example"), typed).json()["lines"][0] == line


def test_the_example_names_each_tier(manager, ours):
    Tier.objects.filter(pk=ours.tier.pk).update(multiplier=Decimal("1.5"))

    lines = manager.get(_url(ours, "example"), {"amount": "10"}).json()["lines"]

    assert lines[1] == "10.00 EUR earns 150 points in Cafe gold."


# --- Rules ----------------------------------------------------------------------------------------------------
def test_rules_are_saved(manager, ours):
    answer = manager.post(_url(ours), _form(ours.program, points_per_unit="7", welcome_bonus="20"))

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert (_now(ours).points_per_unit, _now(ours).welcome_bonus) == (7, 20)


def test_the_currency_stays_where_points_were_earned_in_it(manager, ours):
    page = manager.post(_url(ours), _form(ours.program, currency="GBP"))

    assert "currency" in page.context["adminform"].form.errors
    assert _now(ours).currency == "EUR"


@pytest.mark.parametrize(
    "typed", [{"points_valid_days": "5"}, {"expiry_policy": "both", "points_expiration_days": "2"}]
)
def test_shorter_expiry_first_says_what_the_next_night_would_take(typed, manager, ours):
    asked = manager.post(_url(ours), _form(ours.program, **typed))
    unsaved = _now(ours).points_valid_days
    seen = str(asked.context["adminform"].form["seen"].value())
    saved = manager.post(_url(ours), _form(ours.program, **typed, seen=seen))

    assert "points expire sooner" in _errors(asked)
    assert unsaved == 30
    assert saved.status_code == 302
    assert str(getattr(_now(ours), next(iter(typed)))) == next(iter(typed.values()))


def test_what_was_seen_holds_for_those_rules_only(manager, ours):
    asked = manager.post(_url(ours), _form(ours.program, points_valid_days="5"))
    seen = str(asked.context["adminform"].form["seen"].value())

    other = manager.post(_url(ours), _form(ours.program, points_valid_days="4", seen=seen))

    assert "points expire sooner" in _errors(other)
    assert _now(ours).points_valid_days == 30


@pytest.mark.parametrize("typed", [{"points_valid_days": "60"}, {"expiry_policy": "none"}, {"name": "Anew"}])
def test_longer_expiry_asks_nothing(typed, manager, ours):
    assert manager.post(_url(ours), _form(ours.program, **typed)).status_code == 302


def test_a_second_active_program_is_refused_in_words(manager, ours):
    answer = manager.post(
        "/admin/loyalty/program/add/",
        {
            **_form(Program(merchant=ours.merchant, name="Second", currency="EUR", expiry_policy=ExpiryPolicy.NONE)),
            "merchant": str(ours.merchant.pk),
            "tiers-TOTAL_FORMS": "0",
            "tiers-INITIAL_FORMS": "0",
        },
    )

    assert "active program already" in _errors(answer)


# --- Tiers ----------------------------------------------------------------------------------------------------
def _new_tier(number: int, threshold: int, slug: str) -> dict[str, str]:
    return {
        f"tiers-{number}-name": slug.title(),
        f"tiers-{number}-slug": slug,
        f"tiers-{number}-point_threshold": str(threshold),
        f"tiers-{number}-multiplier": "1",
        f"tiers-{number}-is_active": "on",
    }


def test_tiers_are_added_with_their_program(manager, ours):
    form = {**_form(ours.program), **_new_tier(1, 500, "platinum"), "tiers-TOTAL_FORMS": "2"}

    answer = manager.post(_url(ours), form)

    assert answer.status_code == 302
    assert list(ours.program.tiers.values_list("slug", flat=True)) == ["cafe-gold", "platinum"]


@pytest.mark.parametrize(("threshold", "slug"), [(100, "platinum"), (500, "cafe-gold")])
def test_two_tiers_of_one_step_are_refused_in_words(threshold, slug, manager, ours):
    form = {**_form(ours.program), **_new_tier(1, threshold, slug), "tiers-TOTAL_FORMS": "2"}

    page = manager.post(_url(ours), form)

    assert page.status_code == 200
    assert ours.program.tiers.count() == 1


def test_a_tiers_benefits_are_typed_one_a_line(manager, ours):
    url = f"/admin/loyalty/tier/{ours.tier.pk}/change/"
    typed = {"name": "Gold", "slug": "gold", "point_threshold": "100", "multiplier": "2", "is_active": "on"}

    manager.post(url, {**typed, "description": "", "benefits": "Free tea\r\n\r\n A birthday cake "})

    ours.tier.refresh_from_db()
    assert ours.tier.benefits == ["Free tea", "A birthday cake"]
    assert "Free tea\nA birthday cake" in manager.get(url).content.decode()


def test_a_tier_alone_obeys_its_programs_ladder(manager, ours):
    other = Tier.objects.create(program=ours.program, slug="silver", name="Silver", point_threshold=50)
    typed = {
        "name": "Silver",
        "slug": "silver",
        "multiplier": "1",
        "is_active": "on",
        "description": "",
        "benefits": "",
    }

    page = manager.post(f"/admin/loyalty/tier/{other.pk}/change/", {**typed, "point_threshold": "100"})

    assert "same points" in _errors(page)


# --- The rest -------------------------------------------------------------------------------------------------
def test_a_store_of_a_taken_reference_is_refused_in_words(owner, ours):
    fields = {"merchant": str(ours.merchant.pk), "name": "Again", "reference": "cafe-1", "is_active": "on"}

    page = owner.post("/admin/tenants/store/add/", fields)

    assert page.status_code == 200
    assert ours.merchant.stores.count() == 1


def test_a_store_never_moves(owner, ours, theirs):
    fields = {"merchant": str(theirs.merchant.pk), "name": "Moved", "reference": "cafe-1", "is_active": "on"}

    owner.post(f"/admin/tenants/store/{ours.store.pk}/change/", fields)

    ours.store.refresh_from_db()
    assert (ours.store.merchant_id, ours.store.name) == (ours.merchant.pk, "Moved")


def test_only_the_platform_makes_merchants(sign_in, platform):
    answer = sign_in(platform).post("/admin/tenants/merchant/add/", {"name": "New", "slug": "new", "is_active": "on"})

    assert answer.status_code == 302
    assert Merchant.objects.filter(slug="new").exists()
