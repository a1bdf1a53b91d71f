"""The briefing of a business date: what the district looks like, and how far the figures can be trusted."""

from resumption.briefing.figures import Briefing, briefing
from resumption.briefing.text import render

__all__ = ["Briefing", "briefing", "render"]
