"""The briefing of a business date: what the district looks like, and how far the figures can be trusted.

One source for all who read it: schema ``published``, where small cells are hidden, and the accounts of ``ops``.
"""

from resumption.briefing.picture import Picture, picture
from resumption.briefing.text import render

__all__ = ["Picture", "picture", "render"]
