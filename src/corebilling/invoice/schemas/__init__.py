"""What goes over the wire about invoices and credit notes."""

from corebilling.invoice.schemas.credit_notes import (
    AppliedOut,
    CreditLineCreate,
    CreditLineOut,
    CreditNoteCreate,
    CreditNoteDetailOut,
    CreditNoteOut,
    CreditNotePreview,
)
from corebilling.invoice.schemas.explanations import (
    Explanation,
    FindingOut,
    LineExplanation,
    StepOut,
    VerificationOut,
)
from corebilling.invoice.schemas.invoices import (
    InvoiceChange,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    InvoicePreviewOut,
    LineCreate,
    LineOut,
    ReissueRequest,
    TaxOut,
    UncollectibleRequest,
    VoidRequest,
)

__all__ = [
    "AppliedOut",
    "CreditLineCreate",
    "CreditLineOut",
    "CreditNoteCreate",
    "CreditNoteDetailOut",
    "CreditNoteOut",
    "CreditNotePreview",
    "Explanation",
    "FindingOut",
    "InvoiceChange",
    "InvoiceCreate",
    "InvoiceDetailOut",
    "InvoiceOut",
    "InvoicePreviewOut",
    "LineCreate",
    "LineExplanation",
    "LineOut",
    "ReissueRequest",
    "StepOut",
    "TaxOut",
    "UncollectibleRequest",
    "VerificationOut",
    "VoidRequest",
]
