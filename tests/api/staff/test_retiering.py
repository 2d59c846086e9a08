"""What follows when staff change the tiers: a run of its own, queued with the change."""

import pytest
from django.db import transaction
from django_q.models import OrmQ

from loyalty import background
from loyalty.models import Member, Program, Tier, TierBasis
from loyalty_site.jobs.models import Run


@pytest.fixture
def silver(program, alice, buy):
    """Silver from 100 points; Alice has 45 and no tier."""
    tier = Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=100)
    buy()
    return tier


def queued() -> list[Run]:
    return list(Run.objects.filter(job="loyalty.retier_members").order_by("started_at"))


def work() -> None:
    """Do what a worker would."""
    for run in queued():
        background.retier(str(run.pk))
    OrmQ.objects.all().delete()


def tier(member) -> str | None:
    return Member.objects.values_list("tier__slug", flat=True).get(pk=member.pk)


def test_a_lower_threshold_raises_members_through_a_run_of_its_own(manager, alice, silver):
    changed = manager.patch(f"tiers/{silver.pk}", {"pointThreshold": 40})

    [run] = queued()
    assert (changed.status_code, run.status, run.merchant, run.actor) == (200, "queued", alice.merchant, manager.user)
    assert OrmQ.objects.count() == 1
    assert tier(alice) is None

    work()
    work()

    run.refresh_from_db()
    assert (run.status, run.counts["raised"], tier(alice)) == ("succeeded", 1, "silver")


def test_a_new_tier_raises_members(manager, program, alice, silver):
    manager.post("tiers", {"programId": str(program.pk), "slug": "bronze", "name": "Bronze", "pointThreshold": 20})

    work()

    assert tier(alice) == "bronze"


def test_a_tier_switched_on_raises_members_and_one_deleted_asks_too(manager, alice, silver):
    Tier.objects.update(is_active=False, point_threshold=40)

    manager.patch(f"tiers/{silver.pk}", {"isActive": True})
    work()
    assert tier(alice) == "silver"

    empty = Tier.objects.create(program=silver.program, slug="gold", name="Gold", point_threshold=500)
    assert manager.delete(f"tiers/{empty.pk}").status_code == 204
    assert len(queued()) == 2


def test_another_basis_raises_members(manager, program, alice, silver):
    Program.objects.update(tier_basis=TierBasis.ROLLING)
    Tier.objects.update(point_threshold=40)

    manager.patch(f"programs/{program.pk}", {"tierBasis": "lifetime"})
    work()

    assert tier(alice) == "silver"


@pytest.mark.parametrize("body", [{"name": "Argent"}, {"benefits": ["Free coffee"]}, {"description": "."}])
def test_words_move_nobody(manager, silver, body):
    manager.patch(f"tiers/{silver.pk}", body)

    assert queued() == []


def test_a_change_that_is_refused_asks_for_nothing(manager, program, silver):
    body = {"programId": str(program.pk), "slug": "silver", "name": "Silver", "pointThreshold": 1}

    with transaction.atomic():
        assert manager.post("tiers", body).status_code == 409

    assert (queued(), OrmQ.objects.count()) == ([], 0)


def test_tiers_of_a_program_that_is_off_move_nobody(manager, silver):
    Program.objects.update(is_active=False)

    assert manager.patch(f"tiers/{silver.pk}", {"pointThreshold": 40}).status_code == 200

    assert queued() == []
