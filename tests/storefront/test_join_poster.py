"""The poster: what it shows, and that its code leads to the page."""

import re
import xml.etree.ElementTree as ET
from html import unescape

import pytest
import segno
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty_site.tenants.models import Merchant
from referrals.operations import invites
from tests.cast import make_member, make_merchant
from tests.storefront.joining import Visitor, said


@pytest.fixture
def program(db, settings):
    settings.PUBLIC_URL = "https://loyalty.example"
    return make_merchant("cafe", name="Café (Club)", locale="lb")


def asks(**query):
    return Client().get("/join/cafe/qr", query)


def squares_of_svg(response):
    """The dark squares of the code, as (column, row)."""
    root = ET.fromstring(response.content)  # noqa: S314 (made here)
    path = root.find("{http://www.w3.org/2000/svg}path")
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.get("d"))
    return {(int(left) + more, int(row)) for left, row, length in runs for more in range(int(length))}


def squares_of_pdf(response):
    rows = re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", response.content)
    numbers = [[float(each) for each in row] for row in rows]
    left, top, size = min(row[0] for row in numbers), max(row[1] for row in numbers), numbers[0][3]
    return {
        (round((x - left) / size) + more, round((top - y) / size))
        for x, y, width, _ in numbers
        for more in range(round(width / size))
    }


def squares_of(link):
    code = segno.make_qr(link, error="q")
    return {(column, row) for row, line in enumerate(code.matrix) for column, dark in enumerate(line) if dark}


@pytest.mark.parametrize(("kind", "squares"), [("svg", squares_of_svg), ("pdf", squares_of_pdf)])
def test_the_code_leads_to_the_page(program, kind, squares):
    assert squares(asks(format=kind)) == squares_of("https://loyalty.example/join/cafe")


@pytest.mark.parametrize(("kind", "squares"), [("svg", squares_of_svg), ("pdf", squares_of_pdf)])
def test_a_members_own_code_leads_to_their_invitation(program, kind, squares):
    alice = make_member(program, "alice", at=timezone.now())

    response = asks(format=kind, ref=alice.referral_code.lower())

    link = f"https://loyalty.example/join/cafe?ref={alice.referral_code}"
    assert squares(response) == squares_of(link)
    assert response["Cache-Control"] == "no-store"
    page = Client().get(link.removeprefix("https://loyalty.example") + "&lang=en")
    assert "You were invited" in said(page)


def test_without_a_public_address_the_code_leads_to_where_it_was_asked_for(program, settings):
    settings.PUBLIC_URL = ""

    assert squares_of_svg(asks()) == squares_of("http://testserver/join/cafe")


def test_it_speaks_the_programs_language_whoever_prints_it(program):
    by_nature = Client(headers={"Accept-Language": "fr"}).get("/join/cafe/qr").content.decode()

    assert "Maacht mat bei Café (Club)" in by_nature
    assert "Rejoignez Café (Club)" in asks(lang="fr").content.decode()


def test_the_pdf_is_one_that_readers_open(program):
    response = asks(format="pdf", lang="en")

    body = response.content
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'inline; filename="join-cafe.pdf"'
    assert body.startswith(b"%PDF-1.4")
    assert body.endswith(b"%%EOF\n")
    table = int(re.search(rb"startxref\n(\d+)", body)[1])
    assert body[table:].startswith(b"xref\n0 7\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n ", body), start=1):
        assert body[int(place) :].startswith(b"%d 0 obj" % number)
    length, content = re.search(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", body, re.DOTALL).groups()
    assert int(length) == len(content)
    assert b"(Join Caf\xe9 \\(Club\\)) Tj" in content
    assert content.count(b"BT") == 4


def test_a_name_beyond_the_fonts_letters_is_left_out_of_the_pdf_and_stands_in_the_svg(program):
    Merchant.objects.update(name="مقهى <b>")

    assert "مقهى <b>" in unescape(asks().content.decode())
    assert "<b>" not in asks().content.decode()
    pdf = asks(format="pdf", lang="en")
    assert (pdf.status_code, pdf.content.count(b"BT")) == (200, 3)


@pytest.mark.parametrize("name", ["A", "W" * 120, "Boulangerie-Pâtisserie " * 5])
def test_lines_stay_on_the_paper(program, name):
    Merchant.objects.update(name=name)

    content = asks(format="pdf").content
    lefts = [float(each) for each in re.findall(rb"Tf (-?[\d.]+) ", content)]

    assert min(lefts) >= 49.9


def test_a_code_that_leads_nowhere_and_a_format_there_is_not_are_refused(program):
    alice = make_member(program, "alice", at=timezone.now())
    gone = invites.create(member=alice, at=timezone.now())
    invites.cancel(member=alice, invite_id=gone.pk, at=timezone.now())

    assert asks(ref="MNOTHERE").status_code == 404
    assert asks(ref=gone.code).status_code == 404
    assert asks(format="png").status_code == 400
    assert Client().post("/join/cafe/qr").status_code == 405


def test_another_merchants_code_costs_and_says_what_none_does(program):
    other = make_member(make_merchant("bookshop"), "bookworm")
    seen = []
    for code in (other.referral_code, "MNOTHERE"):
        with CaptureQueriesContext(connection) as queries:
            page = Visitor(ref=code).opens()
        seen.append((len(queries), page.status_code, said(page)))

    assert seen[0] == seen[1]
