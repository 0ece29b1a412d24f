"""Other people's environments behind ``envs.sim_env.SimEnv``; ``envs.tasks`` lists their names.

Each needs an installation of its own, and is imported where it is used.
"""
