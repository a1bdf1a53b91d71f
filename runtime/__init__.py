"""The pipeline on one machine, without Docker: senders, PostgreSQL and Airflow under one run folder."""
