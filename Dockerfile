# worldsim with the versions its results were made with, drawing in software.
#
#   docker build -t worldsim .
#   docker run --rm worldsim                                       worldsim doctor
#   docker run --rm -v "$PWD/runs:/work/runs" worldsim compare --out runs/compare
#
# pip takes PyTorch's CUDA build where its index has that (several GB). An index of CPU builds,
# --build-arg PIP_EXTRA_INDEX_URL=URL, makes the image small.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM python:3.11-slim-bookworm
# No versions: a Debian release keeps none but the newest.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1 libgl1-mesa-dri libosmesa6 \
    && rm -rf /var/lib/apt/lists/*
ARG PIP_EXTRA_INDEX_URL
COPY requirements.lock /tmp/
COPY --from=wheel /dist /tmp/dist
RUN pip install --no-cache-dir --only-binary=:all: --constraint /tmp/requirements.lock /tmp/dist/*.whl
RUN useradd --uid 1000 --create-home worldsim && install --directory --owner=worldsim /work/runs
# Caches where any user may write, for docker run --user "$(id -u)".
ENV XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/cache/matplotlib
USER 1000
WORKDIR /work
RUN worldsim doctor
ENTRYPOINT ["worldsim"]
CMD ["doctor"]
