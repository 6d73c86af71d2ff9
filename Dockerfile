# The demo: trains jointly and by the schedule on digits of scikit-learn, and compares.
#
#   docker build -t fusion-sched .
#   docker run --rm -v "$PWD/outputs:/app/outputs" fusion-sched
#
# PIP_OPTIONS goes to pip, such as the index of a build of torch without CUDA, which is far smaller.
FROM python:3.11-slim
# OpenCV loads both; the libsndfile of sounds is inside the wheel of soundfile.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY fusion_sched fusion_sched
COPY conf conf
ARG PIP_OPTIONS=""
RUN pip install --no-cache-dir ${PIP_OPTIONS} -c constraints.txt .
COPY scripts/demo.py scripts/demo.py
ENV OMP_NUM_THREADS=1
CMD ["python", "scripts/demo.py"]
