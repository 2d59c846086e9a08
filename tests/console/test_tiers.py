"""The tiers' page: who stands where, and what follows when the ladder is changed."""

import pytest
from django_q.models import OrmQ

from loyalty import background
from loyalty.models import Member, Tier
from loyalty_site.jobs.models import Run
from tests.cast import make_member
from tests.console.test_programs import _form, _url

LIST = "/admin/loyalty/tier/"


def _retier() -> list[Run]:
    return list(Run.objects.filter(job=background.RETIER))


def _tier_form(tier: Tier, **typed: str) -> dict[str, str]:
    stored = {
        name: str(getattr(tier, name)) for name in ("name", "slug", "description", "point_threshold", "multiplier")
    }
    return {**stored, "benefits": "\n".join(tier.benefits), "is_active": "on", **typed}


def test_the_list_says_how_many_members_stand_on_each_tier(manager, ours, django_assert_max_num_queries):
    Member.objects.update(tier=None)
    for number in range(3):
        member = make_member(ours.program, f"m{number}")
        Member.objects.filter(pk=member.pk).update(tier=ours.tier)
    for number in range(4):
        Tier.objects.create(program=ours.program, slug=f"t{number}", name=f"T{number}", point_threshold=9000 + number)

    with django_assert_max_num_queries(12):
        page = manager.get(LIST)

    counts = {tier.slug: tier.members_there for tier in page.context["cl"].result_list}
    assert counts == {ours.tier.slug: 3, "t0": 0, "t1": 0, "t2": 0, "t3": 0}


def test_a_tier_changed_on_its_page_asks_for_a_run(manager, ours):
    page = f"{LIST}{ours.tier.pk}/change/"
    assert manager.post(page, _tier_form(ours.tier, name="Golden")).status_code == 302
    assert _retier() == []

    assert manager.post(page, _tier_form(ours.tier, point_threshold="77")).status_code == 302

    [run] = _retier()
    assert (run.merchant, run.status, OrmQ.objects.count()) == (ours.merchant, "queued", 1)


def test_the_ladder_saved_with_its_program_asks_for_one_run(manager, ours):
    typed = {"tiers-0-point_threshold": "77", "tiers-0-multiplier": "3"}

    assert manager.post(_url(ours), _form(ours.program, **typed)).status_code == 302

    assert len(_retier()) == 1


@pytest.mark.parametrize(("typed", "runs"), [({"tier_basis": "rolling"}, 1), ({"points_per_unit": "7"}, 0)])
def test_a_program_saved_asks_only_if_its_tiers_go_by_something_else(manager, ours, typed, runs):
    manager.post(_url(ours), _form(ours.program, **typed))

    assert len(_retier()) == runs


def test_the_programs_form_explains_how_tiers_are_lowered(manager, ours):
    page = manager.get(_url(ours)).content.decode()

    assert "lowered, if at all, by the hourly run" in page
