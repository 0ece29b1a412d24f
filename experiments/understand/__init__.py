"""What the latents know: suites of items made from seeds and answered by the simulator."""
