"""Who sells and who buys, what is sold, who agreed, what was used and what it costs."""

from dependency_injector import providers

from corebilling.container.foundation import Foundation
from corebilling.customer.entitlements import EntitlementService
from corebilling.customer.service import CustomerService
from corebilling.ledger.opening import Charts
from corebilling.pricing.new_tenants import DefaultRateCards
from corebilling.pricing.service import PricingService
from corebilling.rating.change_previews import ChangePreviews
from corebilling.rating.checks import PriceChecks
from corebilling.rating.margins import Margins
from corebilling.rating.price_changes import PriceChanges
from corebilling.rating.quotes import Quotes
from corebilling.rating.service import RatingService
from corebilling.rating.simulation import Simulation
from corebilling.subscription.directory import SubscriptionDirectory
from corebilling.subscription.service import SubscriptionService
from corebilling.tenant.service import TenantService
from corebilling.usage.intake import UsageIntake
from corebilling.usage.meters import Meters
from corebilling.usage.service import UsageService


class Selling(Foundation):
    """The contexts up to rating, in an order without circles: checks and meters first."""

    price_checks = providers.Singleton(PriceChecks)
    meters = providers.Singleton(Meters, clock=Foundation.clock)
    charts = providers.Singleton(Charts, clock=Foundation.clock)
    default_rate_cards = providers.Singleton(DefaultRateCards, clock=Foundation.clock)
    tenant_service = providers.Singleton(
        TenantService, clock=Foundation.clock, setups=providers.List(default_rate_cards, charts)
    )
    customer_service = providers.Singleton(CustomerService, clock=Foundation.clock, tenants=tenant_service)
    entitlement_service = providers.Singleton(EntitlementService, customers=customer_service, clocks=tenant_service)
    pricing_service = providers.Singleton(
        PricingService, clock=Foundation.clock, checks=price_checks, meters=meters, customers=customer_service
    )
    subscription_service = providers.Singleton(
        SubscriptionService,
        clock=Foundation.clock,
        plans=pricing_service,
        coupons=pricing_service,
        checks=price_checks,
        previews=providers.Singleton(ChangePreviews, plans=pricing_service),
        customers=customer_service,
        tenants=tenant_service,
        clocks=tenant_service,
    )
    usage_service = providers.Singleton(
        UsageService, clock=Foundation.clock, clocks=tenant_service, subscriptions=subscription_service
    )
    usage_intake = providers.Singleton(UsageIntake, db=Foundation.database, service=usage_service)
    rating_service = providers.Singleton(
        RatingService,
        clock=Foundation.clock,
        contracts=subscription_service,
        plans=pricing_service,
        usage=usage_service,
        clocks=tenant_service,
        costs=pricing_service,
        tenants=tenant_service,
        subscriptions=subscription_service,
        debounce_seconds=Foundation.settings.provided.rating_debounce_seconds,
    )
    quotes = providers.Singleton(Quotes, clocks=tenant_service, rate_cards=pricing_service, customers=customer_service)
    margins = providers.Singleton(Margins, plans=pricing_service, customers=customer_service, tenants=tenant_service)
    simulation = providers.Singleton(
        Simulation,
        jobs=Foundation.job_service,
        changes=providers.Singleton(
            PriceChanges, checks=price_checks, plans=pricing_service, meters=meters, tenants=tenant_service
        ),
        clocks=tenant_service,
        contracts=subscription_service,
        plans=pricing_service,
        usage=usage_service,
        subscribers=providers.Singleton(SubscriptionDirectory),
        customers=customer_service,
    )
