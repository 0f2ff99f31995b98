"""Physics, chemistry, biology, engineering and finance: formulas and short simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp
from trial import TrialSet

trials = TrialSet("Feynman, Leighton & Sands 1963")
NO_FORMULA = ("symbolic",)  # it grows beyond its budget of operations


# Forces and motion --------------------------------------------------------------------------------


@trials.at([[0.0, 0.1, 0.0], [1.2, -0.1, 0.3], [0.4, 1.1, -0.2]], source="Lennard-Jones 1924")
def cluster_energy(r: Any) -> Any:
    i, j = np.triu_indices(3, 1)
    inverse = 1 / np.sum((r[i] - r[j]) ** 2, axis=1) ** 3
    return 4 * np.sum(inverse**2 - inverse)


@trials.at([[0.0, 0.1], [1.2, -0.1], [0.4, 1.1]], [1.0, -0.5, 0.8], source="Coulomb 1785")
def coulomb_energy(r: Any, charge: Any) -> Any:
    apart = np.linalg.norm(r[:, None] - r + np.eye(3)[..., None], axis=-1)
    return 0.5 * np.sum(np.outer(charge, charge) * (1 - np.eye(3)) / apart)


@trials.at(1.3, 0.7, 0.9, source="Morse 1929")
def morse_potential(depth: Any, width: Any, r: Any) -> Any:
    return depth * (1 - np.exp(-width * (r - 0.74))) ** 2


@trials.at([0.9, 0.2, -0.1], [0.1, 1.1, 0.3], source="Kepler 1619")
def kepler_energy(r: Any, v: Any) -> Any:
    return 0.5 * v @ v - 1 / np.linalg.norm(r)


@trials.at(
    [0.9, 0.2, -0.1],
    [0.1, 1.1, 0.3],
    source="Laplace 1799, Runge 1919, Lenz 1924",
    refuses=NO_FORMULA,
)
def eccentricity(r: Any, v: Any) -> Any:
    return np.linalg.norm(np.cross(v, np.cross(r, v)) - r / np.linalg.norm(r))


@trials.at(1.1, 0.2, source="Verlet 1967, leapfrog")
def pendulum(angle: Any, speed: Any) -> Any:
    h = 0.1
    for _ in range(4):
        speed = speed - 0.5 * h * np.sin(angle)
        angle = angle + h * speed
        speed = speed - 0.5 * h * np.sin(angle)
    return 0.5 * speed**2 - np.cos(angle)


@trials.at([0.4, 1.1], [0.3, -0.7], source="Landau & Lifshitz 1969, §5")
def double_pendulum(q: Any, q_dot: Any) -> Any:
    kinetic = q_dot[0] ** 2 + 0.5 * q_dot[1] ** 2 + np.prod(q_dot) * np.cos(q[0] - q[1])
    return kinetic + 9.81 * (2 * np.cos(q[0]) + np.cos(q[1]))


@trials.at([0.4, 0.1], [0.3, -0.2], source="Hénon & Heiles 1964")
def henon_heiles(q: Any, p: Any) -> Any:
    x, y = q
    return 0.5 * (p @ p + q @ q) + x**2 * y - y**3 / 3


@trials.at([0.5, -0.2, 0.9], 0.3, source="Fermi, Pasta, Ulam & Tsingou 1955")
def anharmonic_chain(x: Any, alpha: Any) -> Any:
    stretch: Any = np.diff(np.pad(x, 1))
    return np.sum(stretch**2 / 2 + alpha * stretch**3 / 3)


@trials.at(300.0, 40.0, 0.3, source="Tsiolkovsky 1903")
def rocket(exhaust: Any, fuel: Any, time: Any) -> Any:
    return exhaust * np.log((10 + fuel) / (10 + fuel * (1 - time))) - 9.81 * time


@trials.at(0.6, 30.0, source="a throw with drag, Euler's method")
def range_of_a_throw(angle: Any, speed: Any) -> Any:
    x = np.zeros(2)
    v = np.stack([speed * np.cos(angle), speed * np.sin(angle)])
    for _ in range(2):
        v = v + 0.1 * (np.array([0.0, -9.81]) - 0.01 * np.linalg.norm(v) * v)
        x = x + 0.1 * v
    return x[0]


@trials.at(0.6, 0.8, source="Einstein 1905")
def relativistic_energy(speed: Any, mass: Any) -> Any:
    return mass / np.sqrt(1 - speed**2) - mass


@trials.at([1.0, 1.2, 0.9], source="Lorenz 1963, Euler's method")
def lorenz_attractor(state: Any) -> Any:
    x, y, z = state
    for _ in range(4):
        x, y, z = (x + 0.1 * (y - x), y + 0.01 * (x * (28 - z) - y), z + 0.01 * (x * y - 2.7 * z))
    return x * z


# Fields, light, heat ------------------------------------------------------------------------------


@trials.at(1.4, 0.8, source="Planck 1900")
def planck(frequency: Any, temperature: Any) -> Any:
    return frequency**3 / np.expm1(frequency / temperature)


@trials.at(1e-9, 0.8, source="Planck 1900, where eˣ − 1 cancels", scale=1e-9)
def planck_at_low_frequency(frequency: Any, temperature: Any) -> Any:
    return frequency**3 / np.expm1(frequency / temperature) * 1e18


@trials.at(1.1, 2.4, source="van der Waals 1873")
def van_der_waals(temperature: Any, volume: Any) -> Any:
    return 8 * temperature / (3 * volume - 1) - 3 / volume**2


@trials.at(0.7, source="Debye 1912, by the trapezoidal rule")
def debye_energy(x: Any) -> Any:
    t = np.linspace(1e-3, 1.0, 7) * x
    return 3 / x**3 * np.trapezoid(t**3 / np.expm1(t), t)


@trials.at(0.5, source="Snell 1621, Fresnel 1823")
def fresnel_reflection(angle: Any) -> Any:
    inside = np.arcsin(np.sin(angle) / 1.5)
    s = np.sin(angle - inside) / np.sin(angle + inside)
    p = np.tan(angle - inside) / np.tan(angle + inside)
    return (s**2 + p**2) / 2


@trials.at(0.3, 1.7, source="Airy 1831")
def interferometer(reflectivity: Any, phase: Any) -> Any:
    return 1 / (1 + 4 * reflectivity / (1 - reflectivity) ** 2 * np.sin(phase) ** 2)


@trials.at(0.9, 0.4, source="Airy 1835, diffraction by a circle", refuses=("complex",))
def airy_disc(size: Any, angle: Any) -> Any:
    u = 3 * size * np.sin(angle)
    return (2 * sp.j1(u) / u) ** 2


@trials.at(0.6, 0.35, source="Fourier 1822, heat in a half space")
def heat_in_a_half_space(depth: Any, time: Any) -> Any:
    return sp.erfc(depth / (2 * np.sqrt(time)))


@trials.at([0.2, 0.7, 0.4], source="Poisson 1813, five equations")
def poisson_equation(load: Any) -> Any:
    stiffness = 2 * np.eye(3) - np.eye(3, k=1) - np.eye(3, k=-1)
    return load @ np.linalg.solve(stiffness, load)


@trials.at(0.5, 1.2, source="Weiss 1907, Ising 1925")
def mean_field_magnetisation(field: Any, temperature: Any) -> Any:
    m = 0.8
    for _ in range(6):
        m = np.tanh((m + field) / temperature)
    return m


@trials.at(0.4, 0.2, source="Kramers & Wannier 1941, the transfer matrix")
def ising_chain(coupling: Any, field: Any) -> Any:
    cosh = np.exp(coupling) * np.cosh(field)
    root = np.sqrt(np.exp(2 * coupling) * np.sinh(field) ** 2 + np.exp(-2 * coupling))
    return np.log(cosh + root)


@trials.at([0.3, 1.1, 0.7, 1.9], source="Boltzmann 1877")
def free_energy(levels: Any) -> Any:
    return -np.log(np.sum(np.exp(-levels / 0.6))) * 0.6


# Engineering --------------------------------------------------------------------------------------


@trials.at(2.0, 0.4, 0.05, source="Euler & Bernoulli 1750")
def cantilever(load: Any, length: Any, height: Any) -> Any:
    inertia = 0.03 * height**3 / 12
    return load * length**3 / (3 * 210e3 * inertia)


@trials.at(47.0, 2.2e-3, 0.08, source="a resistor and a capacitor", scale=1e-3)
def charging_capacitor(resistance: Any, capacity: Any, time: Any) -> Any:
    return 5.0 * -np.expm1(-time / (resistance * capacity))


@trials.at(10.0, 0.3, 0.02, 14.0, source="a resonant circuit by real arithmetic")
def impedance(r: Any, inductance: Any, capacity: Any, omega: Any) -> Any:
    return np.hypot(r, omega * inductance - 1 / (omega * capacity))


@trials.at(0.62, source="Shockley 1949")
def diode_current(voltage: Any) -> Any:
    return 1e-9 * np.expm1(voltage / 0.0259) - (1.0 - voltage) / 100


@trials.at(3.1e4, 1e-3, source="Colebrook 1939, a fixed point")
def pipe_friction(reynolds: Any, roughness: Any) -> Any:
    s = 7.0
    for _ in range(5):
        s = -2 * np.log10(roughness / 3.7 + 2.51 * s / reynolds)
    return 1 / s**2


@trials.at(1.6, 0.9, source="Prandtl & Meyer 1908")
def expansion_fan(mach: Any, scale: Any) -> Any:
    ratio = np.sqrt(6.0)
    beta = np.sqrt(mach**2 - 1)
    return scale * (ratio * np.arctan(beta / ratio) - np.arctan(beta))


@trials.at([0.4, -0.9, 1.2], source="Denavit & Hartenberg 1955, an arm in the plane")
def reach_of_an_arm(angles: Any) -> Any:
    directions = np.cumsum(angles)
    return np.hypot(np.sum(np.cos(directions)), np.sum(np.sin(directions)))


@trials.at([0.3, -0.5, 0.2, 0.7], [1.0, -0.4, 0.6], source="Hamilton 1843")
def quaternion_rotation(q: Any, v: Any) -> Any:
    q = q / np.linalg.norm(q)
    turned = v + 2 * np.cross(q[1:], np.cross(q[1:], v) + q[0] * v)
    return turned @ [1.0, 2.0, 3.0]


@trials.at([0.3, -0.5, 0.2], source="Rodrigues 1840")
def rotation_vector(w: Any) -> Any:
    angle = np.sqrt(np.sum(w**2))
    k = np.cross(np.eye(3), w / angle)
    turn = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    return turn[0, 1] + 2 * turn[2, 0]


@trials.at(52.5, 13.4, source="Sinnott 1984, great circles by haversines")
def distance_on_the_globe(latitude: Any, longitude: Any) -> Any:
    here, there = np.radians(latitude), np.radians(48.1)
    apart = np.radians(longitude - 11.6)
    h = np.sin((here - there) / 2) ** 2 + np.cos(here) * np.cos(there) * np.sin(apart / 2) ** 2
    return 2 * 6371 * np.arcsin(np.sqrt(h))


# Life, chemistry, money ---------------------------------------------------------------------------


@trials.at(1.8, 0.6, 0.9, source="Michaelis & Menten 1913")
def enzyme_kinetics(rate: Any, half: Any, substrate: Any) -> Any:
    return rate * substrate / (half + substrate)


@trials.at(1.8, 0.6, 2.3, source="Hill 1910")
def cooperative_binding(ligand: Any, half: Any, n: Any) -> Any:
    return ligand**n / (half**n + ligand**n)


@trials.at(0.4, 0.1, source="Kermack & McKendrick 1927", refuses=NO_FORMULA)
def epidemic(contact: Any, recovery: Any) -> Any:
    s, i = 0.99, 0.01
    for _ in range(7):
        new, healed = contact * s * i, recovery * i
        s, i = s - new, i + new - healed
    return i


@trials.at(0.3, 0.08, source="FitzHugh 1961, Nagumo 1962")
def nerve(current: Any, slowness: Any) -> Any:
    v, w = 0.1, 0.0
    for _ in range(3):
        v, w = v + 0.3 * (v - v**3 / 3 - w + current), w + 0.3 * slowness * (v + 0.7 - 0.8 * w)
    return v


@trials.at(310.0, source="Arrhenius 1889")
def reaction_rate(temperature: Any) -> Any:
    return 1e10 * np.exp(-5e4 / (8.314 * temperature))


@trials.at(0.02, source="an acid's equilibrium, the stable root")
def concentration_of_protons(acid: Any) -> Any:
    constant = 1.8e-5
    return 2 * constant * acid / (constant + np.sqrt(constant**2 + 4 * constant * acid))


@trials.at(100.0, 105.0, 0.2, 0.75, source="Black & Scholes 1973")
def option_price(spot: Any, strike: Any, volatility: Any, time: Any) -> Any:
    spread = volatility * np.sqrt(time)
    d = (np.log(spot / strike) + (0.02 + volatility**2 / 2) * time) / spread
    return spot * sp.ndtr(d) - strike * np.exp(-0.02 * time) * sp.ndtr(d - spread)


@trials.at(0.04, 1.5, 0.3, source="Heston 1993, one path by Euler's method")
def stochastic_volatility(variance: Any, pull: Any, roughness: Any) -> Any:
    log_price = 0.0
    for z, w in [(0.3, -0.8), (1.1, 0.4), (-0.6, 0.2)]:
        step = np.sqrt(np.maximum(variance, 0) * 0.1)
        log_price = log_price - variance * 0.05 + step * z
        variance = variance + pull * (0.05 - variance) * 0.1 + roughness * step * w
    return np.exp(log_price)


@trials.at(0.05, source="an annuity's present value")
def annuity(rate: Any) -> Any:
    return np.sum(100 / (1 + rate) ** np.arange(1, 11))


@trials.at([0.3, 0.5, 0.2], source="Markowitz 1952")
def portfolio_risk(w: Any) -> Any:
    covariance = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, 0.02], [0.0, 0.02, 0.16]])
    return np.dot([0.05, 0.08, 0.11], w) / np.sqrt(np.einsum("i,ij,j", w, covariance, w))
