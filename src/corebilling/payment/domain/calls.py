"""The states of calls to gateways and of their notices; drawn in the context's README, mirrored by CHECKs."""

from collections.abc import Mapping
from typing import Literal

CallState = Literal["due", "begun", "watched", "done"]

CALL_MOVES: Mapping[CallState, frozenset[CallState]] = {
    "due": frozenset({"begun", "watched", "done"}),
    "begun": frozenset({"due", "watched", "done"}),
    "watched": frozenset({"done"}),
    "done": frozenset(),
}
"""Only a `due` call is sent, and it is `begun` before it is. Only the gateway's word makes it `due` again."""

NoticeStatus = Literal["pending", "processed", "ignored", "failed"]

NOTICE_MOVES: Mapping[NoticeStatus, frozenset[NoticeStatus]] = {
    "pending": frozenset({"processed", "ignored", "failed"}),
    "processed": frozenset(),
    "ignored": frozenset(),
    "failed": frozenset(),
}
"""Each is worked out once; one that is about nothing known waits a while before it is ignored."""
