"""What a context gives the worker: a function that does the next chunk of a job, in a table by kind of job.

A chunk is one transaction, in which the worker also writes how far the job got: so a function keeps nothing between
chunks but the `position` it returned, and after a crash goes on from the last one that was committed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
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

    `items` are JSON documents, listed in this order. With a `result` (JSON) the job has succeeded.
    """

    done: int
    total: int | None
    position: bytes | None = None
    items: Sequence[bytes] = ()
    result: bytes | None = None


Step = Callable[[S, Tx, Job], Awaitable[Chunk]]
JobTable = Mapping[str, Step[S]]


@dataclass(frozen=True, slots=True)
class JobHost(Generic[S]):
    """One context's kinds of job with the service that does them. A kind is stored with its jobs: never rename one."""

    service: S
    table: JobTable[S]
