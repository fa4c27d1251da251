"""Wire structs of payments. Amounts are integer minor units of `currency`."""

from corebilling.payment.schemas.collections import CollectionOut, CollectionStop
from corebilling.payment.schemas.methods import PaymentMethodCreate, PaymentMethodOut, PaymentMethodPatch
from corebilling.payment.schemas.payments import AllocationOut, InvoiceShare, Method, PaymentCreate, PaymentOut
from corebilling.payment.schemas.refunds import DisputeOut, RefundCreate, RefundOut, RefundPartOut

__all__ = [
    "AllocationOut",
    "CollectionOut",
    "CollectionStop",
    "DisputeOut",
    "InvoiceShare",
    "Method",
    "PaymentCreate",
    "PaymentMethodCreate",
    "PaymentMethodOut",
    "PaymentMethodPatch",
    "PaymentOut",
    "RefundCreate",
    "RefundOut",
    "RefundPartOut",
]
