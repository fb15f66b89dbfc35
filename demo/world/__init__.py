"""A closed world of storybook animals whose every sentence is known in nine languages."""
