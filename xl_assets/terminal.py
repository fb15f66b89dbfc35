"""What a run shows on the terminal: steps with their time, models' progress, nothing of the machinery."""

import logging
import os
import sys
import time
from typing import Any

import dagster as dg

#: Set to see everything: Dagster's own log, tracebacks, libraries' warnings.
DEBUG_VARIABLE = "XL_DEBUG"

#: Environment of programs that a run starts, unless everything shall be seen.
QUIET = {
    "PYTHONWARNINGS": "ignore",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


def quiet_environment() -> dict[str, str]:
    """``QUIET``, or nothing where ``XL_DEBUG`` is set."""
    return {} if os.environ.get(DEBUG_VARIABLE) else dict(QUIET)


class StepLines(logging.Handler):
    """Prints a line for every finished or failed step and what steps say; silent about Dagster's other events."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._began: dict[str, float] = {}
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        event, said = meta.get("dagster_event"), str(meta.get("orig_message") or "")
        if event is not None:
            line = self._event_line(event, meta.get("step_key") or "")
        else:
            line = f"    {said}" if record.levelno >= logging.INFO and not said.startswith("[pipes]") else None
        if line and line.strip() and line != self._last:
            self._last = line
            print(line, file=sys.stderr, flush=True)

    def _event_line(self, event: Any, step: str) -> str | None:
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._began[step] = time.monotonic()
            return f"  … {step}"
        seconds = time.monotonic() - self._began.get(step, time.monotonic())
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            return f"  ✓ {step}  {seconds:.1f} s"
        return f"  ✗ {step}  {seconds:.1f} s" if event.event_type == dg.DagsterEventType.STEP_FAILURE else None


@dg.logger(None, description="Steps and progress, a line each; set XL_DEBUG for everything.")
def terminal_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """The console logger of every job."""
    if os.environ.get(DEBUG_VARIABLE):
        return dg.colored_console_logger.logger_fn(context)
    logger = logging.Logger("xl", logging.DEBUG)
    logger.addHandler(StepLines())
    return logger
