"""A member's page, and what is done on it."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import EntryType, LedgerEntry, Member, ReplacedCard
from loyalty.operations import points, stamps
from loyalty_site.tenants.models import Customer, Role, StaffRole
from tests.console.world import buy, make_world


@pytest.fixture
def member(ours) -> Member:
    return ours.member


def _url(member: Member, page: str = "change") -> str:
    return f"/admin/loyalty/member/{member.pk}/{page}/"


def _form(client, member: Member, deed: str) -> dict[str, str]:
    """The form's hidden fields, as they came."""
    form = client.get(_url(member, deed)).context["form"]
    return {name: str(form[name].value() or "") for name, field in form.fields.items() if field.widget.is_hidden}


def _expiry(member: Member) -> LedgerEntry:
    return LedgerEntry.objects.get(member=member, type=EntryType.POINTS_EXPIRED)


def _restores(member: Member) -> list[int]:
    entries = LedgerEntry.objects.filter(member=member, type=EntryType.ADMIN_ADJUSTMENT)
    return list(entries.order_by("number").values_list("points_delta", flat=True))


# --- Finding --------------------------------------------------------------------------------------------------
def test_a_member_is_found_by_what_people_say(manager, member):
    customer = member.customer
    phone = str(customer.phone_number)
    groups = " ".join(re.findall("....", member.card_number))
    said = [member.card_number, groups, customer.email, "cafe person0", phone, f"00{phone[1:]}", phone[4:], "cafe-0"]
    for words in said:
        page = manager.get("/admin/loyalty/member/", {"q": words})

        assert [row.pk for row in page.context["cl"].result_list] == [member.pk], words


def test_a_replaced_card_finds_its_member(manager, member):
    old = member.card_number
    manager.post(_url(member, "replace-card"), {**_form(manager, member, "replace-card"), "reason": "lost"})

    page = manager.get("/admin/loyalty/member/", {"q": old})

    assert [row.pk for row in page.context["cl"].result_list] == [member.pk]


@pytest.mark.parametrize("words", ["\x00", "%", "'; --", "999999999999999999999999", "é", " " * 50])
def test_strange_words_find_nobody_and_break_nothing(words, manager):
    assert manager.get("/admin/loyalty/member/", {"q": words}).status_code == 200
    asked = {"app_label": "loyalty", "model_name": "ledgerentry", "field_name": "member", "term": words}
    assert manager.get("/admin/autocomplete/", asked).status_code == 200


# --- The page -------------------------------------------------------------------------------------------------
def test_the_page_shows_balance_entries_lots_and_redemptions(manager, member):
    page = manager.get(_url(member))
    text = page.content.decode()

    assert f"{member.points_balance:,}" in text
    assert "Points expired" in text
    assert [lot.remaining for lot in page.context["lots"]] == [200]
    assert [redemption.points_cost for redemption in page.context["redemptions"]] == [50]
    assert member.customer.email in text


def test_nothing_on_it_can_be_typed(manager, member):
    manager.post(_url(member), {"points_balance": "1000000", "card_number": "1", "is_active": ""})

    now = Member.objects.get(pk=member.pk)
    assert (now.points_balance, now.card_number, now.is_active) == (member.points_balance, member.card_number, True)


def test_a_long_ledger_is_read_a_page_at_a_time(manager, ours, member):
    for number in range(60):
        buy(ours, member, f"more-{number}", "1.00", member.last_activity_at)
    seen: list[int] = []
    query = ""
    with CaptureQueriesContext(connection) as asked:
        while True:
            page = manager.get(_url(member) + query).context["page"]
            seen += [entry.number for entry in page.entries]
            if page.older is None:
                break
            query = f"?before={page.older}"

    assert seen == list(range(63, 0, -1))
    assert len(asked) <= 3 * 20


@pytest.mark.parametrize("before", ["0", "-1", "x", "99999999999999999999", "1", "2"])
def test_any_page_number_has_a_page(before, manager, member):
    assert manager.get(_url(member) + f"?before={before}").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["loyalty/member", "loyalty/ledgerentry", "loyalty/redemption", "loyalty/pointlot", "jobs/run", "tenants/user"],
)
def test_a_list_asks_as_often_for_many_rows_as_for_few(address, ours, owner):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert owner.get(f"/admin/{address}/").status_code == 200
        return len(asked)

    queries()
    few = queries()
    more = make_world("more", members=8)
    StaffRole.objects.create(user=ours.staff[Role.OWNER], merchant=more.merchant, role=Role.OWNER)

    assert queries() <= few + 3
    assert few <= 12


def test_the_page_asks_as_often_for_a_long_ledger_as_for_a_short_one(manager, ours, member):
    manager.get(_url(member))
    with CaptureQueriesContext(connection) as short:
        manager.get(_url(member))
    for number in range(30):
        buy(ours, member, f"more-{number}", "1.00", member.last_activity_at)
    with CaptureQueriesContext(connection) as long:
        manager.get(_url(member))

    assert len(long) == len(short) <= 14


# --- Restoring ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_form_sent_again_restores_once(times, manager, member):
    form = {**_form(manager, member, "restore"), "entry": "", "points": "70", "reason": "the till was down"}

    answers = [manager.post(_url(member, "restore"), form) for _ in range(times)]

    assert {answer.status_code for answer in answers} == {302}
    assert _restores(member) == [70]
    entry = LedgerEntry.objects.get(member=member, type=EntryType.ADMIN_ADJUSTMENT)
    assert (entry.description, entry.actor.email) == ("the till was down", "manager@cafe.example.com")
    history = LogEntry.objects.filter(object_id=str(member.pk), change_message__contains="the till was down")
    assert history.count() == 1


def test_two_forms_restore_twice(manager, member):
    for _ in range(2):
        form = {**_form(manager, member, "restore"), "entry": "", "points": "70", "reason": "again"}
        manager.post(_url(member, "restore"), form)

    assert _restores(member) == [70, 70]


def test_a_form_sent_again_with_other_values_is_refused_in_words(manager, member):
    form = {**_form(manager, member, "restore"), "entry": "", "points": "70", "reason": "once"}
    manager.post(_url(member, "restore"), form)

    answer = manager.post(_url(member, "restore"), {**form, "points": "90"})

    assert "sent before with other values" in answer.content.decode()
    assert _restores(member) == [70]


def test_an_expiry_gives_back_what_it_took_and_no_more(manager, member):
    expiry = _expiry(member)
    form = {**_form(manager, member, "restore"), "entry": str(expiry.pk), "points": "100", "reason": "goodwill"}
    manager.post(_url(member, "restore"), form)
    room = manager.get(_url(member, "restore")).context["form"].restorable[str(expiry.pk)].room

    too_much = {**_form(manager, member, "restore"), "entry": str(expiry.pk), "points": "26", "reason": "goodwill"}
    refused = manager.post(_url(member, "restore"), too_much)
    rest = {**_form(manager, member, "restore"), "entry": str(expiry.pk), "points": "", "reason": "the rest"}
    manager.post(_url(member, "restore"), rest)

    assert room == 25
    assert refused.status_code == 200
    assert "given back before" in refused.content.decode()
    assert _restores(member) == [100, 25]
    assert manager.get(_url(member, "restore")).context["form"].restorable == {}


def test_an_expiry_of_another_member_gives_nothing(manager, ours, member):
    stranger = _expiry(ours.members[1])
    form = {**_form(manager, member, "restore"), "entry": str(stranger.pk), "points": "10", "reason": "x"}

    answer = manager.post(_url(member, "restore"), form)

    assert "entry" in answer.context["form"].errors
    assert _restores(member) == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"points": "0"}, "points"),
        ({"points": "-5"}, "points"),
        ({"points": "1.5"}, "points"),
        ({"points": ""}, "points"),
        ({"points": "9" * 30}, "points"),
        ({"reason": ""}, "reason"),
        ({"reason": "   "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"key": ""}, "key"),
        ({"key": "short"}, "key"),
        ({"entry": "no-entry"}, "entry"),
    ],
)
def test_what_is_typed_wrongly_is_said_and_moves_nothing(typed, field, manager, member):
    form = {**_form(manager, member, "restore"), "entry": "", "points": "5", "reason": "x", **typed}

    answer = manager.post(_url(member, "restore"), form)

    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert _restores(member) == []


def test_several_members_are_restored_by_one_form_once(manager, ours):
    chosen = {"action": "restore_points", "_selected_action": [str(each.pk) for each in ours.members]}
    form = manager.post("/admin/loyalty/member/", chosen).context["form"]
    sent = {**chosen, "apply": "1", "key": form["key"].value(), "points": "15", "reason": "outage"}

    for _ in range(3):
        assert manager.post("/admin/loyalty/member/", sent).status_code == 302

    assert [_restores(each) for each in ours.members] == [[15], [15]]
    assert LogEntry.objects.filter(change_message__contains="outage").count() == 2


def test_a_list_form_without_points_or_reason_moves_nothing(manager, ours):
    chosen = {"action": "restore_points", "_selected_action": [str(each.pk) for each in ours.members]}

    answer = manager.post(
        "/admin/loyalty/member/", {**chosen, "apply": "1", "key": "d" * 32, "points": "", "reason": ""}
    )

    assert set(answer.context["form"].errors) == {"points", "reason"}
    assert [_restores(each) for each in ours.members] == [[], []]


# --- Everything else ------------------------------------------------------------------------------------------
def test_a_correction_goes_down_to_what_is_held_and_no_further(manager, member):
    available = member.points_available
    first = {**_form(manager, member, "adjust"), "points": str(-available), "reason": "typed wrongly"}
    manager.post(_url(member, "adjust"), first)

    more = {**_form(manager, member, "adjust"), "points": "-1", "reason": "and one"}
    refused = manager.post(_url(member, "adjust"), more)

    assert "not enough points" in refused.content.decode()
    member.refresh_from_db()
    assert (member.points_balance, member.points_held) == (50, 50)


def test_a_replaced_card_is_replaced_once_a_form(manager, member):
    form = {**_form(manager, member, "replace-card"), "reason": "lost"}
    for _ in range(3):
        manager.post(_url(member, "replace-card"), form)

    assert ReplacedCard.objects.filter(member=member).count() == 1


def test_a_card_is_switched_off_and_on(manager, member):
    manager.post(_url(member, "deactivate"), _form(manager, member, "deactivate"))
    member.refresh_from_db()
    off = member.is_active
    manager.post(_url(member, "reactivate"), _form(manager, member, "reactivate"))
    member.refresh_from_db()

    assert (off, member.is_active) == (False, True)


def test_a_person_is_forgotten_by_every_page_and_record(manager, member):
    name, card, email = member.customer.full_name, member.card_number, member.customer.email
    typed = {**_form(manager, member, "restore"), "entry": "", "points": "5", "reason": f"{name} was sad"}
    manager.post(_url(member, "restore"), typed)

    wrong = manager.post(_url(member, "anonymize"), {**_form(manager, member, "anonymize"), "card_number": "1"})
    form = {**_form(manager, member, "anonymize"), "card_number": card, "understood": "on"}
    manager.post(_url(member, "anonymize"), form)

    assert wrong.status_code == 200
    member.refresh_from_db()
    assert Customer.objects.get(pk=member.customer_id).anonymized_at is not None
    told = " ".join(
        [
            manager.get(_url(member)).content.decode(),
            manager.get(_url(member, "history")).content.decode(),
            str(list(LogEntry.objects.filter(object_id=str(member.pk)).values_list("object_repr", "change_message"))),
        ]
    )
    for word in (name, card, email, "was sad"):
        assert word not in told
    assert (
        manager.get(f"/admin/tenants/customer/{member.customer_id}/change/").context["has_change_permission"] is False
    )


def test_who_a_member_is_can_be_edited_within_the_merchants_rules(manager, ours, member):
    url = f"/admin/tenants/customer/{member.customer_id}/change/"
    typed = {"first_name": "Anna", "last_name": "B", "email": "anna@example.com", "phone_number": "+352621123456"}
    taken = {**typed, "email": ours.members[1].customer.email.upper()}

    refused = manager.post(url, taken)
    manager.post(url, {**typed, "marketing_consent": "on", "external_ref": "cafe-0"})

    assert refused.status_code == 200
    now = Customer.objects.get(pk=member.customer_id)
    assert (now.first_name, now.email, now.marketing_consent) == ("Anna", "anna@example.com", False)


def test_an_entry_says_why_and_what_answers_it(manager, member):
    expiry = _expiry(member)
    form = {**_form(manager, member, "restore"), "entry": str(expiry.pk), "points": "", "reason": "sorry"}
    manager.post(_url(member, "restore"), form)
    answer = LedgerEntry.objects.get(answers_id=expiry.pk)

    of_expiry = manager.get(f"/admin/loyalty/ledgerentry/{expiry.pk}/change/").content.decode()
    of_answer = manager.get(f"/admin/loyalty/ledgerentry/{answer.pk}/change/").content.decode()

    assert str(answer.pk) in of_expiry
    assert "policy" in of_expiry
    assert str(expiry.pk) in of_answer
    assert "sorry" in of_answer


def test_the_ledger_is_searched_by_order_and_card(manager, ours, member):
    for words in ("cafe-early-0", member.card_number):
        rows = manager.get("/admin/loyalty/ledgerentry/", {"q": words}).context["cl"].result_list

        assert rows
        assert {row.member_id for row in rows} == {member.pk}


def test_open_redemptions_are_fulfilled_and_cancelled_once(manager, ours):
    first, second = (each.redemptions.get() for each in ours.members)
    for redemption, deed in ((first, "fulfil"), (second, "cancel")):
        url = f"/admin/loyalty/redemption/{redemption.pk}/{deed}/"
        form = {"key": manager.get(url).context["form"]["key"].value(), "reason": "sold out"}
        for _ in range(2):
            assert manager.post(url, form).status_code == 302

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status, second.reason) == ("fulfilled", "cancelled", "sold out")
    for each in ours.members:
        each.refresh_from_db()
    assert [each.points_held for each in ours.members] == [0, 0]
    assert [each.points_balance for each in ours.members] == [150, 200]


def test_an_export_holds_the_filtered_list_and_no_formula(manager, member):
    Customer.objects.filter(pk=member.customer_id).update(first_name="=cmd()")
    fields = {f"memberresource_{name}": "on" for name in ("card_number", "name", "points_balance")}

    answer = manager.post("/admin/loyalty/member/export/?q=cafe-0", {"format": "0", "resource": "", **fields})
    sheet = manager.post("/admin/loyalty/member/export/", {"format": "1", "resource": "", **fields})

    rows = answer.content.decode().splitlines()
    assert len(rows) == 2
    assert rows[1].startswith(member.card_number)
    assert ",=cmd" not in rows[1]
    assert sheet.content[:2] == b"PK"


def test_points_and_stamps_stand_in_one_ledger(manager, ours, member):
    stamps.add(member=member, store=ours.store, at=member.last_activity_at, order_reference="stamp-1")
    points.adjust(member=member, points=5, reason="x", actor=None, key=None, at=member.last_activity_at)

    assert "+1 stamp" in manager.get(_url(member)).content.decode()
