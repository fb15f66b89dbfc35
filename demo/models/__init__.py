"""The demo's two small language models: how they are made, what they must know, and their weights."""
