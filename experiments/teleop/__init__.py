"""By hand: a person at the environments' 7-D actions, through a page in the browser."""
