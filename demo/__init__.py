"""The demo: a closed storybook world, a corpus made of it, and what runs on them."""
