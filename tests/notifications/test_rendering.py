"""From code, channel, language and values to what is sent."""

import email.policy
from email.message import EmailMessage
from html import escape
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_site.tenants.models import Merchant, Store
from notifications import mail_html
from notifications.catalogue import CODES, LOCALES, MessageKind
from notifications.models import MessageTemplate, TemplateOverride
from notifications.rendering import NoTemplate, Renderer, compose
from notifications.variables import BadVariables

READY = "loyalty_reward_ready"


def sample(code: str = READY, locale: str = "en", **given: object) -> dict[str, object]:
    return {**CODES[code].samples(locale), **given}


def override(merchant: Merchant, *, store: Store | None = None, code: str = READY, **more: object) -> TemplateOverride:
    given = {"channel": "sms", "locale": "en", "text": "Ours: {{ stamps }}"} | more
    return TemplateOverride.objects.create(merchant=merchant, store=store, code=code, **given)


def mail(html: str, *, subject: str = "Subject", text: str = "", code: str = READY, **given: object) -> object:
    wording = MessageTemplate(code=code, channel="email", locale="en", subject=subject, html=html, text=text)
    return compose(wording, sample(code, **given), is_override=False)


# --- Which text -----------------------------------------------------------------------------------------------
def test_the_stores_own_text_comes_before_the_merchants_and_that_before_the_default(cafe, counter):
    render = {"merchant_id": cafe.pk, "store_id": counter.pk}

    def sent(**where):
        return Renderer.load([cafe.pk], [READY]).render(READY, "sms", ["en"], sample(), **where)

    assert sent(**render).text.startswith("Café Central: your stamp card is full")
    assert not sent(**render).is_override
    override(cafe, text="The merchant's")
    assert sent(**render).text == "The merchant's"
    override(cafe, store=counter, text="The counter's")
    assert sent(**render).text == "The counter's"
    assert sent(**render).is_override
    assert sent(merchant_id=cafe.pk).text == "The merchant's"


def test_no_text_of_another_merchant_or_store_is_sent(cafe, counter, bookshop):
    theirs = bookshop.merchant
    other = Store.objects.create(merchant=cafe, reference="other", name="Other")
    override(theirs, text="The bookshop's")
    override(cafe, store=other, text="The other counter's")
    renderer = Renderer.load([cafe.pk, theirs.pk], [READY])

    for store in (None, counter.pk):
        assert not renderer.render(READY, "sms", ["en"], sample(), merchant_id=cafe.pk, store_id=store).is_override
    # A store's id with another's merchant: neither text is that merchant's.
    given = renderer.render(READY, "sms", ["en"], sample(), merchant_id=theirs.pk, store_id=other.pk)
    assert given.text == "The bookshop's"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (["lb", "fr", "en"], "lb"),
        (["", "fr", "en"], "fr"),
        (["de-AT", "en"], "de"),
        (["DE_ch"], "de"),
        (["pt", "", "en"], "en"),
        (["xx-" * 50, "fr"], "fr"),
    ],
)
def test_the_first_language_there_is_a_text_in_is_taken(cafe, asked, given):
    rendered = Renderer.load([cafe.pk], [READY]).render(READY, "email", asked, sample(), merchant_id=cafe.pk)

    assert rendered.locale == given
    assert f'<html lang="{given}">' in rendered.html


def test_a_merchants_text_in_one_language_leaves_the_others_as_they_are(cafe):
    override(cafe, locale="fr", text="À nous")
    renderer = Renderer.load([cafe.pk], [READY])

    assert renderer.render(READY, "sms", ["fr", "en"], sample(), merchant_id=cafe.pk).is_override
    assert not renderer.render(READY, "sms", ["lb", "fr", "en"], sample(), merchant_id=cafe.pk).is_override


@pytest.mark.parametrize(
    ("code", "channel", "locales"), [("no_such", "email", ["en"]), (READY, "fax", ["en"]), (READY, "sms", [])]
)
def test_what_nobody_wrote_is_no_template(cafe, code, channel, locales):
    with pytest.raises(NoTemplate):
        Renderer.load([cafe.pk], [code]).render(code, channel, locales, sample(), merchant_id=cafe.pk)


def test_a_missing_value_is_said_loudly(cafe):
    with pytest.raises(BadVariables, match="stamps: missing"):
        Renderer.load([cafe.pk], [READY]).render(READY, "sms", ["en"], {}, merchant_id=cafe.pk)


def test_an_own_text_that_is_broken_by_now_does_not_stop_the_message(cafe, counter, caplog):
    override(cafe, text="The merchant's")
    override(cafe, store=counter, text="{{ gone }}")
    override(cafe, code="loyalty_points_expiring", text="{% include 'x' %}")
    renderer = Renderer.load([cafe.pk], ["loyalty_points_expiring", READY])

    for _ in range(3):
        sent = renderer.render(READY, "sms", ["en"], sample(), merchant_id=cafe.pk, store_id=counter.pk)
        assert sent.text == "The merchant's"
    expiring = renderer.render(
        "loyalty_points_expiring", "sms", ["en"], sample("loyalty_points_expiring"), merchant_id=cafe.pk
    )
    assert not expiring.is_override
    assert len(caplog.records) == 2
    assert "no variable “gone”" in caplog.text


def test_a_batch_reads_its_texts_in_two_queries_however_many_there_are(cafe, bookshop):
    merchants = [cafe, bookshop.merchant]
    for merchant in merchants:
        for code in CODES:
            override(merchant, code=code, channel="email", subject="x", html="<p>Hello</p>")
    with CaptureQueriesContext(connection) as queries:
        renderer = Renderer.load([each.pk for each in merchants], CODES)
        for code in CODES:
            for merchant in merchants:
                renderer.render(code, "email", ["lb", "en"], sample(code, "lb"), merchant_id=merchant.pk)

    assert len(queries) == 2


# --- The mail -------------------------------------------------------------------------------------------------
SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt&colon;alert(1)">x</a>',
    '<a href=" &#1;javascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="//evil.example">x</a>',
    '<form action="https://evil.example"><input name=card><button>x</button></form>',
    '<iframe src="https://evil.example"></iframe>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<link rel="stylesheet" href="https://evil.example/x.css">',
    "<style>@import url(https://evil.example/x.css); .from { display: none }</style>",
    '<p style="background-image: url(https://evil.example/x)">x</p>',
    '<p style="position: fixed; top: 0">x</p>',
    '<base href="https://evil.example">',
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "</td></tr></table></td></tr></table></body></html><script>alert(1)</script>",
    "<textarea><script>alert(1)</script></textarea>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
]


@pytest.mark.parametrize("markup", SCRIPTS)
def test_of_what_an_author_writes_nothing_runs_is_sent_elsewhere_or_fetched(markup):
    html = mail(f"<p>Before</p>{markup}<p>After</p>").html.lower()
    own = mail("<p>Before</p><p>After</p>").html.lower()

    for word in ("<script", "onerror", "onload", "javascript", "<form", "<iframe", "<input", "evil.example", "fixed"):
        assert html.count(word) == own.count(word), word
    assert html.count("<style") == own.count("<style")


def test_the_frame_stands_whatever_the_body_closes():
    html = mail("</td></tr></table></table></body></html><p>Inside</p>").html

    assert html.index("Inside") < html.index("Card 4021 8830 1175")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ settings }}", "{% debug %}", "</p><h1>", '"><img src=x>']
)
def test_a_name_is_text_and_nothing_else(name):
    rendered = mail(
        "<p>Hello {{ member.first_name }}</p>", subject="For {{ member.first_name }}", **{"member.first_name": name}
    )

    assert name in rendered.subject
    assert name in rendered.text
    assert escape(name) in rendered.html.partition("<body")[2].replace("&quot;", '"').replace('"', "&quot;")


def test_a_link_that_a_value_completes_is_checked_when_it_is_complete():
    html = mail('<a href="{{ member.first_name }}:alert(1)">x</a>', **{"member.first_name": "javascript"}).html

    assert "javascript" not in html


@pytest.mark.parametrize("href", ["https://cafe.example/?a=1&b=2", "http://cafe.example", "mailto:hello@cafe.example"])
def test_links_of_the_web_and_of_mail_stay(href):
    assert href.replace("&", "&amp;") in mail(f'<p><a href="{href}">x</a></p>').html


def test_a_subject_is_one_line_and_no_header_can_be_added():
    name = "Anna\r\nBcc: all@example.com\u2028X\x00"
    rendered = mail(
        "<p>x</p>",
        subject="For {{ member.first_name }}\n{{ to }}",
        code="loyalty_tier_upgrade",
        **{"member.first_name": name},
    )

    assert rendered.subject == "For Anna Bcc: all@example.com X Gold"
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = rendered.subject
    assert message.keys() == ["Subject"]


def test_css_is_inlined_and_only_what_is_for_dark_screens_stays_apart():
    html = mail('<p class="button"><a href="https://cafe.example">Go</a></p>').html

    assert '<a href="https://cafe.example" style="' in html
    assert "background-color: #0f766e" in html
    assert html.count("<style") == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert "url(" not in html


def test_a_text_part_is_always_there_made_from_the_markup():
    rendered = mail(
        "<h1>Full&nbsp;card</h1><p>You have\n <b>{{ stamps }}</b> stamps.</p>"
        "{% if reward %}<p>For {{ reward }}</p>{% endif %}<ul><li>One</li><li>Two &amp; three</li></ul>"
        '<p>Line<br>break</p><p class="button"><a href="{{ hub_url }}">Your card</a></p>'
    )

    assert rendered.text.split("\n\n-- \n")[0] == (
        "Full\u00a0card\n\nYou have 10 stamps.\n\nFor A coffee on us\n\n- One\n- Two & three\n\nLine\nbreak\n\n"
        "Your card <https://regulars.example/account/loyalty>"
    )


def test_a_text_of_ones_own_is_the_text_part():
    assert mail("<p>x</p>", text="Written by hand: {{ stamps }}").text.startswith(
        "Written by hand: 10\n\n-- \nCafé Central"
    )


def test_marketing_shows_the_way_out_and_other_messages_have_none():
    for code in CODES.values():
        rendered = mail("<p>{{ unsubscribe_url }}</p>", code=code.code)
        shown = "https://regulars.example/u/sample" in rendered.html
        assert shown == (code.kind == MessageKind.MARKETING)
        assert ("https://regulars.example/u/sample" in rendered.text) == shown


def test_the_markup_is_sound_and_speaks_its_language():
    class Reader(HTMLParser):
        tags: list[str] = []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

    html = mail("<p>Hello</p>", subject="A <title> & more").html
    reader = Reader()
    reader.feed(html)

    assert html.startswith("<!DOCTYPE html>")
    assert "<title>A &lt;title&gt; &amp; more</title>" in html
    assert {"html", "head", "body", "title", "table"} <= set(reader.tags)


@pytest.mark.parametrize("html", ["", "   ", "<p>", "&", "<" * 5_000, "<b>" * 5_000, "é🎂", "a\u0000b"])
def test_odd_markup_breaks_nothing(html):
    assert mail_html.cleaned(html) is not None
    assert isinstance(mail_html.as_text(html), str)


# --- The house's own texts -------------------------------------------------------------------------------------
@pytest.mark.parametrize("locale", LOCALES)
def test_every_default_is_there_and_renders(cafe, locale):
    renderer = Renderer.load([cafe.pk], CODES)
    for code in CODES.values():
        for channel in code.channels:
            sent = renderer.render(code.code, channel, [locale], code.samples(locale), merchant_id=cafe.pk)

            assert sent.locale == locale
            assert sent.text
            assert "{" not in sent.subject + sent.text
            assert bool(sent.html) == (channel == "email")
            assert bool(sent.subject) == (channel != "sms")
            # What the sender pays for: two parts of a text message at most, in letters outside the alphabet of phones.
            assert channel != "sms" or len(sent.text) <= 200
