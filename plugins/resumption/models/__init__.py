"""SQL models: the lake's effective deliveries in, warehouse tables out.

A model is one ``select`` in one file below ``include/sql``; its name is the file's. It reads

- ``feed.<feed>``: lake rows of the accepted deliveries that count at the business date,
- ``ops.feed_delivery``: those deliveries,
- ``reference.<file>``: ``include/reference/<file>.csv`` (all text) and ``reference.calendar``,
- ``previous_day.<model>``: a model as it stands one day earlier,
- any other model by its bare name,

and takes ``:business_date``, the parameters of ``include/rules`` and ``:<rule>_version`` as placeholders.
The order is derived from the SQL.
"""

from resumption.models.inputs import Clock, Inputs, LocalInputs
from resumption.models.loader import Model, ModelError, load_models
from resumption.models.rules import RuleBook, RuleError
from resumption.models.runner import run_models

__all__ = [
    "Clock",
    "Inputs",
    "LocalInputs",
    "Model",
    "ModelError",
    "RuleBook",
    "RuleError",
    "load_models",
    "run_models",
]
