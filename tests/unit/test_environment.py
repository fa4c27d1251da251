"""The environment: what contradicts itself is told at start, everything at once."""

from datetime import timedelta

import pytest

from corebilling.settings import Settings, SettingsError, load_settings

SOUND = {"DATABASE_URL": "postgresql://db/corebilling", "ENCRYPTION_KEYS": "key"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EVENT_BUS": "pigeon"}, "EVENT_BUS"),
        ({"EVENT_BUS": "kafka"}, "KAFKA_BROKERS"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "me"}, "KAFKA_SASL_PASSWORD"),
        ({"DATABASE_URL": "postgresql://me:s3@cret@db/corebilling"}, "DATABASE_URL: set it"),
        ({"DATABASE_DIRECT_URL": "postgresql://me:s3/cret@db/corebilling"}, "DATABASE_DIRECT_URL: set it"),
        ({"KAFKA_TLS_CERT": "cert.pem"}, "KAFKA_TLS_KEY"),
        ({"KAFKA_TOPIC": "billing events"}, "KAFKA_TOPIC"),
        ({"NATS_TLS_KEY": "key.pem"}, "NATS_TLS_CERT"),
        ({"NATS_REPLICAS": "7"}, "NATS_REPLICAS"),
        ({"INBOX_RETENTION_DAYS": "13"}, "INBOX_RETENTION_DAYS"),
        ({"ROUTER_MESSAGES_IN_FLIGHT": "499"}, "ROUTER_MESSAGES_IN_FLIGHT"),
        ({"WEBHOOK_RETRY_SCHEDULE": "5s,soon"}, "'soon'"),
        ({"WEBHOOK_RETRY_SCHEDULE": "5s,0m"}, "'0m'"),
        ({"WEBHOOK_RETRY_SCHEDULE": "8d"}, "'8d'"),
    ],
)
def test_a_contradiction_is_told_with_what_to_mend(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(SOUND | environment)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3%40cret@db:5432/corebilling",
        "postgresql://db-1:5432,db-2:5432/corebilling?target_session_attrs=read-write",
        "postgres:///corebilling?host=/run/postgresql",
    ],
)
def test_a_database_is_named_in_any_form_that_libpq_takes(url: str) -> None:
    assert load_settings(SOUND | {"DATABASE_URL": url}).database_url == url


def test_all_that_needs_mending_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"EVENT_BUS": "kafka", "NATS_TLS_CERT": "cert.pem"})
    for name in ("DATABASE_URL", "ENCRYPTION_KEYS", "KAFKA_BROKERS", "NATS_TLS_KEY"):
        assert name in str(raised.value)


def test_migrate_needs_no_bus() -> None:
    assert load_settings(SOUND | {"EVENT_BUS": "kafka"}, role="migrate").event_bus == "kafka"


def test_a_retry_schedule_reads_as_written() -> None:
    schedule = load_settings(SOUND | {"WEBHOOK_RETRY_SCHEDULE": "5s, 5m,30m,2h,1d"}).retry_schedule
    assert schedule == tuple(timedelta(seconds=n) for n in (5, 300, 1800, 7200, 86400))
    assert Settings().retry_schedule == ()


def test_the_inbox_remembers_as_long_as_the_bus_may_bring_an_event_again_unless_told_otherwise() -> None:
    assert load_settings(SOUND | {"EVENT_RETENTION_DAYS": "30"}).inbox_days == 61
    assert load_settings(SOUND | {"INBOX_RETENTION_DAYS": "90"}).inbox_days == 90
