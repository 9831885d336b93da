"""Tables for people: columns that line up, as plain text."""


def render(header: list[str], rows: list[list]) -> str:
    """The first column to the left, the others to the right."""
    lines = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    shown = ["  ".join(align(cell, width, column) for column, (cell, width) in enumerate(zip(line, widths))) for line in lines]
    shown.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in shown)


def align(cell: str, width: int, column: int) -> str:
    """One cell, padded."""
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def per_cent(part: float, whole: float) -> float:
    """`part` of `whole` in per cent; of nothing everything."""
    return 100.0 if whole == 0 else 100.0 * part / whole
