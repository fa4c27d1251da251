from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from buckets import Bucket, running_bucket
from corebilling.kernel.errors import Unavailable
from corebilling.kernel.ids import new_id
from corebilling.platform.storage import ObjectStore, tenant_key


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with running_bucket() as found:
        yield found


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return ObjectStore((tmp_path / "made if need be" / "documents").as_uri())
    found: Bucket = request.getfixturevalue("bucket")
    return found.store()


async def test_what_is_put_is_there_and_nothing_else(store: ObjectStore) -> None:
    key, other = (tenant_key(new_id(), "invoices", "1.pdf") for _ in range(2))
    assert await store.get(key) is None
    assert not await store.exists(key)
    for content in (b"%PDF-1", b"%PDF-2" * 100_000):
        await store.put(key, content, media_type="application/pdf", name="1.pdf")
        assert await store.get(key) == content
    assert await store.exists(key)
    assert await store.get(other) is None


async def test_a_signed_url_hands_out_one_file_under_its_name(bucket: Bucket) -> None:
    store, key = bucket.store(), tenant_key(new_id(), "invoices", "1.pdf")
    assert store.signs
    await store.put(key, b"%PDF-1", media_type="application/pdf", name="invoice-1.pdf")
    url = await store.sign(key, timedelta(minutes=5))
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1", "application/pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="invoice-1.pdf"'
    assert "X-Amz-Expires=300" in url


def test_a_directory_does_not_sign(tmp_path: Path) -> None:
    assert not ObjectStore(tmp_path.as_uri()).signs


async def test_a_store_that_does_not_answer_is_unavailable(bucket: Bucket) -> None:
    unreachable = bucket.store(endpoint="http://127.0.0.1:9")
    for work in (
        unreachable.get("tenants/x"),
        unreachable.exists("tenants/x"),
        unreachable.put("tenants/x", b"", media_type="text/plain", name="x"),
    ):
        with pytest.raises(Unavailable) as refused:
            await work
        assert refused.value.code == "object_store_unavailable"


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "../other"])
def test_no_key_leads_out_of_the_tenants_prefix(part: str) -> None:
    with pytest.raises(AssertionError):
        tenant_key(new_id(), "invoices", part)


@pytest.mark.parametrize("url", ["", "/var/lib", "ftp://host/x"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="object store"):
        ObjectStore(url)
