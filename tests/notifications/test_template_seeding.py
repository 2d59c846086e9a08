"""The default texts: from their files into the database, and what they have in common."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from notifications import template_library
from notifications.catalogue import CODES, COMMON, LOCALES
from notifications.models import MessageTemplate, TemplateOverride
from notifications.operations import templates
from notifications.rendering import compose, problems
from tests import server

NAMES = re.compile(r"\{\{ *([\w.]+)|\{% (?:el)?if ([^%]+)%\}|in (\w+) %\}")


def state() -> list[dict[str, object]]:
    return list(MessageTemplate.objects.order_by("pk").values())


def test_after_migrate_every_message_has_its_text_in_every_language(db):
    there = set(MessageTemplate.objects.values_list("code", "channel", "locale"))

    assert there == {
        (code.code, str(channel), locale) for code in CODES.values() for channel in code.channels for locale in LOCALES
    }
    assert len([1 for _code, channel, _locale in there if channel == "email"]) == 16 * 4


def test_seeding_again_changes_nothing(db):
    before = state()

    report = templates.seed()

    assert report == {"templates": len(before), "added": 0, "changed": 0, "removed": 0, "unchanged": len(before)}
    assert state() == before


def test_seeding_mends_what_is_missing_changed_or_gone_and_keeps_the_rest(db):
    before = state()
    changed, missing = MessageTemplate.objects.order_by("pk")[:2]
    MessageTemplate.objects.filter(pk=changed.pk).update(text="Somebody was here")
    missing.delete()
    MessageTemplate.objects.create(code="loyalty_of_old", channel="email", locale="en", subject="x")

    report = templates.seed()

    assert (report["added"], report["changed"], report["removed"]) == (1, 1, 1)
    rows = state()
    assert len({row["id"] for row in rows} & {row["id"] for row in before}) == len(before) - 1
    assert _words(rows) == _words(before)
    assert templates.seed()["unchanged"] == len(before)


def _words(rows):
    return sorted((r["code"], r["channel"], r["locale"], r["subject"], r["html"], r["text"]) for r in rows)


def test_a_merchants_own_texts_are_never_touched(cafe, counter):
    for store in (None, counter):
        TemplateOverride.objects.create(
            merchant=cafe, store=store, code="loyalty_birthday", channel="email", locale="fr", html="<p>À nous</p>"
        )
    own = list(TemplateOverride.objects.order_by("pk").values())
    MessageTemplate.objects.all().delete()

    templates.seed()

    assert list(TemplateOverride.objects.order_by("pk").values()) == own


def test_seeding_costs_the_same_however_much_there_is_to_do(db):
    with CaptureQueriesContext(connection) as nothing:
        templates.seed()
    MessageTemplate.objects.update(text="x")
    MessageTemplate.objects.create(code="gone", channel="sms", locale="en")
    with CaptureQueriesContext(connection) as everything:
        templates.seed()

    assert len(nothing) == 1
    assert len(everything) == 3


def test_the_command_says_what_it_changed(capsys, db):
    MessageTemplate.objects.filter(locale="lb", channel="sms").delete()

    call_command("seed_message_templates", format="json")

    report = json.loads(capsys.readouterr().out)
    assert (report["added"], report["changed"], report["removed"]) == (5, 0, 0)


# --- What the texts have in common ------------------------------------------------------------------------------
def test_every_default_passes_what_an_own_text_must_pass():
    for each in templates.sources():
        assert problems(each) == {}
        assert len(compose(each, CODES[each.code].samples(each.locale), is_override=False).subject) <= 78, each


def test_the_same_variables_are_used_in_every_language():
    used = {}
    for each in templates.sources():
        for part in ("subject", "html", "text"):
            names = {
                name
                for groups in NAMES.findall(getattr(each, part))
                for name in re.findall(r"[a-z_]+(?:\.[a-z_]+)?", " ".join(groups))
            }
            used.setdefault((each.code, each.channel, part), {})[each.locale] = names

    for place, by_locale in used.items():
        assert all(names == by_locale["en"] for names in by_locale.values()), (place, by_locale)
        assert set(by_locale) == set(LOCALES)


def test_every_mail_has_the_same_parts_in_every_language():
    def shape(html: str) -> list[str]:
        return re.findall(r"<(/?[a-z0-9]+)", html)

    shapes = {}
    for each in templates.sources():
        shapes.setdefault((each.code, each.channel), []).append(shape(each.html))

    assert all(shape == found[0] for found in shapes.values() for shape in found)


@pytest.mark.parametrize(
    ("locale", "one", "many"),
    [
        ("en", "1 point on your card at Café Central will expire", "2 points on your card at Café Central will expire"),
        (
            "fr",
            "1 point sur votre carte chez Café Central expirera",
            "2 points sur votre carte chez Café Central expireront",
        ),
        (
            "de",
            "1 Punkt auf Ihrer Karte bei Café Central verfällt",
            "2 Punkte auf Ihrer Karte bei Café Central verfallen",
        ),
        ("lb", "1 Punkt op Ärer Kaart bei Café Central leeft", "2 Punkten op Ärer Kaart bei Café Central lafen"),
    ],
)
def test_one_point_is_one_and_two_are_two(locale, one, many, db):
    code = CODES["loyalty_points_expiring"]
    template = MessageTemplate.objects.get(code=code.code, channel="email", locale=locale)

    for points, words in ((1, one), (2, many)):
        assert words in compose(template, {**code.samples(locale), "points": points}, is_override=False).text


@pytest.mark.parametrize(("days", "words"), [(0, "2027."), (1, "tomorrow"), (2, "in 2 days")])
def test_the_day_before_is_called_tomorrow(days, words, db):
    code = CODES["loyalty_points_expiring"]
    template = MessageTemplate.objects.get(code=code.code, channel="email", locale="en")

    rendered = compose(template, {**code.samples("en"), "days_remaining": days}, is_override=False)

    assert f"1 March 2027{words.removeprefix('2027')}" in rendered.text.replace(", which is ", "").replace(", ", "")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_mail_reads_well_where_everything_that_may_be_missing_is(locale, db):
    for code in CODES.values():
        values = {
            name: code.samples(locale)[name] if variable.required else None for name, variable in code.variables.items()
        }
        template = MessageTemplate.objects.get(code=code.code, channel="email", locale=locale)

        text = compose(template, values, is_override=False).text

        assert "None" not in text
        assert " ," not in text
        assert "<>" not in text
        assert "  " not in text.replace("-- ", "")


# --- Real databases -------------------------------------------------------------------------------------------
def test_two_who_seed_at_once_seed_once(own_database):
    MessageTemplate.objects.filter(locale="fr").delete()
    MessageTemplate.objects.filter(locale="de").update(text="x")
    wait = Barrier(4)

    def seed(_number: int) -> dict[str, int]:
        wait.wait()
        try:
            return templates.seed()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(seed, range(4)))

    assert all(report["templates"] == MessageTemplate.objects.count() for report in reports)
    assert templates.seed()["unchanged"] == MessageTemplate.objects.count()


@pytest.mark.long
def test_migrate_brings_the_texts_of_the_release(own_database, manage_apart):
    MessageTemplate.objects.filter(locale="fr").delete()
    before = MessageTemplate.objects.count()

    assert manage_apart("migrate", "--verbosity=0").returncode == 0

    assert MessageTemplate.objects.count() > before
    assert templates.seed()["unchanged"] == MessageTemplate.objects.count()


# --- The handbook ---------------------------------------------------------------------------------------------
def test_the_page_for_merchants_names_every_message_and_variable_and_no_other():
    page = (server.ROOT / "docs" / "message-templates.md").read_text()
    rows = {
        cells[0].strip("`"): cells
        for line in re.findall(r"^\| (`\w+` \|.*) \|$", page, re.MULTILINE)
        if len(cells := [each.strip() for each in line.split("|")]) == 5
    }
    common = {variable.name for variable in COMMON}

    assert set(rows) == set(CODES)
    for code in CODES.values():
        _name, when, kind, channels, variables = rows[code.code]
        assert (when, kind) == (code.when, code.kind)
        assert len(channels.split(",")) == len(code.channels)
        assert re.findall(r"`([\w.]+)`", variables) == [each.name for each in code.own if each.name not in common]
    for variable in COMMON:
        assert f"| `{variable.name}` | {variable.help} |" in page
    for name in template_library.FILTERS:
        assert f"`{name}`" in page
