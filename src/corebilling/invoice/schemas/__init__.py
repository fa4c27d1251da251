"""What goes over the wire about invoices and credit notes."""

from corebilling.invoice.schemas.credit_notes import AppliedOut, CreditLineOut, CreditNoteDetailOut, CreditNoteOut
from corebilling.invoice.schemas.invoices import (
    Explanation,
    InvoiceChange,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    InvoicePreviewOut,
    LineCreate,
    LineExplanation,
    LineOut,
    ReissueRequest,
    SendRequest,
    StepOut,
    TaxOut,
    UncollectibleRequest,
    VoidRequest,
)

__all__ = [
    "AppliedOut",
    "CreditLineOut",
    "CreditNoteDetailOut",
    "CreditNoteOut",
    "Explanation",
    "InvoiceChange",
    "InvoiceCreate",
    "InvoiceDetailOut",
    "InvoiceOut",
    "InvoicePreviewOut",
    "LineCreate",
    "LineExplanation",
    "LineOut",
    "ReissueRequest",
    "SendRequest",
    "StepOut",
    "TaxOut",
    "UncollectibleRequest",
    "VoidRequest",
]
