"""Everything that acts: planners, policies and floors behind one ``Agent`` protocol."""

from agents.base import Agent, Tier, make_agent

__all__ = ["Agent", "Tier", "make_agent"]
