"""The bound: what PostgreSQL itself does, asked by pgbench, for the least that one movement of value is.

BEGIN, UPDATE member .. RETURNING, INSERT entry, COMMIT: prepared, in the same database, to the same disk, with as many
clients as the project's side has processes.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.bench import ground

MEMBERS = 10_000

_TABLES = f"""
CREATE TABLE bound_members (
    id uuid PRIMARY KEY, merchant_id uuid NOT NULL, points_balance bigint NOT NULL, last_number integer NOT NULL,
    last_activity_at timestamptz NOT NULL
);
CREATE TABLE bound_entries (
    id uuid PRIMARY KEY, merchant_id uuid NOT NULL, member_id uuid NOT NULL REFERENCES bound_members,
    type text NOT NULL, points_delta bigint NOT NULL, points_balance_after bigint NOT NULL, key text NOT NULL,
    metadata jsonb NOT NULL, occurred_at timestamptz NOT NULL
);
CREATE INDEX ON bound_entries (member_id, occurred_at);
CREATE UNIQUE INDEX ON bound_entries (merchant_id, key);
INSERT INTO bound_members
SELECT lpad(number::text, 32, '0')::uuid, gen_random_uuid(), 0, 0, now() FROM generate_series(1, {MEMBERS}) AS number;
GRANT SELECT, INSERT, UPDATE ON bound_members, bound_entries TO {{role}};
ANALYZE bound_members;
"""

_MOVE = f"""
\\set member random(1, {MEMBERS})
\\set points random(1, 100)
BEGIN;
UPDATE bound_members SET points_balance = points_balance + :points, last_number = last_number + 1,
    last_activity_at = now()
  WHERE id = lpad(:member::text, 32, '0')::uuid
  RETURNING points_balance, merchant_id AS merchant \\gset
INSERT INTO bound_entries (
    id, merchant_id, member_id, type, points_delta, points_balance_after, key, metadata, occurred_at
) VALUES (
    gen_random_uuid(), :merchant, lpad(:member::text, 32, '0')::uuid, 'earn', :points, :points_balance,
    gen_random_uuid()::text, '{{"rate": "10", "amount": "4.50", "currency": "EUR", "multiplier": "1"}}', now()
);
COMMIT;
"""


class Bound:
    """The bound's tables in one database, and the runs over them."""

    def __init__(self, database: str) -> None:
        self.home = ground.home()
        self.database = database
        with psycopg.connect(self.home.url(self.home.owner, database), autocommit=True) as owner:
            owner.execute(_TABLES.format(role=self.home.runtime).encode())
        file = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)  # noqa: SIM115 (pgbench opens it too)
        with file:
            file.write(_MOVE)
        self.script = Path(file.name)

    def run(self, *, clients: int, seconds: float) -> float:
        """Movements a second."""
        done = subprocess.run(
            [
                str(ground.tool("pgbench")),
                "--no-vacuum",
                "--protocol=prepared",
                f"--client={clients}",
                f"--jobs={min(clients, 2)}",
                f"--time={round(seconds)}",
                f"--file={self.script}",
                self.home.url(self.home.runtime, self.database),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        if done.returncode or found is None:
            raise SystemExit(f"pgbench failed.\n{done.stdout}{done.stderr}")
        return float(found.group(1))

    def close(self) -> None:
        self.script.unlink()
