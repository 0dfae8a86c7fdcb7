// One lane of the plan: what it looks like from above, and the playing of its scenes.
//
// Scenes come about ten times a second and are shown DELAY_MS late, so that there is nearly always a next one to walk
// towards. Coordinates are the lane's own, in millimetres: x along the way of its riders, first beam at 0; y across.
// Where lanes stand and what the page says around them is plan.js's business.

const SVG = "http://www.w3.org/2000/svg";
export const VIEW = { left: -1300, right: 1600, half: 360 };
const CABINET = { from: -500, to: 800, half: 85 }, NARROWEST = 400, WIDEST = 1100;
const USUAL = { beams: [0, 150, 300, 450], arm: 225, make: "paddle", width: 550 };
const DELAY_MS = 200, ARM_SMOOTH_MS = 60, STILL_MS = 400, WALK_ON_MM = 700;
const MOST_FRAMES = 20, MOST_SAMPLES = 30, MOST_BODIES = 24, MOST_DOTS = 8;
export const LAMPS = { wait: "busy", ready: "present your medium", go: "go", stop: "refused" };
export const MARKS = {
  wait: "M-30 0h60", ready: "M0 -32a32 32 0 1 0 .1 0", go: "M-36 0h66M6 -28l28 28l-28 28",
  stop: "M-28 -28L28 28M28 -28L-28 28", none: "M-20 0h.1M20 0h.1",
};

export function make(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.appendChild(node);
  return node;
}
export function element(name, parent, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  if (parent) parent.appendChild(node);
  return node;
}
export function say(node, text) { if (node.textContent !== text) node.textContent = text; }
function set(node, name, value) { if (node.getAttribute(name) !== value) node.setAttribute(name, value); }

// The lamp, as shape and colour, in a picture of its own size.
export function lampPicture(parent) {
  const svg = make("svg", { class: "lamp", viewBox: "-60 -60 120 120", "aria-hidden": "true" }, parent);
  make("circle", { class: "light", r: 58 }, svg);
  return make("path", { class: "mark", d: MARKS.none }, svg);
}

export class Lane {
  // `item` is the list item that the lane fills; `calm` says whether somebody asked for less motion.
  constructor(item, lane, calm) {
    this.calm = calm;
    this.name = lane.device;
    this.way = lane.way === "exit" ? "exit" : "entry";
    this.root = element("a", item, undefined, "lane");
    this.root.href = `/lane/${encodeURIComponent(lane.device)}`;
    this.root.dataset.lane = lane.device;
    this.root.dataset.way = this.way;
    // What is seen is said in words to who hears the page (speak).
    this.said = element("span", this.root, this.name, "only-heard");
    const head = element("span", this.root, undefined, "lane-head");
    head.setAttribute("aria-hidden", "true");
    this.lamp = lampPicture(head);
    this.title = element("span", head, lane.device, "lane-name");
    this.short = element("span", head, lane.device.replace(/^.*?(\d+)$/, "$1"), "lane-short");
    this.hand = element("span", head, "!", "lane-hand");
    this.picture = element("span", this.root, undefined, "lane-picture");
    this.svg = make("svg", { class: "from-above", "aria-hidden": "true" }, this.picture);
    this.frame = make("g", {}, this.svg);
    this.floor = make("g", {}, this.frame);
    this.beamLines = make("g", {}, this.frame);
    this.dots = make("g", { class: "waiting" }, this.frame);
    for (let n = 0; n < MOST_DOTS; n += 1) {
      make("circle", { cx: VIEW.left + 190 - 120 * Math.floor(n / 4), cy: -195 + 130 * (n % 4), r: 46, visibility: "hidden" }, this.dots);
    }
    this.people = make("g", {}, this.frame);
    this.gate = make("g", {}, this.frame);
    this.arm = 0;
    this.layout(USUAL);
    const foot = element("span", this.root, undefined, "lane-foot");
    foot.setAttribute("aria-hidden", "true");
    this.through = element("span", foot, "–", "lane-through");
    this.state = element("span", foot, "no picture yet", "lane-state");
    this.bodies = new Map();
    this.frames = [];
    this.latest = null;
    this.target = 0;
    this.visible = true;
    this.spoken = "";
    this.physical = false;
    this.turn(false);
  }

  // How the lane is built; whether its width is another than before. The gate's halves at both sides meet the
  // neighbours' and make one cabinet with them.
  layout(layout) {
    const key = JSON.stringify(layout);
    if (key === this.layoutKey) return false;
    this.layoutKey = key;
    const { left, right } = VIEW, passage = Math.max(NARROWEST, Math.min(layout.width, WIDEST)) / 2;
    const half = passage + CABINET.half, before = this.half;
    [this.armAt, this.passage, this.half] = [layout.arm, passage, half];
    this.svg.dataset.make = layout.make;
    this.floor.replaceChildren();
    make("rect", { class: "floor", x: left, y: -half, width: right - left, height: 2 * half }, this.floor);
    for (const x of [-930, 1080, 1330]) make("path", { class: "arrow", d: `M${x} -70l80 70l-80 70` }, this.floor);
    this.beamLines.replaceChildren();
    for (const x of layout.beams) make("line", { class: "beam", x1: x, x2: x, y1: -passage, y2: passage }, this.beamLines);
    this.gate.replaceChildren();
    this.paddles = [-1, 1].map((side) => make("rect", { class: "glass", x: layout.arm - 26, width: 52, rx: 22, "data-side": side }, this.gate));
    for (const y of [-half, passage]) make("rect", { class: "cabinet", x: CABINET.from, y, width: CABINET.to - CABINET.from, height: CABINET.half }, this.gate);
    // The reader and its light, on the cabinet at the rider's right hand.
    make("rect", { class: "reader", x: -430, y: passage + 8, width: 190, height: CABINET.half - 16, rx: 26 }, this.gate);
    this.drawArm();
    if (this.scene) this.showBeams(this.scene.beams);
    return before !== undefined && before !== half;
  }

  // The way of its riders; whether that is another one than before.
  head(way) {
    if (way === this.way) return false;
    this.way = this.root.dataset.way = way;
    return true;
  }

  // Upright: the unpaid side is below, entries walk up. Lying: the unpaid side is left.
  turn(lying) {
    const { left, right } = VIEW, half = this.half, length = right - left;
    const entry = this.way === "entry", from = entry ? -right : left;
    if (lying) {
      this.svg.setAttribute("viewBox", `${entry ? left : -right} ${-half} ${length} ${2 * half}`);
      this.frame.setAttribute("transform", entry ? "" : "rotate(180)");
    } else {
      this.svg.setAttribute("viewBox", `${-half} ${from} ${2 * half} ${length}`);
      this.frame.setAttribute("transform", entry ? "rotate(-90)" : "rotate(90)");
    }
  }

  // What the stream says of the lane now.
  update(lane, now) {
    this.lane = lane;
    if (lane.way && this.head(lane.way)) this.site.changed();
    const lost = lane.link === "lost";
    if (this.root.dataset.link !== lane.link) this.root.dataset.link = lane.link;
    say(this.through, (lane.counts.entries + lane.counts.exits).toLocaleString("en"));
    const physical = lane.class === "physical";
    if (physical !== this.physical) {
      this.physical = physical;
      this.root.classList.toggle("counts-only", physical);
      if (physical) {
        const note = element("span", this.picture, undefined, "lane-note");
        note.setAttribute("aria-hidden", "true");
        element("span", note, "counted, never pictured");
      }
    }
    if (lane.scene && !physical && lane.scene.at !== this.latest) this.receive(lane.scene, now);
    if (!lane.scene || lost || physical) {
      delete this.root.dataset.lamp;
      set(this.lamp, "d", MARKS.none);
      say(this.state, { unknown: "not heard yet", lost: "not connected", online: "connected" }[lane.link] ?? lane.link);
    } else if (this.scene) this.tell();
  }

  // `play` is the scene time on show; `pace` is how many ms of it pass in one of ours (1, but for a hurried simulator).
  receive(scene, now) {
    if (this.latest === null || scene.at < this.latest) {
      [this.stepMs, this.heardMs, this.frames] = [100, 100, []];
      this.play = scene.at - DELAY_MS;
      for (const id of [...this.bodies.keys()]) this.remove(id);
    } else {
      const step = scene.at - this.latest, heard = now - this.heard;
      if (heard < STILL_MS) {
        this.stepMs += (step - this.stepMs) / 8;
        this.heardMs += (heard - this.heardMs) / 8;
      } else {
        // Nothing moved for a while, so nothing was told: stand still until just before this scene.
        for (const one of this.bodies.values()) one.samples.push([scene.at - this.stepMs, one.samples.at(-1)[1]]);
        this.play = Math.max(this.play, scene.at - DELAY_MS * this.pace());
      }
    }
    [this.latest, this.heard] = [scene.at, now];
    this.match(scene.bodies, scene.at);
    this.frames.push(scene);
    // A page in the background draws nothing and must not hoard either.
    if (this.frames.length > MOST_FRAMES) this.apply(this.frames.shift());
    if (this.bodies.size > MOST_BODIES) for (const [id, one] of this.bodies) if (one.gone !== null) this.remove(id);
  }

  pace() { return this.stepMs / Math.max(this.heardMs, 1); }

  tell() {
    if (this.root.dataset.lamp !== this.scene.lamp) this.root.dataset.lamp = this.scene.lamp;
    set(this.lamp, "d", MARKS[this.scene.lamp]);
    say(this.state, this.scene.state.replaceAll("_", " "));
  }

  apply(scene) {
    this.scene = scene;
    this.target = scene.arm;
    if (this.lane.link !== "lost") this.tell();
    this.showBeams(scene.beams);
    const waiting = scene.waiting ?? 0;
    [...this.dots.children].forEach((dot, n) => set(dot, "visibility", n < waiting ? "visible" : "hidden"));
  }

  showBeams(beams) {
    [...this.beamLines.children].forEach((line, n) => line.classList.toggle("broken", beams[n] === 1));
  }

  match(bodies, at) {
    const told = new Set();
    for (const [id, front, length, kind, reverse] of bodies) {
      told.add(id);
      const one = this.bodies.get(id);
      if (one) {
        const [before, from] = one.samples.at(-1);
        if (at > before) one.speed = (front - from) / (at - before);
        one.samples.push([at, front]);
        if (one.samples.length > MOST_SAMPLES) one.samples.shift();
        one.gone = null;
        continue;
      }
      const node = make("g", { class: kind === 1 ? "guest" : "rider" }, this.people);
      figure(node, length, reverse ? 1 : -1);
      // Riders are first told of where the queue ends: they walk in from outside.
      const outside = reverse ? [at - 250, front + 260] : [at - 250, front - 260];
      const atEdge = reverse ? front > 800 : front < -800;
      this.bodies.set(id, { node, length, reverse, samples: atEdge ? [outside, [at, front]] : [[at, front]], speed: reverse ? -1 : 1, gone: null, beyond: 0 });
    }
    for (const [id, one] of this.bodies) if (!told.has(id) && one.gone === null) one.gone = at;
  }

  remove(id) {
    this.bodies.get(id)?.node.remove();
    this.bodies.delete(id);
  }

  // Draw the moment that is due, `elapsed` ms after the one before.
  step(elapsed) {
    if (this.latest === null) return;
    const pace = this.pace(), late = DELAY_MS * pace, behind = this.latest - this.play;
    if (this.calm()) this.play = this.latest;
    else if (behind > 4 * late) this.play = this.latest - late;
    else this.play = Math.min(this.latest, this.play + elapsed * pace * (1 + 0.3 * Math.min(behind / late - 1, 1)));
    while (this.frames.length && this.frames[0].at <= this.play) this.apply(this.frames.shift());
    if (Math.abs(this.target - this.arm) > 0.1) {
      this.arm += (this.target - this.arm) * (this.calm() ? 1 : 1 - Math.exp(-elapsed / ARM_SMOOTH_MS));
      this.drawArm();
    }
    for (const [id, one] of this.bodies) {
      while (one.samples.length > 1 && one.samples[1][0] <= this.play) one.samples.shift();
      const [[at, front], next] = one.samples;
      let x = next && this.play > at ? front + (next[1] - front) * (this.play - at) / (next[0] - at) : front;
      if (one.gone !== null && this.play >= one.gone) {
        const outwards = one.speed > 0 ? front > WALK_ON_MM : front < -WALK_ON_MM;
        one.beyond += Math.sign(one.speed || 1) * Math.max(Math.abs(one.speed), 0.7) * pace * elapsed;
        x += one.beyond;
        if (this.calm() || !outwards || x - one.length > VIEW.right || x + one.length < VIEW.left) { this.remove(id); continue; }
      }
      if (this.visible) one.node.setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
    }
  }

  drawArm() {
    const reach = 16 + (this.passage - 22) * (1 - this.arm / 100);
    for (const paddle of this.paddles) {
      paddle.setAttribute("height", reach.toFixed(1));
      paddle.setAttribute("y", (paddle.dataset.side === "-1" ? -this.passage : this.passage - reach).toFixed(1));
    }
  }

  // The link's name, for who hears the page: set once a second, and only where it has changed.
  speak(reason) {
    const lane = this.lane;
    if (!lane) return;
    const parts = [this.name, this.way === "entry" ? "way in" : "way out"];
    if (this.physical) parts.push("physical gate, counted only");
    if (lane.link !== "online") parts.push(lane.link === "lost" ? "not connected" : "not heard yet");
    else if (this.scene && !this.physical) {
      parts.push(`${this.scene.state.replaceAll("_", " ")}, lamp ${LAMPS[this.scene.lamp]}`, `${this.scene.waiting ?? 0} waiting`);
    }
    if (reason) parts.push(`needs a hand: ${reason}`);
    parts.push(`${lane.counts.entries + lane.counts.exits} through`);
    const text = parts.join(", ");
    if (text === this.spoken) return;
    this.spoken = text;
    this.said.textContent = text;
  }

  needs(reason) {
    this.root.classList.toggle("needs-hand", Boolean(reason));
    this.root.title = reason ? `${this.name} needs a hand: ${reason}` : `Open ${this.name}`;
  }
}

// Somebody from above: shoulders and a head; longer than a person is what they push or pull. `back` points to the rear.
function figure(node, length, back) {
  const own = Math.min(length, 460), middle = back * own / 2;
  if (length > 850) {
    make("rect", { class: "luggage", x: back < 0 ? -length : 0, y: -150, width: length, height: 300, rx: 60 }, node);
  }
  make("ellipse", { class: "shoulders", cx: middle, rx: Math.max(own / 2, 90), ry: 205 }, node);
  make("circle", { class: "head", cx: middle - back * 15, r: 82 }, node);
}
