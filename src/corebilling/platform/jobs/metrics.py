"""How jobs are doing."""

from prometheus_client import Counter, Gauge

JOBS_DUE = Gauge("corebilling_jobs_due", "Jobs that wait to be taken on, over all tenants")
JOBS_FINISHED = Counter("corebilling_jobs_finished", "Runs of jobs that ended for good", ["kind", "state"])
JOB_CHUNKS = Counter("corebilling_job_chunks", "Chunks of jobs that were committed", ["kind"])
