# The reference deployment, the gate's runner and the load generators: one image, started with different commands.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/aiharness
WORKDIR /source
COPY pyproject.toml setup.py constraints.txt README.md ./
COPY harness ./harness
COPY suites ./suites
COPY scenarios ./scenarios
COPY reports ./reports
RUN /opt/aiharness/bin/pip install -c constraints.txt ".[load,chaos]"

FROM python:3.12-slim AS runtime
ENV PATH=/opt/aiharness/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
RUN useradd --uid 10001 --create-home aiharness && install -d -o aiharness -g aiharness /reports /config
COPY --from=build /opt/aiharness /opt/aiharness
COPY docker/aiharness.toml /config/aiharness.toml
USER aiharness
WORKDIR /reports
CMD ["python", "-m", "harness.reference", "--host", "0.0.0.0", "--port", "8000"]
