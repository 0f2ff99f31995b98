// Expressions to begin with. Each shows one thing, which its lesson says.

export interface Example {
  name: string;
  text: string;
  at: Record<string, number>;
  /** Where the sliders end, when that is part of the lesson. */
  windows?: Record<string, [number, number]>;
  /** The variable that shows it best; the first unless said. */
  over?: string;
  lesson: string;
}

const FACTORS = Array.from({ length: 10 }, (_, place) => `x${place + 1}`);

export const EXAMPLES: Example[] = [
  {
    name: "Two paths",
    text: "log(x1) + x1*x2 - sin(x2)",
    at: { x1: 2, x2: 5 },
    windows: { x1: [0.1, 8.1], x2: [1, 9] },
    over: "x2",
    lesson: "The example of Baydin and others (2018): both inputs reach f on two paths, and the adjoints of the paths add up.",
  },
  {
    name: "A neuron's loss",
    text: "(tanh(w*x + b) - y)**2",
    at: { w: -0.3, x: 0.5, b: 1.2, y: 1 },
    lesson: "One neuron, one example, squared error: one reverse sweep gives the slopes of weight and bias together.",
  },
  {
    name: "A kink",
    text: "relu(x)*cos(x)",
    at: { x: 0 },
    windows: { x: [-3, 3] },
    lesson: "At 0 there is no derivative. Central differences average the two sides; the exact methods take the declared choice.",
  },
  {
    name: "Cancellation",
    text: "(1 - cos(x))/x**2",
    at: { x: 0.001 },
    windows: { x: [-0.01, 0.01] },
    lesson: "1 − cos x loses its digits near 0, so even an exact derivative of this text is wrong. The remedy is another formula.",
  },
  {
    name: "Swell",
    text: "64*x*(1-x)*(1-2*x)**2*(1-8*x+8*x**2)**2",
    at: { x: 0.2 },
    windows: { x: [0, 1] },
    lesson: "Four steps of the logistic map: the formula of the derivative is several times as long as f. See the tab Swell.",
  },
  {
    name: "Valley",
    text: "(1 - x)**2 + 100*(y - x**2)**2",
    at: { x: -1.2, y: 1 },
    windows: { x: [-2, 2], y: [-1, 3] },
    lesson: "Rosenbrock's valley: the gradient points across the valley, hardly ever along it to the minimum at (1, 1).",
  },
  {
    name: "Ten variables",
    text: FACTORS.join("*"),
    at: Object.fromEntries(FACTORS.map((name, place) => [name, 1 + place / 10])),
    lesson: "Speelpenning's product: forward mode needs ten sweeps, reverse mode one. Compare their evaluations.",
  },
  {
    name: "Tiny steps",
    text: "exp(x)/sqrt(sin(x)**3 + cos(x)**3)",
    at: { x: 1.5 },
    windows: { x: [-0.7, 2.2] },
    lesson: "Squire and Trapp (1998): a complex step of 10⁻¹⁰⁰ loses no digit where real differences lose half. See the tab Step size.",
  },
  {
    name: "Wiggles",
    text: "sin(1/x)",
    at: { x: 0.05 },
    windows: { x: [0.02, 0.3] },
    lesson: "The faster f turns, the less room a step has: finite differences lose digits that autodiff keeps.",
  },
  {
    name: "Overflow",
    text: "log(1 + exp(x))",
    at: { x: 20 },
    windows: { x: [-5, 800] },
    lesson: "Beyond x = 709 exp(x) is infinite and every method answers NaN. softplus(x) is the same function, and survives.",
  },
];
