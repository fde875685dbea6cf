"""Draws every figure of the documentation from data in the repository: `python -m docs.figures`."""

from __future__ import annotations

from docs.figures import data_card, forecast, gke, onprem

FIGURES = [data_card.draw, forecast.draw, onprem.draw, gke.draw]
"""Each writes its figures beside itself."""

if __name__ == "__main__":
    for draw in FIGURES:
        draw()
