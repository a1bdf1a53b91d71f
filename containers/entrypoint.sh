#!/bin/sh
# Secrets come as files. A file named like a variable becomes that variable, for what reads only its environment; it
# never stands in the compose file or in `docker inspect`. The master key stays a file: RESUMPTION_TOKEN_KEY_FILE.
set -eu
for file in /run/secrets/[A-Z]*; do
  [ -f "$file" ] && export "${file##*/}=$(cat "$file")"
done
if [ -n "${AIRFLOW__DATABASE__SQL_ALCHEMY_CONN:-}" ]; then
  # psycopg 3 does both; the default would want another driver.
  export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC="$AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
  export AIRFLOW__CELERY__RESULT_BACKEND="db+$AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
fi
umask 077
mkdir -p "$TMPDIR"
if [ -f /run/secrets/passwords.json ]; then
  # Airflow wants to open it for writing.
  cp -f /run/secrets/passwords.json "$AIRFLOW_HOME/passwords.json"
  chmod 600 "$AIRFLOW_HOME/passwords.json"
fi
exec "$@"
