"""The benchmark's rules written down one response at a time, to compare the vectorised ones with."""

import string

WITHOUT = str.maketrans("", "", string.punctuation + "،")


def bare(line):
    """A line without punctuation, as it is tokenised and identified."""
    return line.replace("—", " ").translate(WITHOUT)


def lines_of(response, least=5):
    """(number, text, tokens) of the lines that are judged."""
    numbered = enumerate(response.split("\nQ:")[0].split("\n"), start=1)
    return [(number, text, bare(text).split()) for number, text in numbered if len(bare(text).split()) >= least]


def label_of(tokens, plain):
    """A made-up identifier: the first token says label and probability, e.g. ``de7`` is German at 0.7."""
    return tokens[0][:2], int(tokens[0][2]) / 10


def counts(responses, language, english, looks_at_words, identify=label_of):
    """kept, line errors, word errors of the responses of one language."""
    kept = line_errors = word_errors = 0
    for response in responses:
        lines = lines_of(response or "")
        if not lines:
            continue
        kept += 1
        labels = [identify(tokens, bare(text)) for _, text, tokens in lines]
        if any(label != language or score <= 0.3 for label, score in labels):
            line_errors += 1
        elif looks_at_words and any(token in english for _, _, tokens in lines for token in tokens):
            word_errors += 1
    return kept, line_errors, word_errors
