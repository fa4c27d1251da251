"""What a context gives the worker: a function that does the next chunk of a job, in a table by kind of job.

A chunk is one transaction, in which the worker also writes how far the job got: so a function keeps nothing between
chunks but the `position` it returned, and after a crash goes on from the last one that was committed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from corebilling.platform.db import Tx

S = TypeVar("S")


class Job(msgspec.Struct, frozen=True):
    """A job before its next chunk. `request` and `position` (None at first) are JSON, the second as the last chunk left it."""

    tenant_id: UUID
    job_id: UUID
    request: str
    position: str | None
    done: int
    total: int | None


class Chunk(msgspec.Struct, frozen=True):
    """How far a chunk got: `done` of `total` so far, where to go on, what was found.

    `items` are JSON documents, listed in this order. With a `result` (JSON) the job has succeeded. `wait`: how long the next
    chunk is put off, while other jobs get their turn; a job that keeps a pace of its own says so.
    """

    done: int
    total: int | None
    position: bytes | None = None
    items: Sequence[bytes] = ()
    result: bytes | None = None
    wait: timedelta = timedelta()


class Ending(msgspec.Struct, frozen=True):
    """A job that is over for good: what was asked for, and how far it got."""

    tenant_id: UUID
    job_id: UUID
    request: str
    done: int
    outcome: Literal["succeeded", "failed", "canceled"]
    at: datetime


Ended = Callable[[Tx, Ending], Awaitable[None]]
"""Called in the transaction that ends a job of the kind, whoever ends it: the worker, or the tenant that cancels it."""
Endings = Mapping[str, Ended]

Step = Callable[[S, Tx, Job], Awaitable[Chunk]]
JobTable = Mapping[str, Step[S]]


@dataclass(frozen=True, slots=True)
class JobHost(Generic[S]):
    """One context's kinds of job with the service that does them. A kind is stored with its jobs: never rename one."""

    service: S
    table: JobTable[S]
