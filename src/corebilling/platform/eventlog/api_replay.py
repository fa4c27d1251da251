"""The route of replays; their progress is that of jobs."""

from corebilling.platform.db import Tx
from corebilling.platform.eventlog.replaying import Replay
from corebilling.platform.eventlog.schemas_replay import ReplayOut, ReplayRequest
from corebilling.platform.http import Edge, NamedDependency, Response, post


@post("/v1/events/replay", scope="billing:admin", summary="Replay events", status_code=202)
async def replay_events(
    data: ReplayRequest, edge: NamedDependency[Edge], replay: NamedDependency[Replay]
) -> Response[ReplayOut]:
    """A job sends the events again, at the pace asked for; `billing.replay.finished` tells of its end. Audited.

    Consumers that have taken an event before leave it alone. With `dry_run` the answer (200) is what would be sent to whom, and
    nothing happens.
    """

    async def act(tx: Tx) -> ReplayOut:
        if data.dry_run:
            return ReplayOut(plan=await replay.plan(tx, edge.tenant_id, data))
        await edge.note(tx)
        return ReplayOut(job=await replay.start(tx, edge.tenant_id, data, asked_by=edge.principal.subject))

    return await edge.command(act, status=200 if data.dry_run else 202)


ROUTES = (replay_events,)

EXAMPLES = {
    ReplayRequest: {
        "from": "2026-01-12T08:00:00Z",
        "to": "2026-01-12T10:00:00Z",
        "subjects": ["invoice.*"],
        "consumer": "payment",
        "reason": "payment learned to collect drafts too",
        "dry_run": True,
    }
}
