"""The page of a session: pictures, and which key does what."""

from __future__ import annotations

from envs.spec import EnvSpec
from experiments.teleop.hand import BUTTONS, FINE, GRIPPER, MOVES, STICKS, WAIT
from experiments.teleop.session import COMMANDS
from experiments.templates import templates_of


def page(spec: EnvSpec, agent: str | None) -> str:
    """HTML, whole in itself; whatever names say is text.

    Args:
        spec: of the environment.
        agent: who may take over.
    """
    template = templates_of("experiments.teleop").get_template("page.html")
    return template.render(
        spec=spec,
        agent=agent,
        fine=FINE,
        commands={key.removeprefix("Key"): command.text for key, command in COMMANDS.items()},
        keys=[*MOVES, *COMMANDS, GRIPPER, WAIT],
        buttons=BUTTONS,
        sticks=STICKS,
        period_ms=1000 * spec.control_period,
    )
