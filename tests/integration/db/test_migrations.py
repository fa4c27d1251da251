"""How the schema gets to where it should be."""

import threading
from pathlib import Path

import psycopg
import pytest

from corebilling.platform.db.migrations import MigrationError, load, migrate

ONE = "CREATE TABLE one (id integer PRIMARY KEY);"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "tenant").mkdir()
    (tmp_path / "tenant" / "0101_one.expand.sql").write_text(ONE)
    (tmp_path / "tenant" / "0102_drop_one.contract.sql").write_text("DROP TABLE one;")
    return tmp_path


@pytest.fixture
def fresh(owner_url: str) -> str:
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS one, two")
        conn.execute("DELETE FROM schema_migrations WHERE context = 'tenant' AND number > 100")
    return owner_url


def test_expand_runs_at_once_and_contract_only_when_asked(fresh: str, files: Path) -> None:
    lines: list[str] = []
    assert [m.label for m in migrate(fresh, files, report=lines.append)] == ["tenant/0101_one.expand"]
    assert any("waits for --phase contract" in line for line in lines)
    assert migrate(fresh, files) == []
    assert [m.phase for m in migrate(fresh, files, phases=["contract"])] == ["contract"]


def test_an_applied_file_that_changed_is_refused(fresh: str, files: Path) -> None:
    migrate(fresh, files)
    (files / "tenant" / "0101_one.expand.sql").write_text(ONE + " -- changed")
    with pytest.raises(MigrationError, match="restore the file"):
        migrate(fresh, files)


def test_a_failing_file_leaves_nothing_behind_and_names_itself(fresh: str, files: Path) -> None:
    (files / "tenant" / "0103_two.expand.sql").write_text("CREATE TABLE two (id integer); SELECT 1 / 0;")
    with pytest.raises(MigrationError, match="0103_two"):
        migrate(fresh, files)
    with psycopg.connect(fresh) as conn:
        assert conn.execute("SELECT to_regclass('two')").fetchone() == (None,)


def test_many_migrate_jobs_at_once_do_the_work_once(fresh: str, files: Path) -> None:
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(len(migrate(fresh, files)))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 0, 0, 1]


def test_bad_names_numbers_and_services_are_refused(files: Path) -> None:
    with pytest.raises(MigrationError, match="unknown migration services"):
        load(files, ["nobody"])
    (files / "tenant" / "0101_again.expand.sql").write_text("")
    with pytest.raises(MigrationError, match="taken"):
        load(files)
    (files / "tenant" / "0101_again.expand.sql").rename(files / "tenant" / "2_x.sql")
    with pytest.raises(MigrationError, match="name it"):
        load(files)


def test_only_the_chosen_services_are_migrated(fresh: str, files: Path) -> None:
    assert migrate(fresh, files, contexts=["platform"]) == []
