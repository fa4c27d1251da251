"""The metrics of all roles on one page, for `corebilling dev`, where a script should need one address only."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from corebilling.platform.embedded.processes import LOOPBACK, free_port


def _line(sample: Sample, role: str) -> str:
    labels = {"role": role, **sample.labels}
    shown = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"{sample.name}{{{shown}}} {sample.value}"


def merged(pages: Mapping[str, str]) -> str:
    """Several metrics pages as one, each sample with the label `role`."""
    families: dict[str, tuple[str, str, list[str]]] = {}
    for role, page in pages.items():
        for family in text_string_to_metric_families(page):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            _, _, lines = families.setdefault(name, (family.type, family.documentation, []))
            lines.extend(_line(sample, role) for sample in family.samples)
    parts = []
    for name, (kind, documentation, lines) in families.items():
        parts += [f"# HELP {name} {documentation}", f"# TYPE {name} {kind}", *lines]
    return "\n".join(parts) + "\n"


@asynccontextmanager
async def merged_metrics(urls: Mapping[str, str]) -> AsyncIterator[str]:
    """Serve the merged page for as long as the block lasts; gives its address."""

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:

        async def fetch(url: str) -> str:
            async with session.get(url) as answer:
                return await answer.text()

        async def show(request: web.Request) -> web.Response:
            pages = await asyncio.gather(*(fetch(url) for url in urls.values()), return_exceptions=True)
            found = {role: page for role, page in zip(urls, pages, strict=True) if isinstance(page, str)}
            return web.Response(text=merged(found))

        app = web.Application()
        app.router.add_get("/metrics", show)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, LOOPBACK, port).start()
        try:
            yield f"http://{LOOPBACK}:{port}/metrics"
        finally:
            await runner.cleanup()
