"""What customers owe and pay, and the books that prove it."""

from dependency_injector import providers

from corebilling.container.foundation import Foundation
from corebilling.container.parts import make_known_keys, make_signing_key
from corebilling.container.selling import Selling
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.explaining import Explaining
from corebilling.invoice.files import Files
from corebilling.invoice.receivables import Receivables
from corebilling.invoice.service import InvoiceService
from corebilling.invoice.statement_downloads import StatementDownloads
from corebilling.invoice.statements import Statements
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.verifying import Verification
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.invoice.wallet_service import WalletService
from corebilling.invoice.wallets import Wallets
from corebilling.kernel import accounts
from corebilling.ledger.ageing import Ageing
from corebilling.ledger.gl_export import GeneralLedgerExport
from corebilling.ledger.manual import ManualJournals
from corebilling.ledger.nightly import NightlyProof
from corebilling.ledger.periods import LedgerPeriods
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.ledger.seal_proof import SealProof
from corebilling.ledger.sealing import Sealer
from corebilling.ledger.service import LedgerService
from corebilling.ledger.sub_ledger import SubLedger
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.gateways.notices import NoticeIntake
from corebilling.payment.ports import Others
from corebilling.payment.service import PaymentService


class Money(Selling):
    """Ledger, invoices with tax and credit, payments."""

    ledger_service = providers.Singleton(
        LedgerService, clock=Foundation.clock, tenants=Selling.tenant_service, customers=Selling.customer_service
    )
    revenue_recognition = providers.Singleton(
        RevenueRecognition, clock=Foundation.clock, sandboxes=Selling.tenant_service, ledger=ledger_service
    )
    ledger_periods = providers.Singleton(
        LedgerPeriods,
        clock=Foundation.clock,
        clocks=Selling.tenant_service,
        tenants=Selling.tenant_service,
        recognition=revenue_recognition,
    )
    manual_journals = providers.Singleton(
        ManualJournals, clock=Foundation.clock, clocks=Selling.tenant_service, ledger=ledger_service
    )
    receivables = providers.Singleton(Receivables)
    ageing = providers.Singleton(
        Ageing, clocks=Selling.tenant_service, customers=Selling.customer_service, receivables=receivables
    )
    gl_export = providers.Singleton(GeneralLedgerExport, clock=Foundation.clock, tenants=Selling.tenant_service)
    tax_rates = providers.Singleton(TaxRates, clock=Foundation.clock)
    tax_provider = providers.Singleton(
        HttpTaxProvider,
        url=Foundation.settings.provided.tax_engine_url,
        token=Foundation.settings.provided.tax_engine_token,
    )
    wallets = providers.Singleton(Wallets, ledger=ledger_service)
    invoice_service = providers.Singleton(
        InvoiceService,
        clock=Foundation.clock,
        charges=Selling.rating_service,
        tenants=Selling.tenant_service,
        customers=Selling.customer_service,
        subscriptions=Selling.subscription_service,
        clocks=Selling.tenant_service,
        ledger=ledger_service,
        prices=Selling.pricing_service,
        wallets=wallets,
        tax_provider=tax_provider,
    )
    gateway_accounts = providers.Singleton(
        GatewayAccounts,
        clock=Foundation.clock,
        tenants=Selling.tenant_service,
        secret_box=Foundation.secret_box,
        allow_private_targets=Foundation.settings.provided.gateway_allow_private_targets,
    )
    notice_intake = providers.Singleton(
        NoticeIntake, db=Foundation.database, clock=Foundation.clock, secret_box=Foundation.secret_box
    )
    files = providers.Singleton(Files, store=Foundation.object_store)
    downloads = providers.Singleton(Downloads, logos=Selling.tenant_service, files=files)
    statement_downloads = providers.Singleton(StatementDownloads, logos=Selling.tenant_service, files=files)
    statements = providers.Singleton(
        Statements,
        jobs=Foundation.job_service,
        clocks=Selling.tenant_service,
        tenants=Selling.tenant_service,
        customers=Selling.customer_service,
        sub_ledger=providers.Singleton(SubLedger),
    )
    wallet_service = providers.Singleton(
        WalletService, clocks=Selling.tenant_service, customers=Selling.customer_service, wallets=wallets
    )
    wallet_expiry = providers.Singleton(
        WalletExpiry, Foundation.database, clock=Foundation.clock, sandboxes=Selling.tenant_service, wallets=wallets
    )
    payment_service = providers.Singleton(
        PaymentService,
        others=providers.Singleton(
            Others,
            clock=Foundation.clock,
            clocks=Selling.tenant_service,
            tenants=Selling.tenant_service,
            customers=Selling.customer_service,
            invoices=invoice_service,
            wallets=wallets,
            ledger=ledger_service,
        ),
        accounts=gateway_accounts,
    )
    invoice_explanations = providers.Singleton(
        Explaining, plans=Selling.pricing_service, books=ledger_service, receipts=payment_service
    )
    invoice_verification = providers.Singleton(
        Verification,
        charges=Selling.rating_service,
        recomputations=Selling.rating_service,
        books=ledger_service,
        receipts=payment_service,
    )
    ledger_proof = providers.Singleton(
        LedgerProof,
        documents=providers.Dict(
            invoice=invoice_service,
            invoice_void=invoice_service,
            credit_note=invoice_service,
            write_off=invoice_service,
            recovery=invoice_service,
            wallet_grant=wallet_service,
            wallet_application=wallet_service,
            wallet_reversal=wallet_service,
            wallet_expiry=wallet_service,
            payment=payment_service,
            refund=payment_service,
            refund_paid=payment_service,
            refund_failed=payment_service,
            dispute=payment_service,
            dispute_won=payment_service,
            revenue_recognition=revenue_recognition,
            manual=manual_journals,
        ),
        balances=providers.Dict(
            {
                accounts.RECEIVABLE: receivables,
                accounts.CUSTOMER_CREDIT: wallet_service,
                accounts.DEFERRED_REVENUE: revenue_recognition,
            }
        ),
    )
    signing_key = providers.Singleton(make_signing_key, Foundation.settings)
    sealer = providers.Singleton(Sealer, Foundation.database, clock=Foundation.clock, key=signing_key)
    seal_proof = providers.Singleton(
        SealProof, clock=Foundation.clock, keys=providers.Singleton(make_known_keys, signing_key)
    )
    nightly_proof = providers.Singleton(
        NightlyProof, Foundation.database, clock=Foundation.clock, proof=ledger_proof, seals=seal_proof
    )
