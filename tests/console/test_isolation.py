"""A merchant's staff reach nothing of another merchant, by whatever way: made from the registry of admin classes.

A new admin class is tested as soon as it is registered. It fails until `world.py` makes a row of it.
"""

import re
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db.models import ForeignKey, Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from loyalty_site.tenants.models import Merchant, Role
from loyalty_site.tenants.scoping import MerchantScopedAdmin, MerchantScopedInline
from tests.console.world import MARK, World

pytestmark = pytest.mark.long

UNKNOWN = UUID("01900000-0000-7000-8000-00000000dead")
ADMINS = sorted(admin.site._registry.values(), key=lambda each: each.opts.label)


def _id(model_admin: ModelAdmin) -> str:
    return model_admin.opts.label


@pytest.fixture(params=ADMINS, ids=_id)
def model_admin(request: pytest.FixtureRequest, ours: World, theirs: World) -> ModelAdmin:
    """Every admin class there is, over both merchants' rows."""
    return request.param


# --- Helpers --------------------------------------------------------------------------------------------------
def _owner(world: World) -> Any:
    return world.staff[Role.OWNER]


def _foreign(model_admin: Any, ours: World) -> list[Model]:
    """Rows that our owner must not see."""
    seen = model_admin.rows(_owner(ours), model_admin.permission("view")).values("pk")
    rows = list(model_admin.model._default_manager.exclude(pk__in=seen))
    assert rows, f"world.py makes no {model_admin.opts.label} that is somebody else's"
    return rows


def _url(model_admin: Any, what: str, *args: Any) -> str:
    return reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_{what}", args=args)


def _unknown_key(model_admin: Any) -> Any:
    return UNKNOWN if model_admin.model._meta.pk.get_internal_type() == "UUIDField" else 987654321


def _plain(response: Any, *keys: Any) -> tuple[int, str, str]:
    """What a person can tell an answer by: status, where it leads, and the text without what was asked."""
    text = response.content.decode(errors="replace")
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text)
    text = re.sub(r'nonce="[^"]*"|name="key" value="[^"]*"|name="initial-[^>]*', "", text)
    text = re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "", text)
    where = response.headers.get("Location", "")
    for key in keys:
        # As it is, and as it stands in addresses, in addresses within addresses too.
        for form in (str(key), quote_plus(str(key)), quote(quote(str(key)))):
            text, where = text.replace(form, "KEY"), where.replace(form, "KEY")
    return response.status_code, where, text


def _shows_nothing(response: Any, foreign: list[Model]) -> None:
    text = response.content.decode(errors="replace").lower()
    assert MARK not in text
    for row in foreign:
        if isinstance(row.pk, UUID):
            assert str(row.pk) not in text


def _frozen() -> dict[str, list[Any]]:
    """Everything there is, to see afterwards that nothing moved."""
    return {
        each.opts.label: list(each.model._default_manager.order_by("pk").values())
        for each in ADMINS
        if each.opts.label not in ("outbox.OutboxEvent",)
    }


def _addresses_of_a_row(model_admin: Any) -> list[str]:
    """The names of all addresses with one row's key in them, custom pages included."""
    names = []
    for pattern in model_admin.get_urls():
        if "object_id" in getattr(pattern.pattern, "converters", {}) and pattern.name:
            names.append(pattern.name)
    assert len(names) >= 3
    return names


# --- The classes ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("registered", ADMINS, ids=_id)
def test_every_admin_class_stands_on_the_scoped_base(registered):
    assert isinstance(registered, MerchantScopedAdmin)
    assert all(issubclass(inline, MerchantScopedInline) for inline in registered.inlines)
    assert not registered.raw_id_fields
    assert not registered.list_editable


def test_a_class_that_does_not_say_where_its_merchant_is_cannot_be_registered():
    class Careless(MerchantScopedAdmin):
        pass

    with pytest.raises(Exception, match="merchant_path"):
        Careless(Merchant, admin.site)


# --- Lists ----------------------------------------------------------------------------------------------------
def test_lists_show_our_own_only(model_admin, owner, ours):
    foreign = _foreign(model_admin, ours)

    response = owner.get(_url(model_admin, "changelist"))

    if response.status_code == 200:
        _shows_nothing(response, foreign)
    else:
        assert response.status_code == 403


def test_searching_for_theirs_finds_as_little_as_searching_for_nothing(model_admin, owner, theirs):
    words = [MARK, theirs.member.card_number, theirs.member.customer.email, f"{MARK}-early-0"]
    for name in ("q", "search"):
        nothing = _plain(owner.get(_url(model_admin, "changelist"), {name: "n0b0dy"}), "n0b0dy")
        for word in words:
            found = owner.get(_url(model_admin, "changelist"), {name: word})

            assert _plain(found, word) == nothing


def test_crafted_filters_say_nothing_of_theirs(model_admin, owner, ours, theirs):
    row = _foreign(model_admin, ours)[0]
    crafted = {
        "pk__exact": row.pk,
        "pk__in": row.pk,
        "merchant__id__exact": theirs.merchant.pk,
        "merchant_id": theirs.merchant.pk,
        "member__merchant__id__exact": theirs.merchant.pk,
        "member__merchant__slug": MARK,
        "member__customer__email__startswith": MARK,
        "program__merchant__id__exact": theirs.merchant.pk,
        "staff_roles__merchant": theirs.merchant.pk,
    }
    for field in model_admin.model._meta.fields:
        if isinstance(field, ForeignKey):
            stranger = field.related_model._default_manager.order_by("pk").last()
            crafted[f"{field.name}__id__exact"] = stranger.pk if stranger else theirs.merchant.pk
    for name, key in crafted.items():
        found = owner.get(_url(model_admin, "changelist"), {name: str(key)})
        nothing = owner.get(_url(model_admin, "changelist"), {name: "n0b0dy" if key == MARK else str(UNKNOWN)})

        assert _plain(found, key)[:2] == _plain(nothing, UNKNOWN, "n0b0dy")[:2], name
        if found.status_code == 200:
            assert MARK not in found.content.decode().lower().replace(f"={MARK}", "")


@pytest.mark.parametrize("query", ["?e=1", "?_facets=True&all=&o=1.-2", "?_popup=1&_to_field=id"])
def test_the_lists_own_parameters_show_nothing_of_theirs(query, owner, ours, theirs):
    for model_admin in ADMINS:
        response = owner.get(_url(model_admin, "changelist") + query)

        if response.status_code == 200:
            _shows_nothing(response, _foreign(model_admin, ours))
        else:
            assert response.status_code in (302, 400, 403)


# --- Pages ----------------------------------------------------------------------------------------------------
def test_no_address_of_their_row_differs_from_that_of_none(model_admin, owner, ours):
    before = _frozen()
    unknown = _unknown_key(model_admin)
    for row in _foreign(model_admin, ours)[:3]:
        for name in _addresses_of_a_row(model_admin):
            for ask in (owner.get, lambda url: owner.post(url, {"post": "yes", "key": "a" * 32, "sure": "on"})):
                theirs = ask(reverse(f"admin:{name}", args=[row.pk]))
                nothing = ask(reverse(f"admin:{name}", args=[unknown]))

                assert theirs.status_code in (302, 403, 404), name
                assert _plain(theirs, row.pk) == _plain(nothing, unknown), name
                assert MARK not in theirs.content.decode().lower()
    assert _frozen() == before


def test_our_own_rows_have_pages(model_admin, owner, ours):
    rows = model_admin.rows(_owner(ours), model_admin.permission("view"))
    for row in rows[:3]:
        page = owner.get(_url(model_admin, "change", row.pk))

        assert page.status_code == 200
        assert MARK not in page.content.decode().lower()
        assert owner.get(_url(model_admin, "history", row.pk)).status_code == 200


# --- Autocomplete ---------------------------------------------------------------------------------------------
def test_autocomplete_offers_our_own_only(model_admin, owner, ours):
    for field in model_admin.model._meta.fields:
        if not isinstance(field, ForeignKey):
            continue
        asked = {
            "app_label": model_admin.opts.app_label,
            "model_name": model_admin.opts.model_name,
            "field_name": field.name,
        }
        for term in ("", MARK, "example"):
            response = owner.get(reverse("admin:autocomplete"), {**asked, "term": term})

            assert response.status_code in (200, 403, 404)
            assert MARK not in response.content.decode().lower()


# --- Actions and exports --------------------------------------------------------------------------------------
def test_actions_on_their_rows_do_what_they_do_on_none(model_admin, owner, ours):
    before = _frozen()
    names = {getattr(each, "__name__", each) for each in model_admin.actions} | {"delete_selected"}
    unknown = _unknown_key(model_admin)
    for row in _foreign(model_admin, ours)[:2]:
        for name in sorted(names):
            asked = {"action": name, "apply": "1", "post": "yes", "points": "5", "reason": "because", "key": "b" * 32}

            answers = [
                owner.post(_url(model_admin, "changelist"), {**asked, "_selected_action": str(key)}, follow=True)
                for key in (row.pk, unknown)
            ]

            assert _plain(answers[0], row.pk) == _plain(answers[1], unknown)
            _shows_nothing(answers[0], [row])
    assert _frozen() == before


def test_exports_hold_our_own_only(model_admin, owner, ours):
    try:
        address = _url(model_admin, "export")
    except NoReverseMatch:
        return
    foreign = _foreign(model_admin, ours)
    chosen = {name: "on" for resource in model_admin.resource_classes for name in _columns(resource)}
    everything = {"format": "0", "resource": "", **chosen}

    whole = owner.post(address, everything)
    named = [owner.post(address, {**everything, "export_items": [str(key)]}) for key in (foreign[0].pk, UNKNOWN)]

    assert "text/csv" in whole["Content-Type"]
    _shows_nothing(whole, foreign)
    assert _plain(named[0], foreign[0].pk) == _plain(named[1], UNKNOWN)
    assert MARK not in named[0].content.decode().lower()


def _columns(resource: Any) -> list[str]:
    return [f"{resource.__name__.lower()}_{name}" for name in resource().get_export_order()]


# --- Forms ----------------------------------------------------------------------------------------------------
def test_forms_offer_and_take_our_own_only(model_admin, owner, ours, theirs):
    before = _frozen()
    for address in _forms(model_admin, ours):
        page = owner.get(address)
        assert MARK not in page.content.decode().lower()
        if page.status_code == 403 or "adminform" not in page.context:
            continue
        form = page.context["adminform"].form
        for name, field in form.fields.items():
            if not hasattr(field, "queryset"):
                continue
            strangers = field.queryset.model._default_manager.exclude(pk__in=field.queryset.values("pk"))
            for stranger in strangers[:3]:
                # So that the form is refused in any case: the answers must not differ.
                answers = [owner.post(address, {name: str(key)}) for key in (stranger.pk, UNKNOWN)]

                assert name in answers[0].context["adminform"].form.errors
                assert _plain(answers[0], stranger.pk) == _plain(answers[1], UNKNOWN)
                assert MARK not in answers[0].content.decode().lower()
    assert _frozen() == before


def test_inlines_take_no_row_of_theirs(model_admin, owner, ours, theirs):
    before = _frozen()
    for inline_class in model_admin.inlines:
        inline = inline_class(model_admin.model, admin.site)
        strangers = inline.model._default_manager.exclude(pk__in=inline.get_queryset(_request(ours)).values("pk"))
        own = model_admin.rows(_owner(ours), model_admin.permission("view")).first()
        prefix = inline.get_formset(_request(ours), own).get_default_prefix()
        for key in [stranger.pk for stranger in strangers[:3]]:
            posted = {
                f"{prefix}-TOTAL_FORMS": "1",
                f"{prefix}-INITIAL_FORMS": "1",
                f"{prefix}-0-id": str(key),
                f"{prefix}-0-DELETE": "on",
                f"{prefix}-0-name": "stolen",
            }

            response = owner.post(_url(model_admin, "change", own.pk), posted)

            assert response.status_code in (200, 403)
            assert MARK not in response.content.decode().lower()
    assert _frozen() == before


def _forms(model_admin: Any, ours: World) -> list[str]:
    own = model_admin.rows(_owner(ours), model_admin.permission("view")).first()
    return [_url(model_admin, "add"), *([_url(model_admin, "change", own.pk)] if own else [])]


def _request(world: World) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = _owner(world)
    return request


# --- The rest of the site -------------------------------------------------------------------------------------
def test_the_sites_own_pages_show_nothing_of_theirs(owner, theirs):
    addresses = [
        "/admin/",
        "/admin/analytics/",
        "/admin/loyalty/",
        "/admin/tenants/",
        "/admin/jobs/",
        "/admin/search/?s=a",
        "/admin/jsi18n/",
    ]
    for address in [*addresses, f"/admin/search/?s={MARK}&extended=1"]:
        response = owner.get(address)

        assert response.status_code in (200, 404)
        assert MARK not in response.content.decode().lower()


@pytest.mark.parametrize("address", ["/admin/search/?s=a&page=x", "/admin/autocomplete/", "/admin/loyalty/member/?p=x"])
def test_crafted_addresses_are_no_faults(address, owner):
    assert owner.get(address).status_code in (200, 302, 403, 404)


def test_whoever_works_for_both_takes_nothing_from_one_to_the_other(ours, theirs, sign_in):
    from loyalty_site.tenants.models import StaffRole, Store

    both = _owner(ours)
    StaffRole.objects.create(user=both, merchant=theirs.merchant, role=Role.OWNER)
    client: Client = sign_in(both)

    page = client.post(
        "/admin/tenants/staffrole/add/",
        {
            "email": "new@example.com",
            "name": "New",
            "merchant": ours.merchant.pk,
            "store": Store.objects.get(merchant=theirs.merchant).pk,
            "role": Role.CASHIER,
        },
    )

    assert "store" in page.context["adminform"].form.errors
    assert StaffRole.objects.filter(user__email="new@example.com").count() == 0
