"""Colours as eyes see them: without red or green cones, and how far apart two of them look.

Colour blindness by G. M. Machado, M. M. Oliveira & L. A. F. Fernandes 2009, *A physiologically
based model for simulation of color vision deficiency*, table 1 at severity 1.0, on linear RGB.
Distances by CIEDE2000 (G. Sharma, W. Wu & E. N. Dalal 2005): about 2 is just noticeable, and 10 is
seen at a glance.  Contrast by WCAG 2.1, section 1.4.3.
"""

from __future__ import annotations

import numpy as np

EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array([
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]),
    "deuteranopia": np.array([
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]),
}  # fmt: skip
XYZ = np.array([  # of linear sRGB, IEC 61966-2-1
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
WHITE = XYZ.sum(axis=1)


def linear(colour: str) -> np.ndarray:
    """The linear RGB of ``#RRGGBB``."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours."""
    light, dark = sorted((float(XYZ[1] @ linear(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, eye: str) -> np.ndarray:
    """CIELAB of a colour as this eye sees it."""
    seen = np.clip(EYES[eye] @ linear(colour), 0.0, 1.0)
    t = XYZ @ seen / WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """CIEDE2000 between two CIELAB colours, with the names of Sharma et al. 2005."""
    chroma = (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    g = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    (a1, a2), (b1, b2) = (one[1] * g, other[1] * g), (one[2], other[2])
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc = other[0] - one[0], c2 - c1
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (one[0] + other[0]) / 2, (c1 + c2) / 2
    mean_h = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    wave = [
        weight * np.cos(np.radians(k * mean_h - phase))
        for weight, k, phase in ((-0.17, 1, 30), (0.24, 2, 0), (0.32, 3, -6), (-0.20, 4, 63))
    ]
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * (1 + sum(wave))
    turned = np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2)))
    r_t = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)) * np.sin(turned)
    parts = np.array([dl / s_l, dc / s_c, dh / s_h])
    return float(np.sqrt(parts @ parts + r_t * parts[1] * parts[2]))
