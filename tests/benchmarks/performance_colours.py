"""The colours of the page's pictures, on white and on the dark ground."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DARK", "LIGHT", "Colours"]


@dataclass(frozen=True)
class Colours:
    """What diffkit, the quiet rest, pale parts, words and every other tool are drawn in."""

    dark: bool
    accent: str
    muted: str
    pale: str
    ink: str
    on_accent: str
    tools: dict[str, str] = field(default_factory=dict)


# The other tools: the colours of Okabe and Ito (2008), the blue lighter on the dark ground.
TOOLS = {
    "autograd": "#5B6470", "casadi_mx": "#0072B2", "jax": "#009E73", "numdifftools": "#CC79A7",
    "pytensor_c": "#56B4E9", "torch": "#E69F00",
}  # fmt: skip
LIGHT = Colours(False, "#D55E00", "#5B6470", "#C9CDD2", "#1A1A1A", "#FFFFFF", TOOLS)
DARK = Colours(
    True, "#FF8A4C", "#A9B3BD", "#46515C", "#F2F2F2", "#14181D",
    TOOLS | {"autograd": "#A9B3BD", "casadi_mx": "#6A8DF4", "jax": "#2DBE91"},
)  # fmt: skip
