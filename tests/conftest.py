"""For all tests."""

import sys

from absl import logging

# absl came with mlcroissant. When its handler is closed, as a new logging configuration does, it closes the stream that
# was sys.stderr at its import, unless it still is: in a test that would be pytest's own, in a command that a test calls
# with other streams.
logging.get_absl_handler().python_handler.stream = sys.__stderr__
