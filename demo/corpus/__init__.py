"""A small dirty crawl of the storybook world, with the truth about every line of it."""
