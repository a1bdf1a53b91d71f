#!/bin/bash
# Run once by PostgreSQL when its volume is empty: two databases, each with an owner of its own. The warehouse's owner
# may create the readers' roles, and nothing more.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
  -v airflow="$(cat /run/secrets/airflow_password)" -v warehouse="$(cat /run/secrets/warehouse_password)" <<'SQL'
create role airflow login password :'airflow';
create role resumption login createrole password :'warehouse';
create database airflow owner airflow;
create database warehouse owner resumption;
revoke all on database airflow, warehouse, postgres, template1 from public;
SQL
