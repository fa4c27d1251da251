"""What every process stands on: settings, clock, database, bus, keys, files, jobs."""

from dependency_injector import containers, providers

from corebilling.container.buses import make_bus
from corebilling.container.parts import make_database, make_object_store, make_secret_box
from corebilling.platform.clock import wall_clock
from corebilling.platform.eventlog.custom import CustomEvents
from corebilling.platform.eventlog.event_types import EventTypes
from corebilling.platform.eventlog.jobs import ENDINGS as EVENT_ENDINGS
from corebilling.platform.jobs.service import JobService
from corebilling.settings import Settings


class Foundation(containers.DeclarativeContainer):
    """The platform of one process."""

    settings = providers.Dependency(instance_of=Settings)
    clock = providers.Object(wall_clock)
    database = providers.Singleton(make_database, settings)
    bus = providers.Singleton(make_bus, settings)
    secret_box = providers.Singleton(make_secret_box, settings)
    object_store = providers.Singleton(make_object_store, settings)
    job_service = providers.Singleton(JobService, clock=clock, endings=EVENT_ENDINGS)
    event_types = providers.Singleton(EventTypes, clock=clock)
    custom_events = providers.Singleton(CustomEvents, clock=clock, event_types=event_types)
