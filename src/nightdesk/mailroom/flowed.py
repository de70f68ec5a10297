"""Text that was broken to be joined again: format=flowed (RFC 3676). Pure."""


def unflowed(text: str, *, deletes_space: bool = False) -> str:
    """Lines that end in a blank are joined with the next of the same quote depth; "-- " stays a line of its own."""
    lines: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        rest = line.lstrip(">")
        depth = len(line) - len(rest)
        rest = rest.removeprefix(" ")
        soft = rest.endswith(" ") and rest != "-- "
        joined = open_depth == depth and rest != "-- "
        content = rest[:-1] if soft and deletes_space else rest
        if joined:
            lines[-1] += content
        else:
            lines.append(f"{'>' * depth} {content}" if depth else content)
        open_depth = depth if soft else None
    return "\n".join(lines)
