"""How Alembic runs the revisions: on the connection it was given, within that connection's transaction."""

from __future__ import annotations

from alembic import context

from resumption.warehouse import migrate

context.configure(connection=context.config.attributes["connection"], **migrate.comparison())
with context.begin_transaction():
    context.run_migrations()
