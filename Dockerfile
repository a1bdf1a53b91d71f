# The pipeline's image: Airflow with this project in it, for every service of docker-compose.yaml that runs our code.
FROM python:3.13-slim-trixie

ARG UV_VERSION=0.13.9
ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    RESUMPTION_PROJECT=/opt/resumption \
    RESUMPTION_HOME=/var/lib/resumption \
    PYTHONPATH=/opt/resumption/config \
    TZ=Asia/Shanghai

WORKDIR /opt/resumption
# The lock before the code: a change of the code leaves this layer alone. Bytecode is compiled, since nothing can be
# written at run time and every process would compile it all again.
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir "uv==${UV_VERSION}" \
 && uv pip install --no-cache --compile-bytecode -r requirements.txt

COPY . .
RUN uv pip install --no-cache --no-deps --editable . \
 && python -m compileall -q config dags plugins runtime simulator \
 && useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow airflow \
 && install -d -o 50000 -g 0 -m 700 /opt/airflow /var/lib/simulator \
    /var/lib/resumption /var/lib/resumption/logs /var/lib/resumption/reports

# What does not fit into memory goes to a disk; the root is read-only and /tmp small.
ENV TMPDIR=/var/lib/resumption/tmp
USER 50000:0
ENTRYPOINT ["/opt/resumption/containers/entrypoint.sh"]
CMD ["airflow", "version"]
