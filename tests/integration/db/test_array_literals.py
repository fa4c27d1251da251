"""Lists reach the database as they are."""

from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.errors import Invalid
from corebilling.platform.db import Database
from corebilling.platform.db.arrays import array_literal

AWKWARD = ["", " ", "NULL", 'a"b', "a\\b", "\\", '"', "{a,b}", "a,b", "é\n\t", '\\"', "𝄞"]


async def test_awkward_texts_survive_with_and_without_nulls(db: Database) -> None:
    async with db.tenant(uuid4()) as tx:
        for values in (AWKWARD, [None, *AWKWARD, None], [None]):
            cursor = await tx.conn.execute("SELECT v FROM unnest(%s::text[]) AS v", (values,))
            assert [row[0] for row in await cursor.fetchall()] == values


async def test_other_types_survive(db: Database) -> None:
    ids = [uuid4(), None, uuid4()]
    numbers = [Decimal("1E+3"), Decimal("0.000000000001")]
    documents = [b'{"a": "\\u0000 \\" \\\\"}', b"[]"]
    async with db.tenant(uuid4()) as tx:
        cursor = await tx.conn.execute("SELECT v FROM unnest(%s::uuid[]) AS v", (ids,))
        assert [row[0] for row in await cursor.fetchall()] == ids
        cursor = await tx.conn.execute("SELECT v FROM unnest(%s::numeric[]) AS v", (numbers,))
        assert [row[0] for row in await cursor.fetchall()] == numbers
        cursor = await tx.conn.execute("SELECT v::text FROM unnest(%s::json[]) AS v", (documents,))
        assert [row[0].encode() for row in await cursor.fetchall()] == documents


@given(st.lists(st.text(), min_size=1), st.integers(0))
def test_a_nul_is_refused_wherever_it_stands(texts: list[str], place: int) -> None:
    place %= len(texts)
    texts[place] += "\x00"
    with pytest.raises(Invalid):
        array_literal(texts)
