"""The subscription context as others see it; each capability is in a file of its own."""

from corebilling.subscription.canceling import Canceling
from corebilling.subscription.changing import Changing
from corebilling.subscription.creating import Creating
from corebilling.subscription.dunning import Dunning
from corebilling.subscription.pausing import Pausing
from corebilling.subscription.reading import Reading
from corebilling.subscription.waking import Waking


class SubscriptionService(Creating, Changing, Canceling, Pausing, Waking, Dunning, Reading):
    """Who subscribes to what, from when until when."""
