"""Energies of imagined futures, one a file; they add up. ``energy`` says what an energy is."""
