"""Database roles: who may write what, and who says so."""

import json

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from loyalty_site.tenants import roles
from tests import server

# The value tables are in the hands of `loyalty`; these tests declare tables of their own.
TABLES = """
    CREATE TABLE open_things (id int);
    CREATE TABLE kept_things (id int, note text, worth int DEFAULT 0);
    CREATE FUNCTION move_worth(int) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
        AS 'UPDATE kept_things SET worth = worth + $1';
    CREATE FUNCTION secret_thing() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


@pytest.fixture
def declared():
    """Declarations of this test alone."""
    roles.protect("kept_things", insert=True, update=["note"])
    roles.allow_function("move_worth(int)")
    yield
    for name in ("kept_things", "open_things", "move_worth(int)"):
        roles.withdraw(name)


@pytest.fixture
def things(own_database, owner_connection, declared):
    """The tables, with every right as declared; the runtime role's connection."""
    owner_connection.execute(TABLES)
    roles.apply(owner_connection, roles.configured())
    with own_database.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO open_things VALUES (1)",
        "UPDATE open_things SET id = 2",
        "DELETE FROM open_things",
        "SELECT * FROM kept_things",
        "INSERT INTO kept_things (id, note) VALUES (1, 'new')",
        "UPDATE kept_things SET note = 'changed'",
        "SELECT * FROM kept_things FOR NO KEY UPDATE",
        "SELECT move_worth(5)",
        "SELECT * FROM django_migrations",
    ],
)
def test_the_runtime_role_may(things, statement):
    things.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kept_things SET worth = 1000000",
        "DELETE FROM kept_things",
        "TRUNCATE kept_things",
        "TRUNCATE open_things",
        "SELECT secret_thing()",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE open_things ADD COLUMN more int",
        "DELETE FROM django_migrations",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())",
    ],
)
def test_the_runtime_role_may_not(things, statement):
    with pytest.raises(InsufficientPrivilege):
        things.execute(statement)


def test_the_read_only_role_reads_and_nothing_else(things, own_database):
    with psycopg.connect(own_database.readonly_url, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM kept_things").fetchone() == (0,)
        for statement in (
            "INSERT INTO open_things VALUES (1)",
            "UPDATE open_things SET id = 1",
            "SELECT move_worth(1)",
        ):
            with pytest.raises(InsufficientPrivilege):
                reader.execute(statement)


def test_setting_rights_twice_changes_nothing(things, owner_connection):
    assert not roles.apply(owner_connection, roles.configured())


def test_a_withdrawn_right_is_revoked_and_others_stay(things, owner_connection):
    roles.protect("open_things", insert=["id"])

    change = roles.apply(owner_connection, roles.configured())

    revoked = {grant.right for grant in change.surplus}
    assert revoked == {"INSERT", "UPDATE", "DELETE"}
    things.execute("INSERT INTO open_things (id) VALUES (1)")
    with pytest.raises(InsufficientPrivilege):
        things.execute("DELETE FROM open_things")


def test_columns_keep_their_right_when_the_tables_is_revoked(things, owner_connection):
    runtime = roles.configured().runtime
    owner_connection.execute(sql.SQL("GRANT UPDATE ON kept_things TO {}").format(sql.Identifier(runtime)))

    roles.apply(owner_connection, roles.configured())

    things.execute("UPDATE kept_things SET note = 'still'")
    with pytest.raises(InsufficientPrivilege):
        things.execute("UPDATE kept_things SET worth = 1")


def test_a_new_table_is_readable_at_once_and_closed_until_declared(things, owner_connection):
    owner_connection.execute("CREATE TABLE later_things (id int)")
    owner_connection.execute("CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'")

    things.execute("SELECT * FROM later_things")
    for statement in ("INSERT INTO later_things VALUES (1)", "SELECT later()"):
        with pytest.raises(InsufficientPrivilege):
            things.execute(statement)


def test_every_definer_function_fixes_its_search_path(own_database, owner_connection):
    """Else a caller's temporary table could stand in for a table of the ledger."""
    open_to_tricks = owner_connection.execute(
        """
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prosecdef
          AND NOT EXISTS (
              SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%pg_temp'
          )
        """
    ).fetchall()
    assert open_to_tricks == []


# --- The commands ---------------------------------------------------------------------------------------------
def test_migrate_sets_the_rights_of_all_roles(own_database, owner_connection, manage_apart):
    runtime = sql.Identifier(roles.configured().runtime)
    owner_connection.execute(sql.SQL("REVOKE ALL ON merchants FROM {}").format(runtime))

    done = manage_apart("migrate")

    assert done.returncode == 0, done.stderr
    assert "Rights: 4 granted, 0 revoked." in done.stdout
    own_database.connect().execute("SELECT * FROM merchants")


def test_migrate_looking_only_sets_nothing(own_database, owner_connection, manage_apart):
    runtime = sql.Identifier(roles.configured().runtime)
    owner_connection.execute(sql.SQL("REVOKE ALL ON merchants FROM {}").format(runtime))

    assert manage_apart("migrate", "--plan").returncode == 0
    assert manage_apart("migrate", "--check").returncode == 0

    with pytest.raises(InsufficientPrivilege):
        own_database.connect().execute("SELECT * FROM merchants")


def test_setup_roles_may_be_run_at_any_time(own_database, manage_apart):
    done = manage_apart("setup_roles", "--format", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"made": [], "moved": [], "granted": [], "revoked": []}


@pytest.fixture
def newcomer():
    """The name of a role that does not exist yet, gone after the test: ask for it before the database."""
    name = f"{server.current().prefix}_newcomer"
    yield name
    with server.current().admin() as admin:
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def test_setup_roles_makes_what_is_missing(newcomer, own_database, manage_apart):
    home = server.current()
    address = home.url(newcomer, own_database.name)
    admin_url = _named(home.admin_url, own_database.name)

    done = manage_apart("setup_roles", "--admin-url", admin_url, "--format", "json", DATABASE_URL=address)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] == [newcomer]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT * FROM merchants")
        assert roles.weaknesses(connection) == []


def test_setup_roles_without_the_right_to_make_roles_is_refused(newcomer, own_database, manage_apart):
    done = manage_apart("setup_roles", DATABASE_URL=server.current().url(newcomer, own_database.name))

    assert done.returncode == 2
    assert "--admin-url" in done.stderr


def test_setup_roles_gives_the_tables_to_the_owner(own_database, manage_apart):
    """An installation that began with one role for all moves to three."""
    home = server.current()
    admin_url = _named(home.admin_url, own_database.name)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        before = _owners(admin)
        _give_away(admin, home.runtime)
        assert _owners(admin) == {home.runtime}

        done = manage_apart("setup_roles", "--admin-url", admin_url)

        assert done.returncode == 0, done.stderr
        assert _owners(admin) == before
    with own_database.connect() as connection:
        assert roles.weaknesses(connection) == []


@pytest.mark.parametrize("missing", ["", "same"])
def test_setup_roles_wants_two_roles(own_database, manage_apart, missing):
    done = manage_apart("setup_roles", DATABASE_OWNER_URL=own_database.url if missing else "")

    assert done.returncode == 2
    assert "DATABASE_OWNER_URL" in done.stderr


def test_the_check_says_what_one_role_for_all_loses(own_database, manage_apart):
    apart = manage_apart("check", "--database", "default")
    together = manage_apart("check", "--database", "default", DATABASE_URL=own_database.owner_url)

    assert "W001" not in apart.stderr
    assert "loyalty_site.W001" in together.stderr
    assert "owns the table django_migrations" in together.stderr


def test_the_check_finds_an_owner_of_another_database(own_database, manage_apart):
    home = server.current()

    done = manage_apart("check", "--database", "default", DATABASE_OWNER_URL=home.url(home.owner, "elsewhere"))

    assert done.returncode == 1
    assert "loyalty_site.E001" in done.stderr


def test_a_superuser_is_named_as_the_weakness(own_database, owner_connection):
    [(is_superuser,)] = owner_connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchall()
    assert not is_superuser
    with psycopg.connect(_named(server.current().admin_url, own_database.name)) as admin:
        found = roles.weaknesses(admin)
    assert found


def _named(url: str, database: str) -> str:
    """The same login to another database."""
    from urllib.parse import urlsplit, urlunsplit

    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _owners(admin: "psycopg.Connection[tuple[str]]") -> set[str]:
    rows = admin.execute(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')"
    )
    return {row[0] for row in rows}


def _give_away(admin: "psycopg.Connection[tuple[str]]", role: str) -> None:
    rows = admin.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    ).fetchall()
    for (table,) in rows:
        admin.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.SQL(table), sql.Identifier(role)))
