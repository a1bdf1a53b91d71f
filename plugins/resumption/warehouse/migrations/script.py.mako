"""${message}.

Revision: ${up_revision}, after ${down_revision | comma,n}.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the warehouse to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Bring it back to the one before, with all that the one before can hold."""
    ${downgrades if downgrades else "pass"}
