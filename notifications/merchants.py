"""Work that a job does merchant by merchant."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant


def everywhere(run: Run, what: str, work: Callable[..., Counter[str]]) -> dict[str, Any]:
    """Do the work merchant by merchant; what fails at one is raised when the others have had theirs."""
    counts: Counter[str] = Counter()
    failures: list[Exception] = []
    for merchant in Merchant.objects.order_by("slug"):
        try:
            counts.update(work(merchants=[merchant]))
        except Exception as error:
            error.add_note(f"while {what} of {merchant.slug}")
            failures.append(error)
    run.counts = dict(counts)
    if failures:
        raise ExceptionGroup(f"Some merchants failed while {what}", failures)
    return dict(counts)
