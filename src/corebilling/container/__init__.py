"""Where everything is wired. Roles and commands take what they run from here; nothing else builds a service.

Singletons only, and synchronous: what must be opened (database, bus) is opened and closed by the role (roles/lifespan.py).
"""

from corebilling.container.running import Container

__all__ = ["Container"]
