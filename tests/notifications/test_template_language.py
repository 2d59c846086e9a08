"""What a merchant may write in a text, and what is refused, with its line and the reason."""

import pytest

from notifications.catalogue import CODES
from notifications.template_language import MOST, TemplateRefused, check, written
from notifications.variables import BadVariables, Kind, Variable, filled_in

TIER = CODES["loyalty_tier_upgrade"].variables

HOSTILE = {
    "settings": "{{ settings }}",
    "a setting": "{{ settings.SECRET_KEY }}",
    "a file": "{% include '/etc/passwd' %}",
    "a base": "{% extends 'admin/base.html' %}",
    "a library": "{% load i18n %}",
    "debug": "{% debug %}",
    "the clock": "{% now 'Y' %}",
    "an address": "{% url 'admin:index' %}",
    "a token": "{% csrf_token %}",
    "a password": "{{ member.password }}",
    "a relation": "{{ member.customer.email }}",
    "a row": "{{ member }}",
    "a class": "{{ to.__class__ }}",
    "a class of nothing": "{{ x.__class__.__mro__ }}",
    "a method": "{{ to.upper }}",
    "a method of a list": "{{ benefits.pop }}",
    "an item": "{{ benefits.0 }}",
    "a filter's argument": "{{ to|default:settings }}",
    "a condition": "{% if settings.DEBUG %}x{% endif %}",
    "a condition within a condition": "{% if to == 'x' and not settings %}x{% endif %}",
    "the other side of a condition": "{% if to == settings %}x{% endif %}",
    "a condition's filter": "{% if to|default:request == 'x' %}x{% endif %}",
    "an elif": "{% if to %}{% elif user %}x{% endif %}",
    "an else": "{% if to %}{% else %}{{ user }}{% endif %}",
    "a loop over letters": "{% for letter in to %}{{ letter }}{% endfor %}",
    "a loop over rows": "{% for each in members %}x{% endfor %}",
    "a loop's name outside": "{% for each in benefits %}{% empty %}{{ each }}{% endfor %}",
    "the loop around a loop": "{% for each in benefits %}{{ forloop.parentloop }}{% endfor %}",
    "markup": "{{ member.first_name|safe }}",
    "no escaping": "{% autoescape off %}{{ to }}{% endautoescape %}",
    "a gigabyte by width": "{{ to|center:999999999 }}",
    "a gigabyte by format": "{{ to|stringformat:'999999999s' }}",
    "a gigabyte by digits": "{{ to|floatformat:999999999 }}",
    "a gigabyte of words": "{% lorem 99999999 p %}",
    "loops in loops": "{% for a in benefits %}{% for b in benefits %}x{% endfor %}{% endfor %}",
    "loops deep inside": "{% for a in benefits %}{% if a %}{% for b in benefits %}{% endfor %}{% endif %}{% endfor %}",
    "a long loop": "{% for a in benefits %}" + "{{ hub_url }}" * 300 + "{% endfor %}",
    "a long text": "x" * 60_000,
    "deep conditions": "{% if to %}" * 2_000 + "{% endif %}" * 2_000,
    "a deep condition": "{% if " + "not " * 9_000 + "to %}{% endif %}",
    "two names in a loop": "{% for a, b in benefits %}{% endfor %}",
    "a list as it is": "{{ benefits }}",
    "a list in capitals": "{{ benefits|upper }}",
    "an open tag": "{% if to %}x",
    "an open variable": "Hello {{ to",
    "an empty variable": "{{ }}",
    "half a filter": "{{ to| }}",
    "a closing tag alone": "{% endfor %}",
    "a nul": "Hello\0",
    "half a surrogate pair": "Hello \ud800",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_what_reaches_further_or_breaks_is_refused_with_its_line(source):
    with pytest.raises(TemplateRefused) as refused:
        check(f"Hello\n\n{source}", TIER)

    assert refused.value.line in (1, 3)
    assert refused.value.detail.startswith(f"Line {refused.value.line}: ")
    assert len(refused.value.detail) < 600


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("Hello\n{{ settings }}", 2, "no variable “settings”"),
        ("\n\n\n{% include 'x' %}", 4, "no tag “include”"),
        ("{{ to }}\n{% if to %}\n\n", 2, "“if” is not closed"),
        ("{{ to|center:9 }}", 1, "no filter “center”"),
        ("{% if to %}\n{% if foo.bar %}{% endif %}{% endif %}", 2, "no variable “foo.bar”"),
        ("a\nb {{ to", 2, "“{{” is not closed"),
    ],
)
def test_a_refusal_says_where_and_why(source, line, reason):
    with pytest.raises(TemplateRefused) as refused:
        check(source, TIER)

    assert refused.value.line == line
    assert reason in refused.value.detail


def test_a_refusal_names_the_variables_there_are():
    with pytest.raises(TemplateRefused, match=r"There are: benefits, card\.number, from, hub_url, member\.first_name"):
        check("{{ first_name }}", TIER)


def test_variables_conditions_loops_and_filters_are_what_one_may_write():
    source = (
        "{% comment %}{{ anything }}{% endcomment %}{% if from and to != 'x' %}{{ from|upper }}{% else %}-{% endif %} "
        "{% for benefit in benefits %}{{ forloop.counter }}{{ benefit }} {% empty %}none{% endfor %}"
        "{{ benefits|join:', ' }} {{ member.first_name|default:'you' }}"
    )
    check(source, TIER)
    values = {**CODES["loyalty_tier_upgrade"].samples("en"), "benefits": ["a", "b"], "member.first_name": ""}

    assert written(source, filled_in(TIER, values, "en"), as_html=False) == "SILVER 1a 2b a, b you"


def test_no_text_that_passes_writes_more_than_the_bound():
    longest = {name: _longest(variable) for name, variable in TIER.items()}
    source = "{% for a in benefits %}" + "{{ a }}" * 20 + "{% endfor %}" + "{{ hub_url }}" * 30
    check(source, TIER)

    assert len(written(source, filled_in(TIER, longest, "en"), as_html=True)) <= MOST


def _longest(variable: Variable) -> object:
    if variable.kind == Kind.URL:
        return ("https://x.example/" + "&" * 3_000)[:2_000]
    return ["'" * 10_000] * 50 if variable.kind == Kind.LIST else "'" * 10_000


def test_a_value_is_escaped_in_html_and_as_it_is_elsewhere():
    context = filled_in(TIER, {**CODES["loyalty_tier_upgrade"].samples("en"), "to": "<b>&'"}, "en")

    assert written("{{ to }}", context, as_html=True) == "&lt;b&gt;&amp;&#x27;"
    assert written("{{ to }}", context, as_html=False) == "<b>&'"


def test_a_value_is_no_template():
    context = filled_in(TIER, {**CODES["loyalty_tier_upgrade"].samples("en"), "to": "{{ from }}"}, "en")

    assert written("{{ to }}", context, as_html=False) == "{{ from }}"


# --- Values ---------------------------------------------------------------------------------------------------
POINTS = CODES["loyalty_points_expiring"]


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en", "12,500 on 1 March 2027"),
        ("fr", "12\u202f500 on 1er mars 2027"),
        ("de", "12.500 on 1. März 2027"),
        ("lb", "12.500 on 1. Mäerz 2027"),
    ],
)
def test_numbers_and_days_are_shown_as_the_language_has_them(locale, shown):
    values = {**POINTS.samples(locale), "points": 12_500, "expiration_date": "2027-03-01"}

    context = filled_in(POINTS.variables, values, locale)

    assert written("{{ points }} on {{ expiration_date }}", context, as_html=False) == shown


@pytest.mark.parametrize(("points", "shown"), [(1, "1 Punkt"), (2, "2 Punkte"), (1_000, "1.000 Punkte")])
def test_a_number_still_counts(points, shown):
    context = filled_in(POINTS.variables, {**POINTS.samples("de"), "points": points}, "de")

    assert written('{{ points }} Punkt{{ points|pluralize:"e" }}', context, as_html=False) == shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": None},
        {"points": "many"},
        {"points": []},
        {"expiration_date": "soon"},
        {"expiration_date": 7},
        {"hub_url": "javascript:alert(1)"},
        {"hub_url": "/account"},
        {"hub_url": "https://x.example/" + "x" * 2_000},
    ],
)
def test_a_value_that_is_missing_or_cannot_be_shown_is_said_loudly(wrong):
    with pytest.raises(BadVariables, match=next(iter(wrong))):
        filled_in(POINTS.variables, {**POINTS.samples("en"), **wrong}, "en")


def test_only_what_the_catalogue_names_comes_through():
    context = filled_in(
        POINTS.variables, {**POINTS.samples("en"), "password": "x", "member.email": "a@b.example"}, "en"
    )

    assert "password" not in context
    assert set(context["member"]) == {"first_name"}
