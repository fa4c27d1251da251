"""PostgreSQL and NATS on this machine, without installing, a container engine or a configuration.

For `corebilling dev`, `corebilling demo` and the tests; production brings its own servers. They listen on the loopback
address only, with generated passwords, keep everything under one directory and end with the process that started them.
"""

from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.nats import EmbeddedNats
from corebilling.platform.embedded.postgres import EmbeddedPostgres
from corebilling.platform.embedded.server import stop_all
from corebilling.platform.embedded.stack import EmbeddedStack

__all__ = ["EmbeddedError", "EmbeddedNats", "EmbeddedPostgres", "EmbeddedStack", "stop_all"]
