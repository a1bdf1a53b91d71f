"""Retention: what has passed its time is deleted, and it is proved that nothing of it is left.

Contracts say how long a feed's rows are kept and from which date on; tables of persons say it in their YAML; landed
bytes have ``landing.KEPT_DAYS``. The vault knows an identity as long as the lake holds a row of its delivery. What a
legal hold names stays (``include/retention/holds.yaml``).

A run writes down what it is about to delete, deletes it, and then looks for it again: in every data file and every
version of the lake that can still be opened, in the folders of landing zone and vault, in the tables. What it saw is
appended to ``ops.retention_proof``. Killed at any moment it is simply run again, and ends with the same proof.
"""

from resumption.retention.clock import clock
from resumption.retention.holds import Hold, HoldError, load_holds
from resumption.retention.run import RetentionError, retain
from resumption.retention.shutdown import shut_down

__all__ = ["Hold", "HoldError", "RetentionError", "clock", "load_holds", "retain", "shut_down"]
