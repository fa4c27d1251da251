"""`corebilling tenant`, `api-key` and `keys`: bootstrap a production database."""

import os
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from corebilling.cli import bootstrap
from corebilling.cli.failures import told
from corebilling.platform.secrets import generate_key
from corebilling.settings import Settings, load_settings
from corebilling.tenant.schemas import ApiKeyCreate, TenantCreate

tenant = typer.Typer(help="Tenants, made at DATABASE_URL.", no_args_is_help=True)
api_key = typer.Typer(help="API keys, made at DATABASE_URL.", no_args_is_help=True)
keys = typer.Typer(help="Keys that encrypt secrets at rest.", no_args_is_help=True)


def _settings() -> Settings:
    return load_settings({"ENVIRONMENT": "development", **os.environ}, role="worker")


def _show(answer: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


@tenant.command("create")
@told
def create_tenant(
    name: Annotated[str, typer.Option(help="as documents show it")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as EUR")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA zone, such as Europe/Paris")] = "UTC",
    region: Annotated[str, typer.Option(help="where its data lives")] = "eu",
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="with a test clock, for trying things out")] = False,
) -> None:
    """Create a tenant; prints it as JSON."""
    try:
        data = msgspec.convert(
            {
                "name": name, "currency": currency, "time_zone": time_zone, "region": region, "country": country,
                "sandbox": sandbox,
            },
            TenantCreate,
        )  # fmt: skip
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from error
    _show(bootstrap.create_tenant(_settings(), data))


@api_key.command("create")
@told
def create_api_key(
    name: Annotated[str, typer.Option(help="what the key is for")],
    tenant_id: Annotated[UUID | None, typer.Option("--tenant", help="the tenant's id; not with --platform")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="may be repeated; default: every scope of its kind")] = None,
    platform: Annotated[bool, typer.Option("--platform", help="a key of those who run the installation")] = False,
) -> None:
    """Create a key; prints it as JSON. The secret is shown this once, only its hash is stored."""
    if platform == (tenant_id is not None):
        raise typer.BadParameter("say either --tenant ID or --platform")
    scopes = scope or (bootstrap.PLATFORM_SCOPES if platform else bootstrap.TENANT_SCOPES)
    data = ApiKeyCreate(name=name, scopes=scopes)
    if tenant_id is None:
        _show(bootstrap.create_platform_key(_settings(), data))
    else:
        _show(bootstrap.create_api_key(_settings(), tenant_id, data))


@keys.command("generate")
def generate() -> None:
    """Print a fresh key for ENCRYPTION_KEYS. The first in the list encrypts, all of them decrypt."""
    typer.echo(generate_key())
