# One stage a service: its pinned dependencies in a layer of their own, then its folders and no others.
#   docker build --target executor .
FROM python:3.11-slim AS base
WORKDIR /app
ENV PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements

FROM base AS planner
RUN pip install --no-cache-dir --constraint requirements/constraints.txt '.[planner]'
COPY shared shared
COPY services/__init__.py services/
COPY services/planner services/planner
USER nobody
CMD ["python", "-m", "services.planner"]

FROM base AS researcher
RUN pip install --no-cache-dir --constraint requirements/constraints.txt '.[researcher]'
COPY shared shared
COPY services/__init__.py services/
COPY services/researcher services/researcher
RUN mkdir /research && chown nobody /research
USER nobody
CMD ["python", "-m", "services.researcher"]

FROM base AS training
RUN pip install --no-cache-dir --constraint requirements/constraints.txt torch
RUN pip install --no-cache-dir --constraint requirements/constraints.txt '.[executor,evaluator]'
ENV HF_HOME=/artifacts/huggingface
RUN mkdir /artifacts && chown nobody /artifacts
COPY shared shared
COPY services/__init__.py services/

FROM training AS executor
COPY ftbench/__init__.py ftbench/
COPY ftbench/metrics ftbench/metrics
COPY services/executor services/executor
USER nobody
CMD ["python", "-m", "services.executor"]

FROM training AS evaluator
COPY ftbench ftbench
COPY services/evaluator services/evaluator
COPY trex trex
RUN mkdir --mode=700 /vault && chown nobody /vault
USER nobody
CMD ["python", "-m", "services.evaluator"]
