"""Warning members before their points expire: once, with the true date (specs/points.md "Warnings")."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection

from loyalty.events import PointsExpiring
from loyalty.models import Member
from loyalty.operations import walking
from loyalty.operations.expiration import due
from loyalty.operations.expiration.due import Night
from loyalty_site import outbox

RUN_TIME = time(2, 0, tzinfo=UTC)


def run_that_takes(moment: datetime) -> datetime:
    """The first daily run, 02:00 UTC, at or after `moment`."""
    moment = moment.astimezone(UTC)
    run = datetime.combine(moment.date(), RUN_TIME)
    return run if run >= moment else run + timedelta(days=1)


def last_run_time(now: datetime) -> datetime:
    """The daily run's instant, 02:00 UTC, that was last at `now`: what a run by hand makes up for."""
    now = now.astimezone(UTC)
    run = datetime.combine(now.date(), RUN_TIME)
    return run if run <= now else run - timedelta(days=1)


def warn_of_inactivity(night: Night, members: list[Member], run_id: UUID) -> None:
    """Mark these locked members as warned and publish their warnings."""
    if not members:
        return
    with connection.cursor() as cursor:
        # An array, here and below: a list of five hundred placeholders takes longer to write than to run.
        cursor.execute(
            "UPDATE loyalty_members SET last_expiration_warning_at = %s WHERE id = ANY (%s::uuid[])",
            [night.at, walking.array(member.pk for member in members)],
        )
    zones = _zones(night, members)

    def warnings() -> Iterable[PointsExpiring]:
        for member in members:
            moment = member.last_activity_at + night.program.inactivity_period
            if moment <= night.at:
                # Due but never warned: the program gives them the lead from now on.
                moment = night.at + night.inactivity_lead
            yield _warning(night, member, "inactivity", member.points_available, moment, zones[member.pk], [], run_id)

    outbox.publish_many(warnings())


def warn_of_lots(night: Night, members: list[Member], run_id: UUID) -> None:
    """Mark the lots of these locked members that came into the window, and publish one warning a member."""
    if not members:
        return
    query = f"""
        UPDATE loyalty_point_expirations l SET warned_at = %(at)s
          FROM unnest(%(ids)s::uuid[]) AS m (id)
          WHERE {due.LOT_TO_WARN_OF}
          RETURNING l.member_id, l.id, l.points - l.consumed, l.expires_at, l.number"""
    lots: dict[UUID, list[tuple[datetime, int, UUID, int]]] = {}
    with connection.cursor() as cursor:
        walking.pin_nested_loops(cursor)
        cursor.execute(query, night.parameters | {"ids": walking.array(member.pk for member in members)})
        for member_id, lot_id, points, expires_at, number in cursor.fetchall():
            lots.setdefault(member_id, []).append((expires_at, number, lot_id, points))
    zones = _zones(night, members)

    def warnings() -> Iterable[PointsExpiring]:
        for member in members:
            zone = zones[member.pk]
            named: list[dict[str, Any]] = []
            for expires_at, _, lot_id, points in sorted(lots.get(member.pk, [])):
                moment = expires_at if expires_at > night.at else night.at + night.lots_lead
                named.append(
                    {
                        "lot": str(lot_id),
                        "points": points,
                        "expires_at": moment.isoformat(),
                        "expiration_date": _local_date(run_that_takes(moment), zone).isoformat(),
                    }
                )
            if named:
                total = sum(lot["points"] for lot in named)
                moment = min(datetime.fromisoformat(lot["expires_at"]) for lot in named)
                yield _warning(night, member, "lots", total, moment, zone, named, run_id)

    outbox.publish_many(warnings())


def _warning(
    night: Night,
    member: Member,
    policy: str,
    points: int,
    moment: datetime,
    zone: ZoneInfo,
    lots: list[dict[str, Any]],
    run_id: UUID,
) -> PointsExpiring:
    day = _local_date(run_that_takes(moment), zone)
    return PointsExpiring.about(
        member,
        at=night.at,
        policy=policy,
        points=points,
        expires_at=moment,
        expiration_date=day,
        days_remaining=(day - _local_date(night.at, zone)).days,
        lots=lots,
        run_id=run_id,
    )


def _local_date(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _zones(night: Night, members: list[Member]) -> dict[UUID, ZoneInfo]:
    """Each member's time zone: the customer's own, else the program's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, time_zone FROM customers WHERE id = ANY (%s::uuid[]) AND time_zone <> ''",
            [walking.array(member.customer_id for member in members)],
        )
        named: dict[UUID, str] = dict(cursor.fetchall())
    return {member.pk: _zone(named.get(member.customer_id, ""), night) for member in members}


def _zone(name: str, night: Night) -> ZoneInfo:
    if not name:
        return night.program.zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # What a storefront once sent need not be a zone; the member is still warned.
        return night.program.zone
