import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.countries import COUNTRIES, require_country
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.tenant.domain import api_key, states

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_suspended_tenant_can_be_taken_up_again_and_nothing_else_moves() -> None:
    states.require_move("active", "suspended")
    states.require_move("suspended", "active")
    with pytest.raises(Conflict, match="can't become"):
        states.require_move("active", "deleted")


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["live", "test", "platform"]))
def test_a_key_shows_its_kind_and_hides_its_secret(entropy: bytes, kind: api_key.KeyKind) -> None:
    key = api_key.mint(kind, entropy)
    assert re.fullmatch(rf"cbk_{kind}_[A-Za-z0-9_-]{{43}}", key.secret)
    assert api_key.looks_like_key(key.secret)
    assert key.key_hash == api_key.hash_of(key.secret)
    assert len(key.prefix) + len(key.last_four) <= len(f"cbk_{kind}_") + 8
    assert key.secret.startswith(key.prefix)
    assert key.secret.endswith(key.last_four)


def test_a_key_is_never_made_of_less_than_32_random_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        api_key.mint("live", b"short")


@pytest.mark.parametrize("text", ["", "Bearer x", "cbk_" + "x" * 10_000, "cbk_live_ä"])
def test_what_is_no_key_is_not_looked_up(text: str) -> None:
    assert not api_key.looks_like_key(text)


def test_a_key_ends_at_the_instant_of_its_expiry_or_revocation() -> None:
    assert api_key.holds(None, None, NOW)
    assert api_key.holds(NOW + timedelta(microseconds=1), None, NOW)
    assert not api_key.holds(NOW, None, NOW)
    assert not api_key.holds(None, NOW - timedelta(days=1), NOW)


def test_scopes_come_out_once_and_sorted() -> None:
    found = api_key.checked_scopes(["usage:write", "billing:read", "usage:write"], api_key.TENANT_SCOPES)
    assert found == ["billing:read", "usage:write"]


@pytest.mark.parametrize("scope", ["platform.admin", "billing:everything", ""])
def test_a_tenants_key_administers_no_installation_and_has_no_unknown_scope(scope: str) -> None:
    with pytest.raises(Invalid) as caught:
        api_key.checked_scopes(["billing:read", scope], api_key.TENANT_SCOPES)
    assert [field.pointer for field in caught.value.fields] == ["/scopes/1"]


def test_a_key_without_scopes_is_refused() -> None:
    with pytest.raises(Invalid, match="needs a scope"):
        api_key.checked_scopes([], api_key.ALL_SCOPES)


def test_countries_are_those_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    require_country("FR")
    for wrong in ("UK", "fr", "XX", ""):
        with pytest.raises(Invalid, match="ISO 3166"):
            require_country(wrong)
