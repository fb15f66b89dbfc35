"""Groups of the `xl` command: one file a group or a family of commands. Nothing here is imported by the library."""
