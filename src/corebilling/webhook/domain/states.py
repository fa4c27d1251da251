"""The states of endpoints and deliveries and the moves between them. README and the schema's CHECKs say the same."""

from typing import Literal

DeliveryStatus = Literal["pending", "delivered", "dead_letter"]
EndpointStatus = Literal["active", "disabled"]
DisabledReason = Literal["request", "gone", "failing"]

DELIVERY_MOVES: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    "pending": frozenset({"pending", "delivered", "dead_letter"}),
    "delivered": frozenset({"pending"}),
    "dead_letter": frozenset({"pending", "delivered"}),
}
"""Back to pending is a redelivery; dead_letter to delivered is a success that another worker reports late."""

ENDPOINT_MOVES: dict[EndpointStatus, frozenset[EndpointStatus]] = {
    "active": frozenset({"active", "disabled"}),
    "disabled": frozenset({"disabled", "active"}),
}
