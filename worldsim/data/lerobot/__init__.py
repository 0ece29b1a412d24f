"""LeRobotDatasets v3.0, both ways."""

from worldsim.data.lerobot.reading import import_lerobot
from worldsim.data.lerobot.writing import export_lerobot

__all__ = ["export_lerobot", "import_lerobot"]
