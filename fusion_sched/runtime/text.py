"""Names that come from files, made safe to print: a folder may come from somebody else."""

import codecs
import re

SPELLED = {
    "→": "->", "≥": ">=", "≤": "<=", "±": "+-", "×": "x", "…": "...", "–": "-", "—": "-", "−": "-",
    "─": "-", "━": "-", "│": "|", "┃": "|", "\u00a0": " ",
}  # fmt: skip
"""For outputs that lack the character."""
SPELL = "fusion_sched.spell"
"""What a stream does with characters that its encoding lacks, as `errors` of `reconfigure`."""
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_INVISIBLE = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
_INVISIBLE |= dict.fromkeys([*range(0x80, 0xA0), *_TURNING, *range(0xD800, 0xE000)], 0xFFFD)
_KEPT = {ord(character): ord(character) for character in "\n\t"}


def printable(text: str) -> str:
    """Return text with control characters as visible signs; a terminal would act on them.

    Line breaks and tabs stay. Also replaced: characters that turn the direction of writing, and
    what stands for bytes of a name that is not UTF-8.
    """
    return text.translate(_INVISIBLE | _KEPT)


def one_line(text: str) -> str:
    """Return text with line breaks and tabs, too, as visible signs."""
    return text.translate(_INVISIBLE)


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Spell out the first character that an encoding lacks, or give its number."""
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    number = character.encode("ascii", "backslashreplace").decode("ascii")
    return SPELLED.get(character, number), error.start + 1


codecs.register_error(SPELL, _spell)


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign, as `+1.0` or `−1.0`; what rounds to zero is `+0.0`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def with_minus_signs(text: str) -> str:
    """Return text whose negative numbers have the minus sign of `signed`."""
    return re.sub(r"(?<![\w.)\]])-(?=\d)", "−", text)


def spreadsheet_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: one gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
