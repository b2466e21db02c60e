"""The plot `tokens.svg`: CPU time of a request against the number of tokens, drawn from the raw data."""

from html import escape
from math import log10

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 44, 48
COLORS = ["#1b6ca8", "#c8553d", "#588157", "#8a5fa8"]


def draw(found: dict) -> str:
    """The picture of the table `tokens`."""
    counts = list(found)
    names = list(found[counts[0]]["rows"])
    series = {name: [found[count]["rows"][name]["cpu_us"] for count in counts] for name in names}
    top = _round_up(max(value for values in series.values() for value in values))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13" fill="#333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 22, "CPU time of a request (µs), by number of tokens", size=15),
        *_grid_lines(top),
        *(_text(x, HEIGHT - 20, f"{int(count):,}", "middle") for x, count in zip(_xs(counts), counts)),
    ]
    ends = _labels([_y(values[-1], top) for values in series.values()])
    for (name, values), color, end in zip(series.items(), COLORS, ends):
        points = [(x, _y(value, top)) for x, value in zip(_xs(counts), values)]
        parts += _line(f"{name} {values[-1]:.1f}", points, color, end)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _round_up(value: float) -> int:
    """The next multiple of 10 above."""
    return int(value // 10 + 1) * 10


def _xs(counts: list[str]) -> list[float]:
    """Where the numbers of tokens stand, by their logarithms."""
    powers = [log10(int(count)) for count in counts]
    span = (powers[-1] - powers[0]) or 1
    return [LEFT + (power - powers[0]) / span * (WIDTH - LEFT - RIGHT) for power in powers]


def _y(value: float, top: int) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13, color: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{color}">{escape(text)}</text>'


def _grid_lines(top: int) -> list[str]:
    parts = []
    for value in range(0, top + 1, 10 if top <= 60 else 20):
        y = _y(value, top)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, str(value), "end"))
    return parts


def _labels(heights: list[float]) -> list[float]:
    """Where names stand, so that none covers another."""
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    placed = list(heights)
    for above, below in zip(order, order[1:]):
        placed[below] = max(placed[below], placed[above] + 16)
    return placed


def _line(label: str, points: list[tuple[float, float]], color: str, label_at: float) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in points]
    text = _text(WIDTH - RIGHT + 12, label_at + 4, label, color=color)
    return [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>', *dots, text]
