"""The mail that the demo keeps, and who may look at it."""

import smtplib
import socket
import threading
from email.message import EmailMessage

import pytest
from django.urls import reverse

from loyalty_site.console.demo import mail_server
from loyalty_site.console.management.commands import demo
from loyalty_site.ids import new_id
from notifications.channels.base import Outgoing
from notifications.channels.push import PushChannel
from notifications.channels.sink import SinkOr
from notifications.channels.sms import SmsChannel


@pytest.fixture
def kept(tmp_path, settings):
    """A folder with one mail in it."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Café <a@example.com>", "b@example.com", "Grüße"
    mail["List-Unsubscribe"] = "<https://loyalty.example/u/abc>"
    mail.set_content("Plain words")
    mail.add_alternative("<p onclick='x()'>Marked words<script>x()</script></p>", subtype="html")
    name = new_id()
    (tmp_path / f"{name}.eml").write_bytes(mail.as_bytes())
    settings.MAIL_SINK = str(tmp_path)
    return name


def test_the_platforms_people_see_a_mail_with_its_html_in_a_frame_that_can_do_nothing(kept, platform, sign_in):
    browser = sign_in(platform)

    listed = browser.get(reverse("admin:mail"))
    page = browser.get(reverse("admin:mail_page", args=[kept]))
    html = browser.get(reverse("admin:mail_html", args=[kept]))

    assert "Grüße" in listed.content.decode()
    assert "Plain words" in page.content.decode()
    assert "Marked words" not in page.content.decode()
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert "Marked words" in html.content.decode()
    policy = html["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert html["X-Frame-Options"] == "SAMEORIGIN"


def test_texts_and_pushes_that_were_written_down_are_there_too(kept, platform, sign_in, settings, tmp_path):
    settings.MESSAGE_SINK, settings.SMS_ACCOUNT = str(tmp_path / "messages"), ""
    said = {"merchant_id": new_id(), "address": "+352621123456", "subject": "", "code": "c"}
    texts = SinkOr("sms", SmsChannel())
    texts.send([Outgoing(delivery_id=new_id(), text=f"<b>Grüße</b> {'x' * 3000} {n}", **said) for n in range(150)])
    push = Outgoing(delivery_id=new_id(), text="A push", **said)
    SinkOr("push", PushChannel()).send([push])

    page = sign_in(platform).get(reverse("admin:mail")).content.decode()

    assert "A push" in page
    assert "xx 149" in page
    assert "xx 0 " not in page
    assert "&lt;b&gt;Grüße" in page
    assert "<b>Grüße" not in page


def test_a_merchants_staff_see_none_of_it(kept, owner):
    for address in (reverse("admin:mail"), *(reverse(f"admin:mail_{page}", args=[kept]) for page in ("page", "html"))):
        assert owner.get(address).status_code == 404


def test_without_a_folder_there_is_no_such_page(platform, sign_in, kept, settings):
    settings.MAIL_SINK = ""

    assert sign_in(platform).get(reverse("admin:mail")).status_code == 404


def test_a_mail_that_is_not_there_is_nobodys(kept, platform, sign_in):
    assert sign_in(platform).get(reverse("admin:mail_page", args=[new_id()])).status_code == 404


def test_the_server_keeps_what_it_is_sent_and_the_latest_only(tmp_path):
    import asyncio

    from aiosmtpd.smtp import SMTP

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    loop = asyncio.new_event_loop()

    def serve():
        # In a thread of its own from the first: this one may have the loop of a browser.
        keeper = mail_server.Keeper(tmp_path, most=2)
        serving = loop.create_server(lambda: SMTP(keeper, hostname="demo"), sock=listener)
        server = loop.run_until_complete(serving)
        loop.run_forever()
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with smtplib.SMTP("127.0.0.1", listener.getsockname()[1]) as client:
            for number in range(3):
                client.sendmail("a@example.com", ["b@example.com"], f"Subject: {number}\r\n\r\nwords")
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    subjects = [file.read_text().splitlines()[0] for file in sorted(tmp_path.glob("*.eml"))]
    assert subjects == ["Subject: 1", "Subject: 2"]


def test_the_demo_has_no_provider_of_texts_and_pushes_whatever_the_shell_says(tmp_path, monkeypatch):
    for name in ("SMS_ACCOUNT", "FCM_CREDENTIALS", "FCM_CREDENTIALS_FILE", "WEBPUSH_PRIVATE_KEY"):
        monkeypatch.setenv(name, "given")

    environment = demo._environment("http://127.0.0.1:8000/", tmp_path / "mail", 2525)

    assert environment["MESSAGE_SINK"] == str(tmp_path / "messages")
    assert [environment[name] for name in ("SMS_ACCOUNT", "FCM_CREDENTIALS", "WEBPUSH_PRIVATE_KEY")] == ["", "", ""]
    assert "FCM_CREDENTIALS_FILE" not in environment
