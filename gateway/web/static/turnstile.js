// The turnstile's transition diagram, with the state it is in and the last transition lit.
//
// States and transitions come from turnstile.json, which a test holds against the firmware's table; only where each is
// drawn stands here. A transition that leaves the state as it is is not drawn; the release to all (`fire_on`) leads to
// `free` from everywhere and is one arrow.

import { svg } from "./figures.js";

const PLACES = {
  locked: [95, 128], released: [320, 128], passing: [545, 128],
  refusing: [207, 34], intrusion: [95, 246], free: [320, 246], clearing: [545, 246],
};
const HALF = [58, 18];
// From, to: the way of the arrow, and where its event is written.
const ROUTES = {
  "locked>released": ["M153 121H260", 207, 113], "released>locked": ["M262 136H155", 207, 152],
  "released>passing": ["M378 121H485", 432, 113], "passing>released": ["M487 136H380", 432, 152],
  "passing>clearing": ["M545 146V226", 553, 190, "start"],
  "clearing>locked": ["M487 240C400 216 260 204 147 149", 418, 200],
  "locked>intrusion": ["M82 146V226", 74, 190, "end"], "intrusion>locked": ["M108 228V148", 116, 190, "start"],
  "locked>refusing": ["M80 110C80 74 100 36 147 31", 92, 60, "end"], "refusing>locked": ["M165 50C135 62 118 78 113 107", 148, 82, "start"],
  "refusing>released": ["M265 36C304 42 318 68 320 107", 322, 62, "start"],
  "refusing>intrusion": ["M150 26C70 10 18 30 18 128C18 190 18 240 35 246", 40, 14, "middle"],
  "free>clearing": ["M378 250H485", 428, 267],
  ">free": ["M207 288C240 288 288 284 306 266", 200, 292, "end"],
};
const EVERYWHERE = "fire_on";
const words = (name) => name.replaceAll("_", " ");

let table = null;
export async function loadTable() {
  table ??= fetch(new URL("./turnstile.json", import.meta.url)).then((answer) => answer.json());
  return table;
}

// The events that lead from one state to another: one, or several through states too short to be seen; [] if none do.
export function way({ transitions }, from, to) {
  const seen = new Set([from]);
  let reached = [{ state: from, steps: [] }];
  while (reached.length) {
    const next = [];
    for (const { state, steps } of reached) {
      for (const [event, after] of Object.entries(transitions[state] || {})) {
        if (after === state || seen.has(after)) continue;
        const more = [...steps, { from: state, event, to: after }];
        if (after === to) return more;
        if (event === EVERYWHERE) continue;
        seen.add(after);
        next.push({ state: after, steps: more });
      }
    }
    reached = next;
  }
  return [];
}

export class TurnstileDiagram {
  constructor(host, data) {
    this.data = data;
    this.nodes = new Map();
    this.arrows = new Map();
    this.root = svg("svg", { class: "turnstile", viewBox: "0 0 630 304", role: "img", "aria-label": "The turnstile's states and what leads from one to another" }, host);
    const lines = svg("g", {}, this.root), labels = svg("g", {}, this.root);
    const drawn = new Map();
    for (const [from, events] of Object.entries(data.transitions)) {
      for (const [event, to] of Object.entries(events)) {
        if (from === to) continue;
        const key = event === EVERYWHERE ? `>${to}` : `${from}>${to}`;
        drawn.set(key, drawn.get(key)?.includes(event) ? drawn.get(key) : [...(drawn.get(key) || []), event]);
      }
    }
    for (const [key, events] of drawn) {
      const [d, x, y, anchor = "middle"] = ROUTES[key] || this.straight(key);
      const arrow = svg("g", { class: "arrow", "data-way": key }, lines);
      svg("path", { d }, arrow);
      svg("path", { class: "tip", d: tip(arrow.firstChild) }, arrow);
      const label = svg("text", { x, y, "text-anchor": anchor, "data-way": key }, labels);
      label.textContent = key.startsWith(">") ? `${words(events[0])}, from any state` : events.map(words).join(", ");
      this.arrows.set(key, { arrow, label });
    }
    for (const name of Object.keys(data.states)) {
      const [x, y] = PLACES[name] || [320, 60];
      const node = svg("g", { class: "state", "data-state": name, "data-lamp": data.states[name].lamp, transform: `translate(${x} ${y})` }, this.root);
      svg("rect", { x: -HALF[0], y: -HALF[1], width: 2 * HALF[0], height: 2 * HALF[1], rx: HALF[1] }, node);
      svg("text", { y: 5, "text-anchor": "middle" }, node).textContent = words(name);
      this.nodes.set(name, node);
    }
  }

  straight(key) {
    const [from, to] = key.split(">").map((name) => PLACES[name] || [320, 60]);
    return [`M${from}L${to}`, (from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  }

  // The state is this now. Returns the transitions that led to it, if another was shown before.
  show(state) {
    if (state === this.state) return [];
    const steps = this.state ? way(this.data, this.state, state) : [];
    this.nodes.get(this.state)?.classList.remove("now");
    this.nodes.get(state)?.classList.add("now");
    this.state = state;
    for (const { arrow, label } of this.arrows.values()) { arrow.classList.remove("last"); label.classList.remove("last"); }
    for (const { from, event, to } of steps) {
      const found = this.arrows.get(event === EVERYWHERE ? `>${to}` : `${from}>${to}`);
      found?.arrow.classList.add("last");
      found?.label.classList.add("last");
    }
    return steps;
  }
}

function tip(path) {
  const numbers = path.getAttribute("d").match(/-?[\d.]+|[A-Z]/g);
  // The end and the direction of a way that ends in H, V, or C.
  let x = 0, y = 0, dx = 1, dy = 0, command = "";
  for (let index = 0; index < numbers.length;) {
    if (/[A-Z]/.test(numbers[index])) command = numbers[index++];
    const take = () => Number(numbers[index++]);
    if (command === "H") { const to = take(); [dx, dy, x] = [to - x, 0, to]; }
    else if (command === "V") { const to = take(); [dx, dy, y] = [0, to - y, to]; }
    else if (command === "C") { take(); take(); const [cx, cy, to, down] = [take(), take(), take(), take()]; [dx, dy, x, y] = [to - cx, down - cy, to, down]; }
    else { const [to, down] = [take(), take()]; [dx, dy, x, y] = [to - x, down - y, to, down]; }
  }
  const length = Math.hypot(dx, dy) || 1, [ux, uy] = [dx / length, dy / length];
  return `M${x} ${y}l${(-9 * ux - 5 * uy).toFixed(1)} ${(-9 * uy + 5 * ux).toFixed(1)}l${(10 * uy).toFixed(1)} ${(-10 * ux).toFixed(1)}z`;
}
