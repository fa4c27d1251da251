"""A server that speaks S3, with a bucket for documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

from corebilling.platform.storage import ObjectStore


@dataclass(frozen=True)
class Bucket:
    """A bucket of a server of our own."""

    endpoint: str
    name: str = "documents"

    def store(self, **settings: str) -> ObjectStore:
        """The bucket as a process of production opens it."""
        given = {"region": "eu-west-1", "endpoint": self.endpoint, "access_key_id": "k", "secret_access_key": "s"}
        return ObjectStore(f"s3://{self.name}/live", **given | settings)

    def kept(self) -> list[str]:
        """What is kept in it."""
        return [found["Key"] for found in _client(self.endpoint).list_objects_v2(Bucket=self.name).get("Contents", [])]


@contextmanager
def running_bucket() -> Iterator[Bucket]:
    """The bucket while it is there."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    try:
        place = {"LocationConstraint": "eu-west-1"}
        # Servers of one process share what they hold, so each bucket has a name of its own.
        found = Bucket(endpoint, f"documents-{uuid4().hex}")
        _client(endpoint).create_bucket(Bucket=found.name, CreateBucketConfiguration=place)
        yield found
    finally:
        server.stop()


def _client(endpoint: str):  # type: ignore[no-untyped-def] # boto3 makes its clients as it goes
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
