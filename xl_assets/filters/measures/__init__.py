"""What can be measured of a text, a module a family; `filters.rules` lists the shipped families.

A family module has

- ``MEASURES``: measure -> one line that says what it is,
- ``measure(texts, wanted)``: a Float64 column for each of its measures that is wanted, null where a text can't be
  measured (no rule fails then); takes a `filters.texts.Texts`, whose texts are all in one language, and looks at each
  text by itself: how texts are batched must change nothing,
- ``RULES``: the rules over those measures, as `measures.family.Rule`,
- ``SETS``, where its rules are not simply one set of the module's name: set -> rule -> threshold. A set may take up
  rules of other families, and several shipped families may add to one set.

A user's own family is such a module anywhere, named in ``XL_FILTERS`` (see `filters.own_families` and
docs/corpora.md). Its names must be its own; it adds sets and leaves the shipped ones as they are.
"""
