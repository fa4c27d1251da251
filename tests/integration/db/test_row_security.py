"""Row-level security on every table that holds tenants' data, found by asking the database."""

import psycopg

TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND 0 = ANY (p.polroles)) AS for_public
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
"""

GRANTS = """
SELECT g.table_name, g.grantee FROM information_schema.role_table_grants g
JOIN pg_class c ON c.relname = g.table_name
WHERE c.relispartition AND g.grantee LIKE 'corebilling%' AND g.grantee <> 'corebilling_owner'
"""

UNINDEXED_KEYS = """
SELECT c.relname, a.attname FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE n.nspname = 'public' AND i.indisunique AND NOT c.relispartition AND a.attname <> 'tenant_id'
  AND EXISTS (SELECT 1 FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
"""


def test_every_table_with_a_tenant_has_forced_row_security_and_a_policy(owner_url: str) -> None:
    with psycopg.connect(owner_url) as conn:
        rows = conn.execute(TABLES).fetchall()
    assert len(rows) > 20
    for name, enabled, forced, is_partition, policies, for_public in rows:
        assert enabled, f"{name}: call corebilling_secure"
        assert forced, f"{name}: call corebilling_secure"
        assert not for_public, f"{name}: a policy for everybody"
        assert is_partition or policies >= 2, f"{name}: no policy"


def test_partitions_can_be_reached_through_their_parent_only(owner_url: str) -> None:
    with psycopg.connect(owner_url) as conn:
        assert conn.execute(GRANTS).fetchall() == []


def test_the_product_owns_nothing_and_bypasses_nothing(owner_url: str) -> None:
    with psycopg.connect(owner_url) as conn:
        owned = conn.execute(
            "SELECT c.relname, r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND r.rolname <> 'corebilling_owner'"
        ).fetchall()
        powerful = conn.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'corebilling%'"
            " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"
        ).fetchall()
    assert owned == []
    assert powerful == []


def test_keys_start_with_the_tenant(owner_url: str) -> None:
    """A key on an id alone would tell one tenant that another's id exists.

    The event tables are keyed by event ids, which no caller chooses, and credentials by their hash.
    """
    with psycopg.connect(owner_url) as conn:
        rows = conn.execute(UNINDEXED_KEYS).fetchall()
    by_event_or_hash = {(table, column) for table, column in rows if column in ("event_id", "key_hash", "consumer")}
    assert set(rows) == by_event_or_hash
