// Where the page begins.

import { App } from "./app";
import type { Tab } from "./contract";
import { graph } from "./tabs/graph";
import { lines } from "./tabs/lines";
import { schedules } from "./tabs/schedules";
import { steps } from "./tabs/steps";
import { swell } from "./tabs/swell";
import { training } from "./tabs/training";

const TABS: Tab[] = [graph, steps, swell, lines, training, schedules];

const place = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page lacks #${id}`);
  return found;
};

const token = new URLSearchParams(location.search).get("token") ?? "";
const app = new App({
  expression: place("expression"), formula: place("formula"), point: place("point"), picture: place("picture"),
  methods: place("methods"), tabs: place("tabs"), tools: place("tools"), announce: place("announce"),
}, token, TABS);
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the address's fragment holds the state
  place("methods").focus();
});
void app.start().then(() => document.documentElement.setAttribute("data-ready", ""));
