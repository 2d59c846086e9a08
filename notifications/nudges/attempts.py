"""Recording each attempt to tell a member of a nudge: in the sender's transaction, beside the delivery."""

import json
from collections.abc import Sequence

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from loyalty_site.ids import NEW_IDS_SQL
from notifications import hooks

# Campaign and merchant are the nudge's; whoever names a nudge that is not there has nothing to record.
_RECORD = f"""
INSERT INTO loyalty_nudge_dispatch_events (id, merchant_id, nudge_id, message_id, campaign_slug, channel, sent_at,
                                           outcome, provider_id, error)
SELECT {NEW_IDS_SQL}, n.merchant_id, n.id, a.message_id, n.campaign_slug, a.channel, a.at, a.outcome, a.provider_id,
       a.error
  FROM jsonb_to_recordset(%s::jsonb) AS a(message_id uuid, nudge_id uuid, channel text, at timestamptz, outcome text,
                                          provider_id text, error text)
  JOIN loyalty_nudges n ON n.id = a.nudge_id"""


def record(attempts: Sequence[hooks.Attempt]) -> None:
    """Write a row an attempt, the fallback to the next channel included. One statement."""
    rows = [attempt._asdict() | {"provider_id": attempt.provider_id[:255].replace("\x00", "")} for attempt in attempts]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [json.dumps(rows, cls=DjangoJSONEncoder)])
