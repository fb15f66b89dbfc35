"""The named criteria that responses are refined and scored against (configuration, not the paper's text)."""

from collections.abc import Mapping
from types import MappingProxyType

#: Criterion -> what a rater is told. The names follow the XL-Instruct data card's reading in SEEDS;
#: wording and set are a user's to change in the profile.
DEFAULT_CRITERIA: Mapping[str, str] = MappingProxyType(
    {
        "precision": "every fact is right",
        "informativeness": "all that is asked is said",
        "naturalness": "it reads well",
        "objectivity": "it gives no opinions",
    }
)


def criteria_text(criteria: Mapping[str, str] = DEFAULT_CRITERIA) -> str:
    """Render criteria as the list that prompts show, one a line."""
    return "\n".join(f"- {name}: {meaning}" for name, meaning in criteria.items())


def criteria_schema(criteria: Mapping[str, str] = DEFAULT_CRITERIA) -> dict:
    """JSON schema of a score answer: one integer from 1 to 5 for every criterion, in order."""
    return {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": 1, "maximum": 5} for name in criteria},
        "required": list(criteria),
        "additionalProperties": False,
    }
