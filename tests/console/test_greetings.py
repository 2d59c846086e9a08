"""Greetings in the console."""

from loyalty_site.tenants.models import Role
from notifications.models import GreetingSettings

ADD = "/admin/notifications/greetingsettings/add/"


def test_a_manager_switches_greetings_on_once_for_the_merchant_and_a_cashier_does_not(ours, sign_in):
    GreetingSettings.objects.all().delete()
    manager, cashier = sign_in(ours.staff[Role.MANAGER]), sign_in(ours.staff[Role.CASHIER])
    typed = {"merchant": str(ours.merchant.pk), "greets_birthdays": "on", "absent_days": "60"}

    assert cashier.post(ADD, typed).status_code == 403
    assert manager.post(ADD, typed | {"absent_days": "6"}).status_code == 200
    assert not GreetingSettings.objects.exists()
    assert manager.post(ADD, typed).status_code == 302
    assert "has its greetings already" in manager.post(ADD, typed).content.decode()
    row = GreetingSettings.objects.get()
    assert (row.greets_birthdays, row.greets_absent, row.merchant_id) == (True, False, ours.merchant.pk)


def test_a_merchant_cannot_set_the_greetings_of_another(ours, theirs, sign_in):
    GreetingSettings.objects.all().delete()

    sign_in(ours.staff[Role.MANAGER]).post(ADD, {"merchant": str(theirs.merchant.pk), "absent_days": "60"})

    assert not GreetingSettings.objects.exists()
