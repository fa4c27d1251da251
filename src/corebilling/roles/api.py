"""The API: HTTP on HTTP_PORT, metrics on METRICS_PORT."""

import asyncio
from importlib.metadata import version

from litestar import Litestar

from corebilling.container import Container
from corebilling.customer import api as customer
from corebilling.invoice import api as invoice
from corebilling.ledger import api as ledger
from corebilling.payment import api as payment
from corebilling.platform.eventlog import api as eventlog
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.http.jwks import Jwks, TokenVerifier
from corebilling.platform.http.server import serve
from corebilling.platform.jobs import api as jobs
from corebilling.pricing import api as pricing
from corebilling.rating import api as rating
from corebilling.roles.lifespan import health_of, opened
from corebilling.scheduler import api as scheduler
from corebilling.subscription import api as subscription
from corebilling.tenant import api as tenant
from corebilling.usage import api as usage
from corebilling.webhook import api as webhook

CONTEXTS = (
    *(tenant, customer, pricing, subscription, usage, rating, scheduler, invoice, payment, ledger, webhook),
    *(jobs, eventlog),
)

EXAMPLES = {kind: body for context in CONTEXTS for kind, body in getattr(context, "EXAMPLES", {}).items()}
"""A request of each kind, by the type of its body, for the OpenAPI document."""


async def run(container: Container, stopping: asyncio.Event) -> None:
    """Serve until told to stop, then answer what is under way."""
    settings = container.settings()
    async with opened(container):
        await serve(
            application(container),
            settings.http_port,
            stopping,
            host=settings.http_host,
            grace_seconds=settings.shutdown_grace_seconds,
        )


def application(container: Container) -> Litestar:
    """The HTTP application with every context's routes."""
    settings = container.settings()
    tokens = None
    if settings.jwks_url:
        tokens = TokenVerifier(
            Jwks(settings.jwks_url), issuer=settings.jwt_issuer or None, audience=settings.jwt_audience or None
        )
    return http_app(
        routes=[route for context in CONTEXTS for route in context.ROUTES],
        dependencies={
            "tenant_service": container.tenant_service,
            "customer_service": container.customer_service,
            "entitlement_service": container.entitlement_service,
            "pricing_service": container.pricing_service,
            "subscription_service": container.subscription_service,
            "usage_service": container.usage_service,
            "usage_intake": container.usage_intake,
            "rating_service": container.rating_service,
            "quote_service": container.quotes,
            "margin_service": container.margins,
            "simulation_service": container.simulation,
            "scheduler_service": container.scheduler_service,
            "invoice_service": container.invoice_service,
            "invoice_explanations": container.invoice_explanations,
            "invoice_verification": container.invoice_verification,
            "wallet_service": container.wallet_service,
            "download_service": container.downloads,
            "statement_service": container.statements,
            "statement_downloads": container.statement_downloads,
            "tax_rate_service": container.tax_rates,
            "payment_service": container.payment_service,
            "gateway_accounts": container.gateway_accounts,
            "notice_intake": container.notice_intake,
            "ledger_service": container.ledger_service,
            "ledger_periods": container.ledger_periods,
            "manual_journals": container.manual_journals,
            "ageing_service": container.ageing,
            "gl_export": container.gl_export,
            "webhook_service": container.webhook_service,
            "delivery_log": container.webhook_delivery_log,
            "job_service": container.job_service,
            "event_types": container.event_types,
            "custom_events": container.custom_events,
            "event_log": container.event_log,
            "dead_letters": container.dead_letters,
            "replay": container.replay,
        },
        authenticator=Authenticator(database=container.database(), keys=container.tenant_service(), tokens=tokens),
        database=container.database(),
        clock=container.clock(),
        health=health_of(container),
        version=version("corebilling"),
        max_body_bytes=settings.http_max_body_bytes,
        examples=EXAMPLES,
    )
