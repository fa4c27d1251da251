"""Cursors."""

from uuid import UUID

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.platform.http import after_id, page
from corebilling.platform.http.pagination import cursor_of

IDS = [UUID(int=number) for number in range(10, 0, -1)]


def same(item: UUID) -> UUID:
    return item


def test_a_page_continues_where_it_ended() -> None:
    first = page(IDS[:4], 3, key=same)
    assert first.data == IDS[:3]
    assert first.next_cursor is not None
    assert after_id(first.next_cursor) == IDS[2]


@pytest.mark.parametrize("count", [0, 2, 3])
def test_the_last_page_has_no_cursor(count: int) -> None:
    assert page(IDS[:count], 3, key=same).next_cursor is None


def test_no_cursor_is_the_first_page() -> None:
    assert after_id(None) is None


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "!" * 22, str(UUID(int=4)), cursor_of(IDS[0].bytes) + "AAAA"])
def test_a_cursor_we_did_not_hand_out_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        after_id(cursor)
    assert caught.value.code == "invalid_cursor"
