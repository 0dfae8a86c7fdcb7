// One gate, drawn to scale: from the side and from above, one moment at a time.
//
//   const drawing = new LaneDrawing(host, layout, { views: ["side", "top"], label, onBeam, maxHeight });
//   drawing.show(moment);      // as often as one likes; nodes are kept and moved
//   drawing.clear();           // nobody is there any more
//   drawing.destroy();
//
// `layout` is what a lane's settings say (docs/protocol.md, `layout`): beams [[x_mm, z_mm], …], arm [x_mm, height_mm,
// clearance_mm], make, width_mm, stand_mm, queue_mm, away_mm, way. `moment`: {state, arm (0 closed to 100 open), lamp,
// beams [0|1, …], bodies [{id, front_mm, kind, reverse, lift_mm, parts [{name, offset_mm, length_mm, low_mm, high_mm}]}],
// waiting, hands}. `momentOf(scene)` makes one of a scene as it is on the wire. Styles are in drawing.css.
//
// Rules: pure of time and network; what it is given it draws. Millimetres, the first beam at x = 0; beams numbered as the
// firmware does. A beam is shown broken when the moment says so, a part covers it where geometry says so.

import { covers, fromAbove, fromSide, svg } from "./figures.js";

export const USUAL = {
  way: "entry", make: "paddle", detector: "ordered", beams: [[0, 900], [150, 900], [300, 900], [450, 900]],
  arm: [225, 1000, 300], stand_mm: -300, queue_mm: -1000, away_mm: 1000, width_mm: 550,
};

// Who vaults an arm is raised by its height less what their legs are drawn up (simulator/world): the tallest must not leave
// the picture. Nobody gets over what is higher than CLIMBED_MM.
const TALLEST_MM = 2000, DRAWN_UP_MM = 300, CLIMBED_MM = 1800;
const HIGH_MM = 2740, CABINET_MM = 150, GAP_MM = 330;
const NARROW_PX = 560, WIDE = [-2050, 2050], NARROW = [-1450, 1450];
const MARKS = { wait: "M-34 0h68", ready: "M0 -34a34 34 0 1 0 .1 0", go: "M-40 0h76M8 -32l30 32l-30 32", stop: "M-30 -30L30 30M30 -30L-30 30" };
const SAYS = { wait: "busy", ready: "present your medium", go: "go", stop: "stop" };
const FADE_MS = 260;

export function momentOf(scene) {
  return {
    state: scene.state, arm: scene.arm, lamp: scene.lamp, beams: scene.beams, waiting: scene.waiting || 0, hands: scene.hands || [],
    bodies: scene.bodies.map(([id, front_mm, kind, reverse, lift_mm, parts]) => ({ id, front_mm, kind, reverse, lift_mm, parts: partsOf(parts) })),
  };
}

export function partsOf(parts) {
  return parts.map(([name, offset_mm, length_mm, low_mm, high_mm]) => ({ name, offset_mm, length_mm, low_mm, high_mm }));
}

// Which beams a body covers by geometry alone.
export function covered(body, beams) {
  return beams.map(([x, z]) => body.parts.some((part) => covers(part, body, x, z)));
}

const path = (parent, css, d, more) => svg("path", { class: css, d, ...more }, parent);
const text = (parent, css, x, y, words) => { const node = svg("text", { class: css, x, y }, parent); node.textContent = words; return node; };
const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
const say = (node, words) => { if (node.textContent !== words) node.textContent = words; };
const toggle = (node, css, on) => { if (node.classList.contains(css) !== on) node.classList.toggle(css, on); };

export class LaneDrawing {
  constructor(host, layout, options = {}) {
    this.host = host;
    this.layout = { ...USUAL, ...layout };
    this.views = options.views || ["side", "top"];
    this.label = options.label || "The lane";
    this.onBeam = options.onBeam || null;
    this.maxHeight = options.maxHeight || null; // CSS pixels, or a function that gives them: more of the lane is shown then
    this.bodies = new Map();
    this.root = svg("svg", { class: "lane-drawing", role: "img", "aria-label": `${this.label}, ${this.views.map((view) => (view === "side" ? "from the side" : "from above")).join(" and ")}` });
    host.appendChild(this.root);
    this.build();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(host);
    this.fit();
  }

  destroy() {
    this.observer.disconnect();
    this.root.remove();
  }

  clear() {
    for (const body of this.bodies.values()) for (const view of body.views) view.node.remove();
    this.bodies.clear();
  }

  // --- how much of the lane is in sight

  fit() {
    const width = this.host.clientWidth;
    if (!width) return;
    let [left, right] = width < NARROW_PX ? NARROW : WIDE;
    const most = typeof this.maxHeight === "function" ? this.maxHeight() : this.maxHeight;
    if (most) {
      const more = Math.max(0, ((this.bottom - this.top) * width) / most - (right - left)) / 2;
      [left, right] = [left - more, right + more];
    }
    const { beams, arm } = this.layout, last = Math.max(arm[0], ...beams.map(([x]) => x));
    const shift = Math.round(last / 2);
    this.left = left + shift;
    this.right = right + shift;
    const span = this.right - this.left;
    // The picture's units for one CSS pixel: what is written keeps its size.
    this.root.style.setProperty("--u", (span / width).toFixed(3));
    set(this.root, "viewBox", `${this.left} ${this.top} ${span} ${this.bottom - this.top}`);
    const floor = { x: this.left, width: span };
    for (const node of this.full) for (const key in floor) set(node, key, String(floor[key]));
    this.placeWaiting();
    this.placeWords(span / width);
  }

  // What is written stays whole: labels of the ruler that the edge would cut are left out, the lamp's words break.
  placeWords(unit) {
    if (!this.lampWords || this.right === undefined) return;
    for (const [x, node] of this.rulerWords) {
      const half = node.textContent.length * 3.6 * unit;
      set(node, "visibility", x - half < this.left || x + half > this.right ? "hidden" : "visible");
    }
    const words = SAYS[this.root.dataset.lamp] || "", beside = this.cabinet.to - 40, room = (this.right - beside) / unit - 4;
    const lines = words.length * 7.4 <= room ? [words] : words.split(/ (?=\S+$)/);
    const fits = Math.max(...lines.map((line) => line.length)) * 7.4 <= room, base = -this.cabinet.high - (fits ? 130 : 320), high = 15 * unit;
    const x = fits ? beside : this.right - 6 * unit;
    set(this.lampWords, "text-anchor", fits ? "start" : "end");
    this.lampWords.replaceChildren(...lines.map((line, index) => {
      const part = svg("tspan", { x, y: (base - (lines.length - 1 - index) * high + (fits ? ((lines.length - 1) * high) / 2 : 0)).toFixed(0) });
      part.textContent = index < lines.length - 1 ? `${line} ` : line;
      return part;
    }));
  }

  // --- what stands there

  build() {
    const { beams, arm, stand_mm, width_mm } = this.layout;
    this.full = [];
    const last = Math.max(arm[0], ...beams.map(([x]) => x));
    this.cabinet = { from: stand_mm + 60, to: last + 330, high: Math.max(1020, ...beams.map(([, z]) => z + 90)) };
    const side = this.views.includes("side"), above = this.views.includes("top");
    const half = width_mm / 2, over = arm[1] > CLIMBED_MM ? 200 : TALLEST_MM - DRAWN_UP_MM + 40, high = Math.max(HIGH_MM, arm[1] + over);
    this.top = side ? -high : 0;
    this.middle = (side ? GAP_MM : 0) + half + CABINET_MM + 20;
    this.bottom = above ? this.middle + half + CABINET_MM + 30 : GAP_MM - 60;
    if (!side) this.top = 0;
    this.sideLayer = side ? svg("g", { class: "side" }, this.root) : null;
    this.topLayer = above ? svg("g", { class: "above", transform: `translate(0 ${this.middle})` }, this.root) : null;
    this.marks = beams.map(() => []);
    this.hairs = new Map();
    if (side) this.buildSide(high);
    if (above) this.buildAbove(half);
    if (side && above) this.buildHairs(half);
    if (side) this.buildBeams();
  }

  band(parent, css, y, height) {
    const node = svg("rect", { class: css, y, height }, parent);
    this.full.push(node);
    return node;
  }

  buildSide(high) {
    const layer = this.sideLayer, { beams, arm, make } = this.layout, { from, to, high: top } = this.cabinet;
    this.band(layer, "air", -high, high);
    for (let z = 500; z < high; z += 500) {
      const line = svg("rect", { class: "level", y: -z - 2, height: 4 }, layer);
      this.full.push(line);
    }
    this.band(layer, "floor", 0, 70);
    const heights = this.heights = svg("g", { class: "heights" }, layer);
    for (let z = 500; z < high; z += 500) text(heights, "mm", 0, -z - 25, `${z / 1000} m`);
    const ruler = svg("g", { class: "ruler" }, layer);
    for (let x = -6000; x <= 6000; x += 100) path(ruler, "tick", `M${x} 0v${x % 500 ? 22 : 42}`);
    this.rulerWords = [];
    for (let x = -6000; x <= 6000; x += 500) this.rulerWords.push([x, text(ruler, "mm middle", x, 150, `${x / 1000} m`.replace("-", "−"))]);
    // The far cabinet, and what is on it.
    path(layer, "cabinet", `M${from} 0V${-top + 60}Q${from} ${-top} ${from + 60} ${-top}H${to - 60}Q${to} ${-top} ${to} ${-top + 60}V0Z`);
    path(layer, "plinth", `M${from} 0v-60H${to}v60Z`);
    const reader = svg("g", { transform: `translate(${from + 30} ${-top})` }, layer);
    path(reader, "reader", "M0 0l26 -64h120l26 64z");
    path(reader, "waves", "M58 -100q28 -26 56 0M42 -124q44 -42 88 0");
    this.lamp = svg("g", { class: "lamp", transform: `translate(${to - 170} ${-top - 150})` }, layer);
    svg("rect", { class: "post", x: -14, y: 60, width: 28, height: 90 }, this.lamp);
    svg("circle", { class: "glow", r: 130 }, this.lamp);
    svg("circle", { class: "light", r: 84 }, this.lamp);
    this.lampMark = path(this.lamp, "mark", MARKS.wait);
    this.lampWords = text(layer, "lamp-words", 0, 0, "");
    this.armSide = svg("g", { class: `arm ${make}` }, layer);
    this.people = svg("g", { class: "people" }, layer);
    this.armNear = svg("g", { class: `arm near ${make}` }, layer);
    this.buildArmSide();
    // The near cabinet stands between us and the riders: only its outline, so that one sees them.
    path(layer, "near-cabinet", `M${from} 0V${-top + 60}Q${from} ${-top} ${from + 60} ${-top}H${to - 60}Q${to} ${-top} ${to} ${-top + 60}V0`);
    this.waiting = svg("g", { class: "waiting" }, layer);
    this.waitingHeads = svg("g", {}, this.waiting);
    this.waitingWords = text(this.waiting, "mm", 0, 0, "");
    this.jam = svg("g", { class: "jam", transform: `translate(${arm[0]} ${-Math.max(arm[1], 900) - 330})` }, layer);
    path(this.jam, "jam-sign", "M0 -110L108 76H-108Z");
    path(this.jam, "jam-mark", "M0 -44v62M0 44v4");
    this.jam.setAttribute("visibility", "hidden");
    for (const [, z] of beams) this.lowest = Math.min(this.lowest ?? z, z);
  }

  // What moves: arms as bars and panels at their height and clearance; `near` is the half on our side.
  buildArmSide() {
    const { arm: [x, high, clear], make } = this.layout;
    if (make === "none" || !high) return;
    if (make === "tripod") {
      const hub = -(high + clear) / 2 - 20;
      this.tripod = svg("g", { transform: `translate(${x} ${hub})` }, this.armSide);
      this.tripodArms = svg("g", {}, this.tripod);
      for (const turn of [0, 120, 240]) svg("rect", { class: "bar", x: -24, y: -20, width: 48, height: 330, rx: 24, transform: `rotate(${turn})` }, this.tripodArms);
      svg("circle", { class: "hub", r: 62 }, this.tripod);
      // The bar that is across the lane, seen end on: as high and as low as one must go to get by.
      this.tripodBar = svg("rect", { class: "bar across", x: x - 34, y: -high, width: 68, height: Math.max(60, high - clear), rx: 34 }, this.armNear);
      return;
    }
    if (make === "full_height") {
      svg("rect", { class: "post", x: x - 30, y: -high, width: 60, height: high, rx: 20 }, this.armSide);
      this.wings = [];
      for (let z = clear + 60; z < high; z += 190) this.wings.push(svg("rect", { class: "bar", y: -z - 22, height: 44, rx: 22 }, this.armNear));
      return;
    }
    this.panels = [svg("rect", { class: "glass", y: -high, height: high - clear, rx: 40 }, this.armSide), svg("rect", { class: "glass", y: -high, height: high - clear, rx: 40 }, this.armNear)];
  }

  buildAbove(half) {
    const layer = this.topLayer, { beams, arm: [x, high], make } = this.layout, { from, to } = this.cabinet;
    this.band(layer, "floor", -half - CABINET_MM - 20, 2 * (half + CABINET_MM + 20));
    for (const at of [-1500, -820, to + 250, to + 820]) path(layer, "arrow", `M${at} -60l70 60l-70 60M${at + 95} -60l70 60l-70 60`);
    this.beamLines = beams.map(([bx]) => svg("line", { class: "beam", x1: bx, x2: bx, y1: -half, y2: half }, layer));
    this.crowd = svg("g", { class: "people" }, layer);
    const cover = svg("g", {}, layer);
    // Wings of a rotor that are outside the lane are in the cage, out of sight.
    const clip = `lane-${Math.random().toString(36).slice(2)}`;
    svg("rect", { x: -6000, y: -half, width: 12000, height: 2 * half }, svg("clipPath", { id: clip }, layer));
    this.armAbove = svg("g", { class: `arm ${make}`, "clip-path": `url(#${clip})` }, cover);
    for (const y of [-half - CABINET_MM, half]) svg("rect", { class: "cabinet", x: from, y, width: to - from, height: CABINET_MM, rx: 60 }, cover);
    svg("rect", { class: "reader", x: from + 40, y: half + 25, width: 130, height: CABINET_MM - 50, rx: 20 }, cover);
    this.lampAbove = svg("g", { class: "lamp", transform: `translate(${to - 170} ${half + CABINET_MM / 2})` }, cover);
    svg("circle", { class: "light", r: 52 }, this.lampAbove);
    if (make === "none" || !high) return;
    if (make === "tripod" || make === "full_height") {
      const wings = make === "tripod" ? [0] : [0, 120, 240];
      this.rotor = svg("g", { transform: `translate(${x} ${-half})` }, this.armAbove);
      this.rotorArms = wings.map((turn) => svg("rect", { class: "bar", x: -26, y: 0, width: 52, height: 2 * half - 40, rx: 26, "data-turn": turn }, this.rotor));
      svg("circle", { class: "hub", r: 60 }, this.rotor);
      return;
    }
    this.leaves = [-1, 1].map((sign) => {
      const leaf = svg("rect", { class: "glass", x: -22, width: 44, rx: 22 }, this.armAbove);
      return { leaf, sign };
    });
  }

  // From each place of a beam in the side view straight down to its line from above.
  buildHairs(half) {
    const layer = svg("g", { class: "hairs" }, this.root);
    this.layout.beams.forEach(([x, z], index) => {
      const known = this.hairs.get(x);
      if (known) { known.beams.push(index); return; }
      const low = Math.min(...this.layout.beams.filter(([other]) => other === x).map(([, height]) => height));
      const line = svg("line", { class: "hair", x1: x, x2: x, y1: -low + 40, y2: this.middle - half }, layer);
      this.hairs.set(x, { line, beams: [index] });
    });
  }

  buildBeams() {
    const layer = svg("g", { class: "beams" }, this.root), { beams } = this.layout;
    const rows = new Set(beams.map(([, z]) => z)).size, close = beams.length > 8;
    this.dots = beams.map(([x, z], index) => {
      const dot = svg("g", { class: "dot", transform: `translate(${x} ${-z})` }, layer);
      svg("circle", { class: "halo", r: 74 }, dot);
      svg("circle", { class: "ring", r: 38 }, dot);
      svg("circle", { class: "core", r: 13 }, dot);
      path(dot, "cross", "M-24 -24L24 24M24 -24L-24 24");
      const hand = svg("g", { class: "hand", visibility: "hidden" }, dot);
      path(hand, "grip", "M-52 -118h104v84a52 52 0 0 1 -104 0z");
      path(hand, "fingers", "M-26 -110v66M0 -110v66M26 -110v66");
      const number = text(dot, `number${close ? " close" : ""}`, 0, rows > 1 ? -52 : -62, String(index));
      number.setAttribute("aria-hidden", "true");
      if (this.onBeam) {
        dot.classList.add("handy");
        const hit = svg("circle", { class: "hit", r: 74 }, dot);
        hit.addEventListener("click", () => this.onBeam(index));
        svg("title", {}, hit).textContent = `Beam ${index}: break it, or free it again`;
      }
      return { dot, hand, number };
    });
  }

  placeWaiting() {
    if (!this.waiting) return;
    const room = this.right - this.left < 3500 ? 60 : 90;
    set(this.waiting, "transform", `translate(${this.left + room} -60)`);
    if (this.heights) set(this.heights, "transform", `translate(${this.left + 30} 0)`);
  }

  // --- a moment

  show(moment) {
    const { beams } = this.layout;
    const lamp = SAYS[moment.lamp] ? moment.lamp : "wait";
    if (this.root.dataset.lamp !== lamp) {
      this.root.dataset.lamp = lamp;
      if (this.lampMark) { this.lampMark.setAttribute("d", MARKS[lamp]); this.placeWords((this.right - this.left) / (this.host.clientWidth || 1)); }
    }
    const hands = moment.hands || [];
    const broken = beams.map((_, index) => moment.beams[index] === 1);
    beams.forEach((_, index) => {
      if (this.dots) {
        toggle(this.dots[index].dot, "broken", broken[index]);
        toggle(this.dots[index].dot, "unknown", moment.beams[index] === null);
        set(this.dots[index].hand, "visibility", hands.includes(`beam ${index}`) ? "visible" : "hidden");
      }
    });
    for (const { line, beams: own } of this.hairs.values()) toggle(line, "broken", own.some((index) => broken[index]));
    if (this.beamLines) this.beamLines.forEach((line, index) => toggle(line, "broken", beams.some(([x], other) => x === beams[index][0] && broken[other])));
    if (this.jam) set(this.jam, "visibility", hands.includes("arm") ? "visible" : "hidden");
    this.turnArm(moment.arm);
    this.moveBodies(moment.bodies, broken);
    this.showWaiting(moment.waiting || 0);
  }

  turnArm(arm) {
    if (arm === this.arm) return;
    this.arm = arm;
    const { arm: [x], width_mm, make } = this.layout, open = arm / 100, half = width_mm / 2;
    if (this.panels) {
      // A paddle swings aside, along the lane's direction; a flap slides into its housing.
      const swing = make === "flap" ? 0 : Math.sin((open * Math.PI) / 2), wide = 44 + swing * (half - 60);
      for (const panel of this.panels) {
        set(panel, "x", String(x - 22));
        set(panel, "width", wide.toFixed(1));
        set(panel, "opacity", (1 - open * (make === "flap" ? 0.92 : 0.62)).toFixed(3));
      }
    }
    if (this.tripodArms) {
      this.tripodArms.setAttribute("transform", `rotate(${(open * 60).toFixed(1)})`);
      set(this.tripodBar, "opacity", (1 - open * 0.85).toFixed(3));
    }
    if (this.wings) {
      const reach = 30 + open * 330;
      for (const wing of this.wings) { set(wing, "x", (x - reach).toFixed(1)); set(wing, "width", (2 * reach).toFixed(1)); }
    }
    if (this.rotorArms) for (const bar of this.rotorArms) bar.setAttribute("transform", `rotate(${(Number(bar.dataset.turn) - open * (make === "tripod" ? 82 : 60)).toFixed(1)})`);
    if (this.leaves) {
      for (const { leaf, sign } of this.leaves) {
        const length = half - 20, shown = make === "flap" ? length * (1 - open) + 12 : length;
        set(leaf, "height", shown.toFixed(1));
        const turn = make === "flap" ? 0 : -90 * open;
        leaf.setAttribute("transform", `translate(${x} ${sign * half}) ${sign > 0 ? "scale(1 -1) " : ""}rotate(${turn.toFixed(1)})`);
      }
    }
  }

  moveBodies(bodies, broken) {
    const now = performance.now(), here = new Set();
    for (const body of bodies) {
      here.add(body.id);
      let known = this.bodies.get(body.id);
      const shape = body.parts === known?.parts ? known.shape : JSON.stringify(body.parts);
      if (known && known.shape !== shape) {
        for (const view of known.views) view.node.remove();
        known = null;
      }
      if (!known) {
        known = this.makeBody(body, shape);
        this.bodies.set(body.id, known);
      }
      known.parts = body.parts;
      known.gone = null;
      this.place(known, body, body.front_mm);
      if (known.side) this.light(known, body, broken);
    }
    for (const [id, known] of this.bodies) {
      if (here.has(id)) continue;
      known.gone ??= now;
      const share = 1 - (now - known.gone) / FADE_MS;
      if (share <= 0) {
        for (const view of known.views) view.node.remove();
        this.bodies.delete(id);
      } else for (const view of known.views) view.node.setAttribute("opacity", share.toFixed(2));
    }
  }

  makeBody(body, shape) {
    const made = { views: [], shape, parts: body.parts, gone: null, lit: body.parts.map(() => false) };
    if (this.people) {
      made.side = fromSide(body.parts, body.kind, this.people);
      made.views.push(made.side);
    }
    if (this.crowd) {
      made.above = fromAbove(body.parts, body.kind, this.crowd);
      made.views.push(made.above);
    }
    for (const view of made.views) view.node.dataset.body = body.id;
    return made;
  }

  place(known, body, front) {
    const to = `translate(${front.toFixed(1)} 0)${body.reverse ? " scale(-1 1)" : ""}`;
    for (const view of known.views) {
      set(view.node, "transform", to);
      if (view.node.hasAttribute("opacity")) view.node.removeAttribute("opacity");
    }
    const lift = Math.round(body.lift_mm || 0);
    if (known.side) known.side.lift(lift);
    if (known.above && known.lifted !== lift) {
      known.lifted = lift;
      known.above.core.setAttribute("transform", lift ? `scale(${(1 + lift / 6000).toFixed(3)})` : "");
      toggle(known.above.node, "lifted", lift > 50);
    }
  }

  // Which parts stand in a broken beam: those are what the gate sees.
  light(known, body, broken) {
    const { beams } = this.layout;
    body.parts.forEach((part, index) => {
      const lit = beams.some(([x, z], beam) => broken[beam] && covers(part, body, x, z));
      if (known.lit[index] !== lit) {
        known.lit[index] = lit;
        known.side.hulls[index].classList.toggle("lit", lit);
      }
    });
  }

  showWaiting(count) {
    if (!this.waiting || this.shownWaiting === count) return;
    this.shownWaiting = count;
    this.waitingHeads.replaceChildren();
    const shown = Math.min(count, 6);
    for (let index = 0; index < shown; index++) {
      const x = index * 105 + 40;
      path(this.waitingHeads, "queue", `M${x - 42} 20v-90q0 -50 42 -50t42 50v90z`);
      svg("circle", { class: "queue", cx: x, cy: -172, r: 42 }, this.waitingHeads);
    }
    say(this.waitingWords, count ? (count === 1 ? "1 waits" : `${count} wait`) : "");
    set(this.waitingWords, "y", "-245");
  }
}
