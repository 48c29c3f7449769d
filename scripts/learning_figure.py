"""The figure of scripts/bench-learning, as SVG text. For each model: held-out loss against tokens,
and below it, enlarged, the difference to fp32's mean. Lines are means over the seeds; bands are two
standard errors of that mean, below only fp32's: the question is whether the others leave it. The
card has its own background and follows a dark colour scheme.
"""
import math

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de; }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
         font-size: 12px; fill: #424a53; }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328; }
  .grid { stroke: #e4e8ec; } .axis { stroke: #8c959f; }
  .line { fill: none; stroke-linejoin: round; stroke-linecap: round; } .band { opacity: 0.16; }
  .exact { stroke: #0969da; } .fp32 { stroke: #d4620a; } .bf16 { stroke: #1a8f5c; }
  .band.exact { fill: #0969da; stroke: none; } .band.fp32 { fill: #d4620a; stroke: none; }
  .band.bf16 { fill: #1a8f5c; stroke: none; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #30363d; } text { fill: #9da7b3; } .title { fill: #e6edf3; }
    .grid { stroke: #21262d; } .axis { stroke: #6e7681; } .band { opacity: 0.22; }
    .exact { stroke: #58a6ff; } .fp32 { stroke: #f0883e; } .bf16 { stroke: #3fb950; }
    .band.exact { fill: #58a6ff; } .band.fp32 { fill: #f0883e; } .band.bf16 { fill: #3fb950; }
  }
"""
# Where lines lie on each other the upper ones are dashed, so that all of them are seen.
LINES = {"fp32": 'stroke-width="4" stroke-opacity="0.55"', "exact": 'stroke-width="1.8"',
         "bf16": 'stroke-width="1.8" stroke-dasharray="2 5"'}
NAMES = {"exact": "exact", "fp32": "native fp32", "bf16": "native bf16"}
PANEL_WIDTH, COLUMN, LEFT, TOP = 390, 480, 72, 92
UPPER, LOWER, GAP = 250, 130, 44


def round_steps(low, high, count):
    """Round numbers within [low, high], about `count` of them."""
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def written(places):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


class Panel:
    """A pair of axes. Maps values to places and collects elements."""

    def __init__(self, left, top, height, x_range, y_range):
        self.left, self.top, self.height = left, top, height
        self.x_range, self.y_range = x_range, y_range
        self.parts = []

    def place(self, x, y):
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (self.left + (x - x0) / (x1 - x0) * PANEL_WIDTH,
                self.top + self.height - (y - y0) / (y1 - y0) * self.height)

    def text(self, x, y, content, attributes=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{content}</text>')

    def rule(self, x1, y1, x2, y2, name):
        self.parts.append(f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}"/>')

    def axes(self, x_label, y_label, y_format):
        right, bottom = self.left + PANEL_WIDTH, self.top + self.height
        for value in round_steps(*self.y_range, self.height / 32):
            y = self.place(0, value)[1]
            self.rule(self.left, y, right, y, "grid")
            self.text(self.left - 8, y + 4, y_format(value), 'text-anchor="end"')
        for value in round_steps(*self.x_range, 5):
            x = self.place(value, 0)[0]
            self.rule(x, bottom, x, bottom + 4, "axis")
            if x_label:
                self.text(x, bottom + 18, f"{value / 1000:g}", 'text-anchor="middle"')
        self.rule(self.left, bottom, right, bottom, "axis")
        if x_label:
            self.text((self.left + right) / 2, bottom + 37, x_label, 'text-anchor="middle"')
        x, y = self.left - 54, self.top + self.height / 2
        self.text(x, y, y_label, f'text-anchor="middle" transform="rotate(-90 {x:.1f} {y:.1f})"')

    def band(self, name, points):
        """`points`: (x, mean, standard error)."""
        upper = [self.place(x, mean + 2 * error) for x, mean, error in points]
        lower = [self.place(x, mean - 2 * error) for x, mean, error in reversed(points)]
        self.parts.append(f'<polygon class="band {name}" points="{written(upper + lower)}"/>')

    def line(self, name, points):
        places = [self.place(x, mean) for x, mean, _ in points]
        self.parts.append(f'<polyline class="line {name}" {LINES[name]} '
                          f'points="{written(places)}"/>')


def ends(*curves):
    """Every end of every band."""
    return [mean + sign * 2 * error for points in curves for _, mean, error in points
            for sign in (-1, 1)]


def padded(values, share):
    low, high = min(values), max(values)
    margin = (high - low or 1) * share
    return low - margin, high + margin


def order(parts):
    """The wide line is drawn first."""
    return [name for name in LINES if name in parts]


def loss_panel(curves, left, x_range):
    panel = Panel(left, TOP, UPPER, x_range, padded(ends(*curves.values()), 0.05))
    panel.axes("", "held-out loss, nats/token", lambda value: f"{value:g}")
    for name in order(curves):
        panel.band(name, curves[name])
    for name in order(curves):
        panel.line(name, curves[name])
    return panel


def difference_panel(curves, left, x_range):
    """In thousandths of a nat, around fp32's mean."""
    base = curves["fp32"]
    shifted = {name: [(x, 1000 * (mean - zero), 1000 * error)
                      for (x, mean, error), (_, zero, _) in zip(points, base)]
               for name, points in curves.items()}
    reach = ends(shifted["fp32"]) + [mean for points in shifted.values() for _, mean, _ in points]
    panel = Panel(left, TOP + UPPER + GAP, LOWER, x_range, padded(reach, 0.1))
    panel.axes("tokens trained, thousands", "minus fp32, 1/1000 nat",
               lambda value: f"{value:g}".replace("-", "&#8722;"))
    panel.band("fp32", shifted["fp32"])
    for name in order(shifted):
        panel.line(name, shifted[name])
    return panel


def legend(x, y):
    parts = []
    for name in ("exact", "fp32", "bf16"):
        parts.append(f'<line class="{name}" {LINES[name]} x1="{x}" y1="{y}" x2="{x + 30}" '
                     f'y2="{y}"/><text x="{x + 38}" y="{y + 4}">{NAMES[name]}</text>')
        x += 130
    parts.append(f'<text x="{x}" y="{y + 4}">lines: mean over seeds; bands: &#177; 2 standard '
                 'errors of it</text>')
    return parts


def column(recipe, model, left):
    tokens = model["tokens_per_step"]
    curves = {name: [(step * tokens, mean, error) for step, mean, error in part["curve"]]
              for name, part in model["arithmetic"].items()}
    xs = [x for points in curves.values() for x, _, _ in points]
    x_range = (0, max(xs))
    upper = loss_panel(curves, left, x_range)
    seeds = len(model["arithmetic"]["exact"]["seeds"])
    millions = model["parameters"] / 1e6
    title = f"{recipe}: {millions:.1f} million parameters, {seeds} seed" + "s" * (seeds > 1)
    upper.text(left, TOP - 14, title, 'class="title"')
    return upper.parts + difference_panel(curves, left, x_range).parts


def draw(models):
    """`models` as scripts/bench-learning compares them. Returns the SVG document."""
    width = LEFT + COLUMN * (len(models) - 1) + PANEL_WIDTH + 28
    height = TOP + UPPER + GAP + LOWER + 56
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}" role="img">',
             "<title>Held-out loss in exact, fp32 and bf16 arithmetic</title>",
             f"<style>{STYLE}</style>",
             f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" '
             'rx="8"/>']
    parts += legend(LEFT, 30)
    small_first = sorted(models.items(), key=lambda item: item[1]["parameters"])
    for index, (recipe, model) in enumerate(small_first):
        parts += column(recipe, model, LEFT + index * COLUMN)
    return "\n".join(parts + ["</svg>"]) + "\n"
