"""Message texts in the console: the default beside one's own, refusals, preview, a test to oneself, and back."""

from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from loyalty_site.tenants.models import Role, Store
from notifications.models import Message, MessageTemplate, TemplateOverride
from notifications.rendering import Renderer
from tests.console.world import MARK, World, make_user

LIST = "/admin/notifications/templateoverride/"
ADD = f"{LIST}add/"
PREVIEW = f"{LIST}preview/"
TEST = f"{LIST}test/"


def place(world: World, code: str = "loyalty_reward_ready", channel: str = "email", locale: str = "fr", **more: object):
    return {"merchant": str(world.merchant.pk), "store": "", "code": code, "channel": channel, "locale": locale, **more}


def words(world: World, **more: object) -> dict[str, object]:
    given = {"subject": "Pour {{ member.first_name }}", "html": "<p>Bravo, {{ stamps }} tampons</p>", "text": ""}
    return place(world, **given) | more


def errors(page) -> dict[str, list[str]]:
    return page.context["adminform"].form.errors


# --- The list -------------------------------------------------------------------------------------------------
def test_every_message_is_listed_with_whose_text_is_sent(owner, ours):
    page = owner.get(LIST, {"locale": "en"})
    text = page.content.decode()

    rows = page.context["rows"]
    assert len(rows) == 26
    assert [row["code"].code for row in rows if row["is_own"]] == ["loyalty_birthday"]
    assert "Cafe wishes" in text
    assert "Welcome to Café Central Club" in text


def test_a_stores_texts_are_listed_under_the_store(owner, ours):
    page = owner.get(LIST, {"locale": "en", "store": str(ours.store.pk)})

    assert [row["code"].code for row in page.context["rows"] if row["is_of_store"]] == ["loyalty_birthday"]


@pytest.mark.parametrize(
    "asked",
    [
        {"locale": "xx"},
        {"merchant": "x"},
        {"store": "x"},
        {"merchant": "01900000-0000-7000-8000-00000000dead"},
        {"store": "\0"},
    ],
)
def test_a_list_of_what_is_not_there_is_a_404(owner, asked):
    assert owner.get(LIST, asked).status_code == 404


def test_the_list_of_another_merchant_or_its_store_is_a_404(owner, ours, theirs):
    assert owner.get(LIST, {"merchant": str(theirs.merchant.pk)}).status_code == 404
    assert owner.get(LIST, {"merchant": str(ours.merchant.pk), "store": str(theirs.store.pk)}).status_code == 404
    assert owner.get(PREVIEW, place(theirs)).status_code == 404
    assert owner.post(PREVIEW, words(theirs)).status_code == 404
    assert owner.post(TEST, place(theirs)).status_code == 404


# --- Writing one's own ----------------------------------------------------------------------------------------
def test_the_form_begins_with_what_is_sent_now(owner, ours):
    page = owner.get(f"{ADD}?{urlencode(place(ours))}")

    form = page.context["adminform"].form
    default = MessageTemplate.objects.get(code="loyalty_reward_ready", channel="email", locale="fr")
    assert form["subject"].value() == default.subject
    assert form["html"].value() == default.html
    # Else it would go on saying what the HTML does not say any more.
    assert form["text"].value() == ""


@pytest.mark.parametrize(("channel", "fields"), [("sms", {"text"}), ("push", {"subject", "text"})])
def test_a_short_message_has_no_html(owner, ours, channel, fields):
    page = owner.get(f"{ADD}?{urlencode(place(ours, channel=channel))}")

    assert {"subject", "html", "text"} & set(page.context["adminform"].form.fields) == fields


def test_an_own_text_is_sent_from_then_on_and_stands_in_the_history(owner, ours):
    response = owner.post(ADD, words(ours))

    assert response.status_code == 302
    own = TemplateOverride.objects.get(code="loyalty_reward_ready")
    assert (own.merchant, own.store, own.locale, own.text) == (ours.merchant, None, "fr", "")
    rendered = Renderer.load([ours.merchant.pk], ["loyalty_reward_ready"]).render(
        "loyalty_reward_ready", "email", ["fr"], _samples(), merchant_id=ours.merchant.pk
    )
    assert rendered.subject == "Pour Anna"
    assert "Bravo, 10 tampons" in rendered.html
    assert rendered.text.startswith("Bravo, 10 tampons")
    assert LogEntry.objects.filter(object_id=str(own.pk), user=ours.staff[Role.OWNER]).count() == 1


def _samples() -> dict[str, object]:
    from notifications.catalogue import CODES

    return CODES["loyalty_reward_ready"].samples("fr")


@pytest.mark.parametrize(
    ("wrong", "where", "said"),
    [
        ({"html": "<p>\n{{ settings.SECRET_KEY }}"}, "html", "Line 2: There is no variable “settings.SECRET_KEY”"),
        ({"html": "{% include '/etc/passwd' %}"}, "html", "Line 1: There is no tag “include”"),
        ({"subject": "{{ member.password }}"}, "subject", "no variable “member.password”"),
        ({"text": "a\nb\n{% if stamps %}"}, "text", "Line 3: “if” is not closed."),
        ({"subject": ""}, "subject", "It cannot be empty."),
        ({"html": " "}, "html", "It cannot be empty."),
        ({"subject": "x" * 301}, "subject", "at most 300"),
        ({"html": "x" * 60_000}, "html", "longer than 50000"),
        ({"html": "<p>\0</p>"}, "html", "ull characters"),
        ({"code": "loyalty_birthday", "channel": "sms", "text": "x"}, "channel", "does not go on this channel"),
        ({"code": "no_such"}, "code", "valid choice"),
        ({"locale": "xx"}, "locale", "valid choice"),
        ({"code": "loyalty_enrollment"}, "html", "no variable “stamps”"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_line_and_reason_and_what_was_typed_stays(owner, ours, wrong, where, said):
    before = TemplateOverride.objects.count()

    page = owner.post(f"{ADD}?{urlencode(place(ours))}", words(ours, **wrong))

    assert page.status_code == 200
    assert said in " ".join(errors(page)[where])
    typed = page.context["adminform"].form
    assert typed["text"].value() == words(ours, **wrong)["text"]
    assert TemplateOverride.objects.count() == before


def test_a_mail_that_programs_would_cut_off_is_refused(owner, ours):
    page = owner.post(ADD, words(ours, html="<p>" + "{{ reward }} " * 3_000 + "</p>"))
    long = owner.post(ADD, words(ours, html="<p>é</p>" * 6_000))

    assert "grow beyond" in " ".join(errors(page)["html"])
    assert "cut a mail off" in " ".join(errors(long)["html"])


def test_one_place_has_one_text(owner, ours):
    assert owner.post(ADD, words(ours)).status_code == 302

    page = owner.post(ADD, words(ours, subject="Again"))

    assert page.status_code == 200
    assert "already" in str(errors(page))
    assert owner.post(ADD, words(ours, store=str(ours.store.pk))).status_code == 302
    assert TemplateOverride.objects.filter(code="loyalty_reward_ready").count() == 2


def test_a_text_stays_what_it_is_of(owner, ours, theirs):
    own = TemplateOverride.objects.get(merchant=ours.merchant, store=None)
    moved = {
        "merchant": str(theirs.merchant.pk), "store": str(theirs.store.pk), "code": "loyalty_enrollment",
        "channel": "sms", "locale": "de", "subject": "New", "html": "<p>New</p>", "text": "",
    }  # fmt: skip

    response = owner.post(f"{LIST}{own.pk}/change/", moved)

    assert response.status_code == 302
    own.refresh_from_db()
    assert (own.merchant, own.store, own.code, own.channel, own.locale) == (
        ours.merchant, None, "loyalty_birthday", "email", "en",
    )  # fmt: skip
    assert own.subject == "New"


def test_what_a_mail_cannot_show_is_named(owner, ours):
    page = owner.post(ADD, words(ours, html="<script>x</script><form><p>Bravo</p></form>"), follow=True)

    assert "Left out of the mail, since it is not safe or not shown there: &lt;form&gt;, &lt;script&gt;." in (
        page.content.decode()
    )


def test_taking_it_back_sends_the_default_again(owner, ours):
    owner.post(ADD, words(ours))
    own = TemplateOverride.objects.get(code="loyalty_reward_ready")
    page = owner.get(f"{LIST}{own.pk}/change/").content.decode()

    response = owner.post(f"{LIST}{own.pk}/delete/", {"post": "yes"})

    assert f"{LIST}{own.pk}/delete/" in page
    assert response.status_code == 302
    assert not TemplateOverride.objects.filter(pk=own.pk).exists()
    assert MessageTemplate.objects.filter(code="loyalty_reward_ready", channel="email", locale="fr").exists()


# --- Preview --------------------------------------------------------------------------------------------------
def test_a_preview_shows_what_is_typed_on_made_up_values_and_stores_nothing(owner, ours):
    before = TemplateOverride.objects.count()

    response = owner.post(PREVIEW, words(ours))

    assert "Bravo, 10 tampons" in response.content.decode()
    assert "Pour Anna" in response.content.decode()
    assert ours.merchant.name in response.content.decode()
    assert TemplateOverride.objects.count() == before


def test_a_preview_can_run_and_send_nothing(owner, ours):
    response = owner.post(PREVIEW, words(ours, html="<script>alert(1)</script><p>Bravo</p>"))

    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "frame-ancestors 'self'" in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script" not in response.content.decode()


def test_a_preview_of_what_is_refused_says_why(owner, ours):
    response = owner.post(PREVIEW, words(ours, html="\n{{ settings }}"))

    assert "Line 2: There is no variable “settings”" in response.content.decode()
    assert "SECRET" not in response.content.decode()


@pytest.mark.parametrize("locale", ["en", "fr", "de", "lb"])
@pytest.mark.parametrize("channel", ["email", "sms", "push"])
def test_what_is_sent_now_can_be_looked_at_in_every_language(owner, ours, locale, channel):
    response = owner.get(PREVIEW, place(ours, "loyalty_points_expiring", channel, locale))

    assert response.status_code == 200
    assert ours.merchant.name in response.content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        {"code": "no_such"},
        {"channel": "fax"},
        {"locale": "xx"},
        {"code": ""},
        {"code": "loyalty_birthday", "channel": "sms"},
    ],
)
def test_a_preview_of_what_is_not_there_is_a_404(owner, ours, asked):
    assert owner.get(PREVIEW, place(ours, **asked)).status_code == 404


def test_the_page_may_frame_the_preview_and_nothing_else(owner, ours):
    own = TemplateOverride.objects.get(merchant=ours.merchant, store=None)

    page = owner.get(f"{LIST}{own.pk}/change/")

    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert page.content.decode().count('sandbox=""') == 2
    assert "frame-src" not in owner.get(LIST)["Content-Security-Policy"]


# --- A test to oneself ----------------------------------------------------------------------------------------
def test_a_test_goes_to_whoever_asks_and_a_double_click_sends_once(manager, ours):
    asked = place(ours, "loyalty_tier_downgrade_warning") | {"key": "a" * 32}

    for _ in range(2):
        assert manager.post(TEST, asked).status_code == 302

    message = Message.objects.get(key__startswith="test:")
    assert message.recipient == ours.staff[Role.MANAGER].email
    assert (message.customer, message.member, message.merchant) == (None, None, ours.merchant)
    assert (message.code, message.locale, message.kind) == ("loyalty_tier_downgrade_warning", "fr", "transactional")


# --- Who may --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.ANALYST, Role.CASHIER])
def test_who_only_looks_changes_nothing_and_sends_nothing(role, ours, sign_in):
    client = sign_in(ours.staff[role])
    own = TemplateOverride.objects.get(merchant=ours.merchant, store=None)
    before = list(TemplateOverride.objects.order_by("pk").values())

    answers = [
        client.post(ADD, words(ours)),
        client.post(f"{LIST}{own.pk}/change/", words(ours)),
        client.post(f"{LIST}{own.pk}/delete/", {"post": "yes"}),
        client.post(TEST, place(ours)),
    ]

    assert {answer.status_code for answer in answers} <= {403, 404}
    assert list(TemplateOverride.objects.order_by("pk").values()) == before
    assert not Message.objects.filter(key__startswith="test:").exists()
    assert client.get(LIST).status_code == (200 if role == Role.ANALYST else 403)
    assert client.get(PREVIEW, place(ours)).status_code == (200 if role == Role.ANALYST else 403)
    if role == Role.ANALYST:
        assert "Write your own" not in client.get(LIST).content.decode()


def test_a_role_at_one_store_looks_and_leaves_the_texts_alone(ours, sign_in):
    other = Store.objects.create(merchant=ours.merchant, reference="2", name="Second counter")
    client = sign_in(make_user("clerk@cafe.example.com", role=Role.MANAGER, merchant=ours.merchant, store=other))

    assert client.get(LIST).status_code == 200
    assert client.post(ADD, words(ours, store=str(other.pk))).status_code == 403
    assert client.post(TEST, place(ours)).status_code == 404


def test_another_merchants_text_cannot_be_written(owner, ours, theirs):
    page = owner.post(ADD, words(theirs))
    crossed = owner.post(ADD, words(ours, store=str(theirs.store.pk)))

    assert "merchant" in errors(page)
    assert "store" in errors(crossed)
    assert MARK not in page.content.decode().lower()


def test_in_an_empty_installation_the_page_says_so(platform, sign_in):
    client: Client = sign_in(platform)

    assert "There is no merchant yet." in client.get(LIST).content.decode()
