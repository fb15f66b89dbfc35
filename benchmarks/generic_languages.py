"""Make the generic language entries from CLDR: name, native name, script and labels of lid.176's 176 languages.

Babel brings CLDR; it is needed here only. What CLDR lacks is below. Not part of a run: the file that this writes is
shipped, and a new version of CLDR is taken over by calling it again.

Example: python -m benchmarks.generic_languages > xl_assets/generic_languages.toml
"""

import json

from babel import Locale, localedata
from babel.core import get_global

from resources.language_identifier import LanguageIdentifier
from xl_assets.fasttext import FastTextScorer

#: Codes of Wikipedia editions that CLDR knows by another code, or not at all: English name, native name, script.
BY_HAND = {
    "als": ("Alemannic", "Alemannisch", "Latn"),
    "azb": ("South Azerbaijani", "تۆرکجه", "Arab"),
    "bcl": ("Central Bikol", "Bikol Sentral", "Latn"),
    "bh": ("Bihari", "भोजपुरी", "Deva"),
    "bxr": ("Russia Buriat", "буряад", "Cyrl"),
    "cbk": ("Chavacano", "Chavacano", "Latn"),
    "diq": ("Dimli", "Zazaki", "Latn"),
    "dty": ("Dotyali", "डोटेली", "Deva"),
    "eml": ("Emiliano-Romagnolo", "emiliàn e rumagnòl", "Latn"),
    "gom": ("Goan Konkani", "गोंयची कोंकणी", "Deva"),
    "hif": ("Fiji Hindi", "Fiji Hindi", "Latn"),
    "mhr": ("Meadow Mari", "олык марий", "Cyrl"),
    "nah": ("Nahuatl", "Nāhuatl", "Latn"),
    "pnb": ("Western Punjabi", "پنجابی", "Arab"),
    "sh": ("Serbo-Croatian", "srpskohrvatski", "Latn"),
}

#: Native names where CLDR has no locale.
NATIVE = {
    "arz": "مصرى",
    "av": "авар",
    "bar": "Boarisch",
    "bpy": "বিষ্ণুপ্রিয়া মণিপুরী",
    "ilo": "Ilokano",
    "krc": "къарачай-малкъар",
    "kv": "коми",
    "lez": "лезги",
    "li": "Limburgs",
    "min": "Minangkabau",
    "mrj": "кырык мары",
    "mwl": "Mirandés",
    "nap": "napulitano",
    "new": "नेपाल भाषा",
    "pam": "Kapampangan",
    "pfl": "Pälzisch",
    "pms": "piemontèis",
    "rue": "русиньскый",
    "sco": "Scots",
    "tl": "Tagalog",
    "tyv": "тыва дыл",
    "vep": "vepsän",
    "vls": "West-Vlams",
    "war": "Winaray",
    "wuu": "吴语",
    "xal": "хальмг",
    "xmf": "მარგალური",
}

#: ISO 639-3 codes that models write where CLDR's aliases do not lead to them.
ISO = {
    "als": ["gsw"],
    "bh": ["bho"],
    "diq": ["diq"],
    "eml": ["egl", "rgn"],
    "nah": ["nhe", "nch", "nhw"],
    "sh": ["hbs"],
    "sq": ["als"],
    "no": ["nor", "nob"],
    "qu": ["quy", "quz", "que"],
    "ku": ["kmr", "kur"],
    "ps": ["pbt", "pbu", "pst", "pus"],
    "tl": ["tgl", "fil"],
    "pa": ["pan"],
    "gn": ["gug", "grn"],
}

#: Scripts that models name otherwise than CLDR does.
SCRIPT_NAMES = {
    "Hans": ("Hans", "Hant", "Hani"),
    "Hant": ("Hant", "Hani"),
    "Kore": ("Hang", "Kore"),
    "Jpan": ("Jpan",),
}

#: No space stands between words.
DENSE = {"zh", "wuu", "yue", "ja", "th", "lo", "km", "my", "bo"}


def main() -> None:
    """Print the file."""
    print("# Generic entries of the languages that lid.176 tells apart, from CLDR (benchmarks/generic_languages.py).")
    print("# Not registered: enough to identify and filter text. languages.toml explains the keys.")
    for label in sorted(FastTextScorer.load(LanguageIdentifier().path).labels):
        code = label.removeprefix("__label__")
        name, native, script = _names(code)
        print(f"\n[{code}]")
        print(f"name = {_quoted(name)}\nnative_name = {_quoted(native)}\nscript = {_quoted(script)}")
        print(f"lid_labels = {json.dumps(_labels(code, script))}")
        if code in DENSE:
            print("spaces_between_words = false")
            # Words have one or two characters in some of these; Gopher's three to ten are for alphabets.
            print("thresholds = { gopher_mean_word_length = 1 }")


def _names(code: str) -> tuple[str, str, str]:
    if code in BY_HAND:
        return BY_HAND[code]
    name = Locale("en").languages[code]
    own = Locale.parse(code).languages.get(code) if localedata.exists(code) else None
    return name, own or NATIVE.get(code, name), get_global("likely_subtags")[code].split("_")[1]


def _labels(code: str, script: str) -> list[str]:
    aliases = get_global("language_aliases")
    # "als" is Tosk Albanian to models with ISO codes, Alemannic to Wikipedia and so to lid.176.
    found = {alias for alias, target in aliases.items() if target == code and len(alias) == 3 and alias != "mol"}
    names = sorted(found | set(ISO.get(code, [])) | ({code} if len(code) == 3 and code != "als" else set()))
    return [code, *(f"{name}_{written}" for name in names for written in SCRIPT_NAMES.get(script, (script,)))]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    main()
