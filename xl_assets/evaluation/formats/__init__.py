"""Published file formats of evaluations, read and written: AlpacaEval's and Arena-Hard's."""


class FormatError(ValueError):
    """A file is not what it should be."""
