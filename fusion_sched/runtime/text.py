"""Names that come from files, made safe to print: a folder may come from somebody else."""

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


def spreadsheet_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: one gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
