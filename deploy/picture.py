"""A graph of hashtags as a picture: its largest communities, each in a place of its own, with labels that can be read.

Needs the `matplotlib`, `networkx` and `numpy` packages; imported when a picture is drawn.
"""
from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.graph import Community, Graph

FORMATS = (".svg", ".png", ".pdf")
#: Of Okabe and Ito, who chose them for people who see colours differently; darker, where a label has to be read.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B0578D", "#8A6D00", "#2F7FB5", "#5B4A9E", "#7A3E2B", "#3C6E3C",
            "#555555")
#: Where this machine has them, for tags in other scripts. In an SVG letters are left to who shows it.
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans Arabic", "Noto Sans Hebrew",
          "Noto Sans Thai", "Noto Sans Devanagari", "Noto Sans Sinhala", "WenQuanYi Zen Hei", "Unifont")
_SPREAD = 0.36          # of a community's cell that its tags take, to each side
# A halo would turn an SVG's letters into outlines, of which some are then missing.
_BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.4}
_APART = 0.16           # of a cell, between any two tags
_SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))


def draw(graph: Graph, path: Path, title: str, communities: int = 9, tags: int = 10) -> bool:
    """The largest communities with their first tags by rank. Whether all its letters are there: a PNG has a box for
    one that no font of this machine has. OSError where the file cannot be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot

    shown = [Community(one.number, one.tags[:tags]) for one in graph.communities[:communities]]
    there = {font.name for font in font_manager.fontManager.ttflist}
    style: dict[Any, Any] = {"font.family": [name for name in _FONTS if name in there], "svg.fonttype": "none",
             "svg.hashsalt": "hashtide"}
    with matplotlib.rc_context(style), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        columns = math.ceil(math.sqrt(len(shown)))
        lines = math.ceil(len(shown) / columns)
        figure, axes = pyplot.subplots(figsize=(4.4 * columns, 3.6 * lines + 0.8), layout="constrained")
        try:
            axes.set_title(title, fontsize=13, loc="left")
            _fill(figure, axes, graph, shown, columns)
            # No date, so that the same graph makes the same file.
            dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
            figure.savefig(path, dpi=120, metadata=dated)
        finally:
            pyplot.close(figure)
    return path.suffix.lower() == ".svg" or not any("missing from" in str(one.message) for one in warned)


def _fill(figure: Any, axes: Any, graph: Graph, shown: Sequence[Community], columns: int) -> None:
    lines = math.ceil(len(shown) / columns)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-lines + 0.4, 0.6)
    axes.set_axis_off()
    places = {tag: where for n, one in enumerate(shown) for tag, where in
              _layout(one, graph.links, n % columns, -(n // columns)).items()}
    of = {tag.tag: n for n, one in enumerate(shown) for tag in one.tags}
    for tag, other in graph.links:
        if tag in of and other in of:
            same = of[tag] == of[other]
            axes.plot(*zip(places[tag], places[other], strict=True), zorder=1, linewidth=1.3 if same else 0.7,
                      color=_COLOURS[of[tag] % len(_COLOURS)] if same else "#999999", alpha=0.35 if same else 0.25)
    most = max(tag.pagerank for one in shown for tag in one.tags)
    for n, one in enumerate(shown):
        colour = _COLOURS[n % len(_COLOURS)]
        axes.scatter([places[tag.tag][0] for tag in one.tags], [places[tag.tag][1] for tag in one.tags], zorder=2,
                     s=[40 + 420 * tag.pagerank / most for tag in one.tags], color=colour, edgecolor="white")
        whole = next(other for other in graph.communities if other.number == one.number)
        axes.text(n % columns - 0.47, -(n // columns) + 0.53, f"{one.number}. {len(whole.tags):,} tags", color=colour,
                  fontsize=10, fontweight="bold", va="top")
    figure.canvas.draw()   # so that the labels' places can be told in dots
    _label(figure, axes, shown, places, most)


def _layout(one: Community, links: Sequence[tuple[str, str]], column: int, line: int) -> dict[str, tuple[float, float]]:
    """Within its cell; the more links two tags have in common, the nearer they are, unless one would hide the other:
    then all are on an oval, in the same order."""
    import networkx as nx

    mine = nx.Graph()
    mine.add_nodes_from(tag.tag for tag in one.tags)
    mine.add_edges_from(link for link in links if link[0] in mine and link[1] in mine)
    found = nx.spring_layout(mine, k=2.2 / math.sqrt(len(mine)), iterations=200, seed=1)
    xs, ys = _stretched([where[0] for where in found.values()]), _stretched([where[1] for where in found.values()])
    places = dict(zip(found, zip(xs, ys, strict=True), strict=True))
    if min((math.dist(places[a], places[b]) for a in places for b in places if a != b), default=1) < _APART:
        around = sorted(places, key=lambda tag: math.atan2(places[tag][1], places[tag][0]))
        turn = 2 * math.pi / len(around)
        places = {tag: (_SPREAD * math.cos(n * turn), _SPREAD * math.sin(n * turn)) for n, tag in enumerate(around)}
    return {tag: (column + x, line + y - 0.03) for tag, (x, y) in places.items()}


def _stretched(values: Sequence[float]) -> list[float]:
    low, size = float(min(values)), float(max(values) - min(values))
    return [_SPREAD * (2 * (float(value) - low) / size - 1) if size > 1e-9 else 0.0 for value in values]


def _label(figure: Any, axes: Any, shown: Sequence[Community], places: dict[str, tuple[float, float]],
           most: float) -> None:
    """Each beside its tag, on the side where it hides least; the first by rank choose first."""
    renderer, taken, dots = figure.canvas.get_renderer(), list[Any](), figure.dpi / 72
    points = {tag: axes.transData.transform(where) for tag, where in places.items()}
    ranked = sorted((tag.pagerank, tag.tag, n) for n, one in enumerate(shown) for tag in one.tags)[::-1]
    for rank, tag, n in ranked:
        size, away = 8 + 3 * rank / most, 4 + math.sqrt((40 + 420 * rank / most) / math.pi)
        best = None
        for side, (x, y) in enumerate(_SIDES):
            text = axes.annotate(f"#{tag}", places[tag], (x * away, y * away), textcoords="offset points", zorder=3,
                                 fontsize=size, color=_COLOURS[n % len(_COLOURS)], parse_math=False,
                                 va=_anchor(y, "bottom", "top", "center"), ha=_anchor(x, "left", "right", "center"),
                                 bbox=_BEHIND)
            box = text.get_window_extent(renderer)
            hides = sum(_overlap(box, other) for other in taken) + 40 * sum(
                box.x0 - 3 * dots < x1 < box.x1 + 3 * dots and box.y0 - 3 * dots < y1 < box.y1 + 3 * dots
                for other, (x1, y1) in points.items() if other != tag) + side
            if best is None or hides < best[0]:
                if best is not None:
                    best[1].remove()
                best = (hides, text, box)
            else:
                text.remove()
        assert best
        taken.append(best[2])


def _anchor(way: float, ahead: str, behind: str, neither: str) -> str:
    return ahead if way > 0 else behind if way < 0 else neither


def _overlap(one: Any, other: Any) -> float:
    return float(max(0.0, min(one.x1, other.x1) - max(one.x0, other.x0)) * max(
        0.0, min(one.y1, other.y1) - max(one.y0, other.y0)))
