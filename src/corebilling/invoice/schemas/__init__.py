"""What goes over the wire about invoices and credit notes."""

from corebilling.invoice.schemas.credit_notes import AppliedOut, CreditLineOut, CreditNoteDetailOut, CreditNoteOut
from corebilling.invoice.schemas.invoices import (
    Explanation,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    LineCreate,
    LineExplanation,
    LineOut,
    StepOut,
    VoidRequest,
)

__all__ = [
    "AppliedOut",
    "CreditLineOut",
    "CreditNoteDetailOut",
    "CreditNoteOut",
    "Explanation",
    "InvoiceCreate",
    "InvoiceDetailOut",
    "InvoiceOut",
    "LineCreate",
    "LineExplanation",
    "LineOut",
    "StepOut",
    "VoidRequest",
]
