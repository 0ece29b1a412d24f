"""LeRobotDatasets v3.0, both ways."""

from worldsim.data.lerobot.columns import GRANTED
from worldsim.data.lerobot.reading import import_lerobot
from worldsim.data.lerobot.writing import export_lerobot

__all__ = ["GRANTED", "export_lerobot", "import_lerobot"]
