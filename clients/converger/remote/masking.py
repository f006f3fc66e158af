"""Keeping secrets out of everything that is shown."""

import itertools
import re

PLACEHOLDER = re.compile(r"\{\{secret:([A-Za-z0-9._-]+)\}\}")
# Shorter texts would blot out half of every message; a secret this short protects nothing.
SHORTEST = 4
# Lines of a secret (of a private key) are hidden one by one from this length on.
SHORTEST_LINE = 16
# `name: value` and `name = value`; never the padding at the end of base64.
SETTING = re.compile(r"^(\s*[A-Za-z_][\w.-]{0,40}\s*[:=])\s*[^=\s].*$")

HIDDEN = "(hidden)"


class MissingSecret(Exception):
    """A placeholder without a value. `name` is the secret's."""

    def __init__(self, name):
        super().__init__(name)
        self.name = name


def render(template, secrets):
    """The template with its placeholders filled in."""

    def value(match):
        if match.group(1) not in secrets:
            raise MissingSecret(match.group(1))
        return secrets[match.group(1)]

    return PLACEHOLDER.sub(value, template)


class Mask:
    """Hides known secrets in any text."""

    def __init__(self, secrets):
        texts = set()
        for value in secrets.values():
            if len(value) >= SHORTEST:
                texts.add(value)
            texts.update(line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE)
        # The longest first: one secret may begin with another.
        pattern = "|".join(re.escape(secret) for secret in sorted(texts, key=len, reverse=True))
        self.pattern = re.compile(pattern) if texts else None

    def __call__(self, text):
        return self.pattern.sub("[secret]", text) if self.pattern else text


def shown(template, actual, mask):
    """`actual`, a file's content as found, fit to be shown beside the `template` it should have come from.

    Without placeholders in the template nothing in it is secret. Else a line is shown only where the template
    has that very line, or has one that differs in its secrets alone; of other lines only a setting's name is.
    """
    if not PLACEHOLDER.search(template):
        return mask(actual)
    if PLACEHOLDER.fullmatch(template.strip()):
        return PLACEHOLDER.sub(r"{{secret:\1, another value}}", template)
    known = set(template.splitlines())
    patterns = [(_pattern(line), line) for line in known if PLACEHOLDER.search(line)]
    lines = [_shown_line(line, known, patterns) for line in actual.splitlines()]
    return "\n".join(_folded(lines)) + ("\n" if actual.endswith("\n") else "")


def _folded(lines):
    """Several hidden lines in a row as one."""
    for line, group in itertools.groupby(lines):
        count = len(list(group))
        if line == HIDDEN and count > 1:
            yield f"({count} lines hidden)"
        else:
            yield from [line] * count


def _pattern(line):
    parts = PLACEHOLDER.split(line)
    return re.compile(".*".join(re.escape(part) for part in parts[::2]))


def _shown_line(line, known, patterns):
    if line in known:
        return line
    for pattern, template in patterns:
        if pattern.fullmatch(line):
            return PLACEHOLDER.sub(r"{{secret:\1, another value}}", template)
    setting = SETTING.match(line)
    if setting:
        return f"{setting.group(1)} {HIDDEN}"
    return HIDDEN if line.strip() else line
