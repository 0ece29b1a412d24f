"""Models, data and results to and from the Hugging Face Hub, or a folder."""
