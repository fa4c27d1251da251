# syntax=docker/dockerfile:1
# One image, four roles: ROLE (or `run --role`) decides what a container of it does.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# Two environments without pip of their own: one builds the wheel, the other is what ships. Every file is checked by hash.
COPY requirements.build.lock requirements.runtime.lock ./
RUN python -m venv --without-pip /opt/builder \
 && python -m pip --python /opt/builder install --require-hashes --only-binary :all: -r requirements.build.lock
RUN python -m venv --without-pip /opt/corebilling \
 && python -m pip --python /opt/corebilling install --no-compile --require-hashes --only-binary :all: -r requirements.runtime.lock

# Dependencies above change seldom, our code below often: the order keeps the layers in the build cache.
COPY pyproject.toml README.md LICENSE ./
COPY src/ src/
COPY sql/schema/ sql/schema/
RUN /opt/builder/bin/python -m hatchling build -t wheel -d dist \
 && python -m pip --python /opt/corebilling install --no-compile --no-index --no-deps dist/*.whl \
 && /opt/corebilling/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/corebilling/lib

FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="corebilling" \
      org.opencontainers.image.description="Multi-tenant, event-driven billing engine" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/corebilling /opt/corebilling
# Byte code was compiled above and the root may be read-only, so none is written at run time; /tmp is all that is used.
ENV PATH=/opt/corebilling/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that `runAsNonRoot` can be checked without looking into /etc/passwd.
USER 10001:10001
WORKDIR /tmp
EXPOSE 3035 9464
STOPSIGNAL SIGTERM
# Every role serves /healthz on METRICS_PORT. http.client, because urllib would go through HTTP_PROXY.
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('METRICS_PORT') or 9464), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["corebilling"]
CMD ["run"]
