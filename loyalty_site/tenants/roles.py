"""Which database role may do what: the owner migrates, the runtime role serves, the read-only role reads.

Ordinary tables are open to the runtime role. An app protects a table of its own in `AppConfig.ready`:

    roles.protect("loyalty_ledger_entries")
    roles.protect("loyalty_members", insert=True, update=["tier_id", "is_active"])
    roles.allow_function("ledger_post(jsonb, timestamptz)")

`migrate` and `setup_roles` bring the database in line with what was declared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg import Connection, sql

SCHEMA = "public"


@dataclass(frozen=True)
class Protection:
    """What the runtime role may do to a protected table besides reading it."""

    table: str
    insert: bool | frozenset[str] = False
    update: frozenset[str] = frozenset()
    delete: bool = False


protected: dict[str, Protection] = {
    # What has been migrated is a fact that only a migration may write.
    "django_migrations": Protection("django_migrations"),
}
functions: set[str] = set()


def protect(
    table: str,
    *,
    insert: bool | Iterable[str] = False,
    update: Iterable[str] = (),
    delete: bool = False,
) -> None:
    """Let the runtime role only read `table`, insert rows if so said, and update the named columns.

    `insert` may name columns too; then PostgreSQL refuses an INSERT that lists any other. Rows can be locked with
    SELECT ... FOR NO KEY UPDATE where at least one column may be updated.
    """
    protected[table] = Protection(
        table,
        insert=insert if isinstance(insert, bool) else frozenset(insert),
        update=frozenset(update),
        delete=delete,
    )


def allow_function(signature: str) -> None:
    """Let the runtime role execute the function, given as PostgreSQL writes it: `name(type, type)`.

    The functions of the owner are open to nobody else unless they are named here; trigger functions need not be.
    """
    functions.add(signature)


def withdraw(name: str) -> None:
    """Take back what was declared of a table or function: for tests that bring their own."""
    protected.pop(name, None)
    functions.discard(name)


# --- Who they are ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Login:
    """A role that may log in; without a password where the server trusts its socket."""

    role: str
    password: str = ""

    @classmethod
    def of(cls, url: str) -> "Login":
        """The login that a database URL names."""
        parts = urlsplit(url)
        return cls(unquote(parts.username or ""), unquote(parts.password or ""))


@dataclass(frozen=True)
class Roles:
    """The three roles of one installation. `readonly` is empty where nobody asked for it."""

    owner: str
    runtime: str
    readonly: str = ""

    @property
    def are_apart(self) -> bool:
        """Whether PostgreSQL can tell the migrating role from the serving one."""
        return bool(self.owner) and self.owner != self.runtime


def configured() -> Roles:
    """The roles that settings name; without DATABASE_OWNER_URL one role does everything."""
    from django.conf import settings
    from django.db import connections

    runtime = str(connections["default"].settings_dict["USER"])
    owner = Login.of(settings.DATABASE_OWNER_URL).role if settings.DATABASE_OWNER_URL else runtime
    return Roles(owner=owner, runtime=runtime, readonly=settings.DATABASE_READONLY_ROLE)


def owner_settings(url: str) -> dict[str, Any]:
    """The parts of the owner's address as Django names them."""
    import environ

    return dict(environ.Env.db_url_config(url))


def create(connection: Connection[Any], logins: Sequence[Login]) -> list[str]:
    """Make the roles that are missing, with LOGIN and nothing else; return their names.

    A role that exists keeps its password and its rights.
    """
    made = []
    for login in logins:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login.role]).fetchone():
            continue
        statement = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login.role))
        if login.password:
            statement += sql.SQL(" PASSWORD {}").format(sql.Literal(login.password))
        connection.execute(statement)
        made.append(login.role)
    return made


# --- What they may --------------------------------------------------------------------------------------------
@dataclass(frozen=True, order=True)
class Grant:
    """One right of one role on one thing; `column` is empty for the whole of it."""

    role: str  # "" stands for PUBLIC
    kind: str  # TABLE, SEQUENCE, FUNCTION, SCHEMA
    name: str
    right: str
    column: str = ""

    def statement(self, verb: str) -> sql.Composed:
        """The GRANT or REVOKE of it."""
        right = sql.SQL("{}").format(sql.SQL(self.right))
        if self.column:
            right += sql.SQL(" ({})").format(sql.Identifier(self.column))
        thing: sql.Composable = sql.SQL(self.name) if self.kind == "FUNCTION" else sql.Identifier(self.name)
        if self.kind in ("TABLE", "SEQUENCE"):
            thing = sql.Identifier(SCHEMA, self.name)
        return sql.SQL("{verb} {right} ON {kind} {thing} {to} {role}").format(
            verb=sql.SQL(verb),
            right=right,
            kind=sql.SQL(self.kind),
            thing=thing,
            to=sql.SQL("TO" if verb == "GRANT" else "FROM"),
            role=sql.Identifier(self.role) if self.role else sql.SQL("PUBLIC"),
        )

    def __str__(self) -> str:
        column = f" ({self.column})" if self.column else ""
        return f"{self.right}{column} on {self.kind.lower()} {self.name} for {self.role or 'everybody'}"


@dataclass(frozen=True)
class Difference:
    """What the database grants too little and too much."""

    missing: list[Grant]
    surplus: list[Grant]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus)


def difference(connection: Connection[Any], roles: Roles) -> Difference:
    """Compare the rights in the database with those declared. Reads catalogues only; any role may ask."""
    wanted, present = _wanted(connection, roles), _present(connection, roles)
    return Difference(missing=sorted(wanted - present), surplus=sorted(present - wanted))


def apply(connection: Connection[Any], roles: Roles) -> Difference:
    """Grant what is missing and revoke what is too much, in one transaction; return what was changed.

    Only differences are touched, so a serving process never sees a right come and go.
    """
    with connection.transaction():
        # Two deploys at once: catalogue rows cannot be updated by both.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('regulars: grants'))")
        surplus = difference(connection, roles).surplus
        for grant in surplus:
            connection.execute(grant.statement("REVOKE"))
        # Looked at again: revoking a right on a table takes the same right on its columns along.
        missing = difference(connection, roles).missing
        for grant in missing:
            connection.execute(grant.statement("GRANT"))
        _set_defaults(connection, roles)
    return Difference(missing=missing, surplus=surplus)


def _set_defaults(connection: Connection[Any], roles: Roles) -> None:
    """What the owner makes later is readable at once, and executable by nobody until it is declared.

    Between a migration that makes a table and the grants at the end of `migrate`, the old code still serves and does
    not know the table; writing waits for the declaration, which may protect it.
    """
    for_owner = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} ").format(sql.Identifier(roles.owner))
    # Without IN SCHEMA: PUBLIC's right to execute is global and can be taken back only globally.
    connection.execute(for_owner + sql.SQL("REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"))
    for role in filter(None, {roles.runtime, roles.readonly} - {roles.owner}):
        connection.execute(
            for_owner
            + sql.SQL("IN SCHEMA {} GRANT SELECT ON TABLES TO {}").format(sql.Identifier(SCHEMA), sql.Identifier(role))
        )


_TABLES = """
    SELECT relname, relkind = 'S' FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (
          SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
      )
"""


def _wanted(connection: Connection[Any], roles: Roles) -> set[Grant]:
    wanted = set()
    for role in filter(None, (roles.runtime, roles.readonly)):
        wanted.add(Grant(role, "SCHEMA", SCHEMA, "USAGE"))
    for name, is_sequence in connection.execute(_TABLES, [SCHEMA]).fetchall():
        if is_sequence:
            wanted |= {Grant(roles.runtime, "SEQUENCE", name, right) for right in ("SELECT", "USAGE")}
            continue
        wanted.add(Grant(roles.runtime, "TABLE", name, "SELECT"))
        if roles.readonly:
            wanted.add(Grant(roles.readonly, "TABLE", name, "SELECT"))
        rule = protected.get(name, Protection(name, insert=True, delete=True))
        if rule.insert is True:
            wanted.add(Grant(roles.runtime, "TABLE", name, "INSERT"))
        elif rule.insert:
            wanted |= {Grant(roles.runtime, "TABLE", name, "INSERT", column) for column in rule.insert}
        if rule.delete:
            wanted.add(Grant(roles.runtime, "TABLE", name, "DELETE"))
        if name not in protected:
            wanted.add(Grant(roles.runtime, "TABLE", name, "UPDATE"))
        wanted |= {Grant(roles.runtime, "TABLE", name, "UPDATE", column) for column in rule.update}
    for signature in functions:
        # A function of a migration that has not run yet is granted when it has.
        found = connection.execute("SELECT to_regprocedure(%s)::oid::regprocedure::text", [signature]).fetchone()
        if found and found[0]:
            wanted.add(Grant(roles.runtime, "FUNCTION", found[0], "EXECUTE"))
    return wanted


_PRESENT = """
    WITH rights AS (
        SELECT CASE WHEN relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, relname::text AS name,
               '' AS column_name, acl.grantee, acl.privilege_type
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      UNION ALL
        SELECT 'TABLE', relname, attname, acl.grantee, acl.privilege_type
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) AS acl
        WHERE relnamespace = %(schema)s::regnamespace
      UNION ALL
        SELECT 'FUNCTION', pg_proc.oid::regprocedure::text, '', acl.grantee, acl.privilege_type
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pronamespace = %(schema)s::regnamespace AND pg_get_userbyid(proowner) = %(owner)s
      UNION ALL
        SELECT 'SCHEMA', nspname, '', acl.grantee, acl.privilege_type
        FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
        WHERE oid = %(schema)s::regnamespace
    )
    SELECT coalesce(rolname, ''), kind, name, privilege_type, column_name
    FROM rights LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE (grantee = 0 OR rolname = ANY(%(roles)s))
      -- That everybody may look into the schema is PostgreSQL's default and harms nobody.
      AND NOT (grantee = 0 AND kind = 'SCHEMA' AND privilege_type = 'USAGE')
"""


def _present(connection: Connection[Any], roles: Roles) -> set[Grant]:
    others = [role for role in (roles.runtime, roles.readonly) if role]
    rows = connection.execute(_PRESENT, {"schema": SCHEMA, "owner": roles.owner, "roles": others})
    return {Grant(*row) for row in rows}


def take_over(connection: Connection[Any], owner: str) -> list[str]:
    """Give the owner every table, sequence, view and function of the schema that belongs to another; name them.

    For an installation that began with one role for all. The connection's role must be a superuser, or a member of
    both the old owner and the new one.
    """
    moved = []
    rows = connection.execute(
        """
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
               ELSE 'TABLE' END, oid::regclass::text
        FROM pg_class
        WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
          AND pg_get_userbyid(relowner) <> %(owner)s
          -- A sequence of a column follows its table; an extension's objects stay the extension's.
          AND NOT EXISTS (
              SELECT FROM pg_depend
              WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('a', 'i', 'e')
          )
        UNION ALL
        SELECT 'ROUTINE', oid::regprocedure::text
        FROM pg_proc
        WHERE pronamespace = %(schema)s::regnamespace AND pg_get_userbyid(proowner) <> %(owner)s
          AND NOT EXISTS (
              SELECT FROM pg_depend
              WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
          )
        """,
        {"schema": SCHEMA, "owner": owner},
    ).fetchall()
    for kind, name in rows:
        connection.execute(
            sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(name), sql.Identifier(owner))
        )
        moved.append(f"{kind.lower()} {name}")
    return moved


# --- What is lost ---------------------------------------------------------------------------------------------
def weaknesses(connection: Connection[Any]) -> list[str]:
    """Why PostgreSQL could not refuse this connection's role a write past the ledger; empty where it can."""
    [(role, is_superuser)] = connection.execute(
        "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchall()
    if is_superuser:
        return [f"{role} is a superuser, whom PostgreSQL refuses nothing"]
    found = []
    for rule in sorted(protected.values(), key=lambda rule: rule.table):
        rights = [
            right
            for right, is_allowed in (
                ("INSERT", bool(rule.insert)),
                ("UPDATE", False),
                ("DELETE", rule.delete),
                ("TRUNCATE", False),
            )
            if not is_allowed
        ]
        row = connection.execute(
            """
            SELECT pg_has_role(relowner, 'MEMBER'),
                   ARRAY(SELECT right_ FROM unnest(%(rights)s::text[]) AS right_
                         WHERE has_table_privilege(pg_class.oid, right_))
            FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relname = %(table)s
            """,
            {"rights": rights, "schema": SCHEMA, "table": rule.table},
        ).fetchone()
        if row is None:
            continue
        is_owner, excess = row
        if is_owner:
            found.append(f"{role} owns the table {rule.table}")
        elif excess:
            found.append(f"{role} may {', '.join(excess)} on {rule.table}")
    return found


WHAT_IS_LOST = (
    "PostgreSQL cannot refuse an entry, a balance or a hold that is written past the ledger. Give the tables to a "
    "role of their own (DATABASE_OWNER_URL), then run `manage.py setup_roles` and `manage.py migrate`; "
    "docs/decisions/database-roles.md says how."
)
