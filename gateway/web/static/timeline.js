// The last seconds of a lane's beams, running: a row a beam, a bar while it was broken; the gate's state above, what the
// gate said and what really happened below, in one time with the picture.
//
// Rules: bars are made when an edge is played and moved by one transform; what has run out of sight is removed.

import { svg } from "./figures.js";

export const WINDOW_MS = 8000;
const LABEL_PX = 92, RIGHT_PX = 14, HEAD_PX = 20, FOOT_PX = 40, REBASE_MS = 600_000, TOLERANCE_MS = 12, LOOK_BACK_MS = 20_000;

// Where a record's trace lies in time: the epoch ms of its first edge, or null when these edges are not among `edges`.
export function placeTrace(trace, edges, at) {
  if (!trace?.length) return null;
  const [[first_ms, beam, blocked]] = trace;
  for (let index = edges.length - 1; index >= 0; index--) {
    const edge = edges[index];
    if (edge.beam !== beam || edge.blocked !== blocked || edge.at > at + 1000 || edge.at < at - LOOK_BACK_MS) continue;
    const start = edge.at - first_ms;
    const found = trace.every(([ms, otherBeam, state]) => edges.some((other) => other.beam === otherBeam && other.blocked === state && Math.abs(other.at - start - ms) <= TOLERANCE_MS));
    if (found) return start;
  }
  return null;
}

export class Timeline {
  constructor(host, beams) {
    this.host = host;
    this.beams = beams;
    // Highest beams first; of one height in the order of the lane.
    this.order = beams.map((_, index) => index).sort((a, b) => beams[b][1] - beams[a][1] || beams[a][0] - beams[b][0]);
    this.row = beams.length > 8 ? 13 : 18;
    this.height = HEAD_PX + this.row * beams.length + FOOT_PX;
    this.intervals = []; // {beam, from, to|null, node, told}
    this.states = []; // {state, from, to|null, node, label}
    this.flags = new Map();
    this.open = beams.map(() => null);
    this.root = svg("svg", { class: "timeline", role: "img", "aria-label": "The last eight seconds: when each beam was broken, what the gate said and what really happened", height: this.height }, host);
    this.back = svg("g", {}, this.root);
    this.clipId = `timeline-${Math.random().toString(36).slice(2)}`;
    const clip = svg("clipPath", { id: this.clipId }, this.root);
    this.clip = svg("rect", { x: LABEL_PX, y: 0, height: this.height }, clip);
    const window_ = svg("g", { "clip-path": `url(#${this.clipId})` }, this.root);
    this.moving = svg("g", {}, window_);
    this.grid = svg("g", { class: "grid" }, this.moving);
    this.spans = svg("g", {}, this.moving);
    this.bars = svg("g", {}, this.moving);
    this.stateLayer = svg("g", {}, this.moving);
    this.flagLayer = svg("g", {}, this.moving);
    this.labels = svg("g", { class: "labels" }, this.root);
    this.nowLine = svg("line", { class: "now", y1: 0, y2: this.height - 4 }, this.root);
    this.writeLabels();
    this.seconds = [];
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(host);
    this.base = null;
    this.fit();
  }

  destroy() {
    this.observer.disconnect();
    this.root.remove();
  }

  y(beam) {
    return HEAD_PX + this.order.indexOf(beam) * this.row;
  }

  writeLabels() {
    const several = new Set(this.beams.map(([, z]) => z)).size > 1;
    const label = (y, words, css = "") => { svg("text", { x: LABEL_PX - 8, y, class: css, "text-anchor": "end" }, this.labels).textContent = words; };
    label(14, "state");
    this.rowNodes = this.order.map((beam) => {
      const y = this.y(beam);
      label(y + this.row - 4, several ? `${beam} at ${(this.beams[beam][1] / 1000).toFixed(2)} m` : `beam ${beam}`);
      return svg("rect", { class: "row", x: LABEL_PX, y: y + 1.5, height: this.row - 3, rx: 3 }, this.back);
    });
    const foot = HEAD_PX + this.row * this.beams.length;
    label(foot + 15, "gate said");
    label(foot + 33, "really");
  }

  fit() {
    const width = this.host.clientWidth;
    if (width < LABEL_PX + RIGHT_PX + 40 || width === this.width) return; // not laid out yet
    this.width = width;
    this.scale = (width - LABEL_PX - RIGHT_PX) / WINDOW_MS;
    this.root.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.root.setAttribute("width", width);
    this.clip.setAttribute("width", width - LABEL_PX - RIGHT_PX);
    this.spread();
    this.nowLine.setAttribute("x1", width - RIGHT_PX);
    this.nowLine.setAttribute("x2", width - RIGHT_PX);
    for (const node of this.rowNodes) node.setAttribute("width", width - LABEL_PX - RIGHT_PX);
    this.rebase();
  }

  x(at) {
    return (at - this.base) * this.scale;
  }

  rebase() {
    if (this.play === undefined) return;
    this.base = this.play;
    for (const one of this.intervals) this.placeBar(one);
    for (const one of this.states) this.placeState(one);
    for (const flag of this.flags.values()) flag.node.setAttribute("transform", `translate(${this.x(flag.at).toFixed(1)} 0)`);
    for (const node of this.seconds) node.line.remove();
    this.seconds = [];
  }

  edge({ at, beam, blocked }) {
    if (beam >= this.beams.length) return;
    const open = this.open[beam];
    if (blocked && !open) {
      const node = svg("rect", { class: "bar", y: this.y(beam) + 2, height: this.row - 4, rx: 3 }, this.bars);
      this.open[beam] = { beam, from: at, to: null, node };
      this.intervals.push(this.open[beam]);
    } else if (!blocked && open) {
      open.to = at;
      this.open[beam] = null;
      if (this.base !== null) this.placeBar(open);
    }
  }

  // What the beams are known to be, whatever edges were missed.
  settle(beams, at) {
    beams.forEach((blocked, beam) => {
      if (Boolean(blocked) !== Boolean(this.open[beam])) this.edge({ at, beam, blocked });
    });
  }

  state(name, at) {
    const last = this.states.at(-1);
    if (last?.state === name) return;
    if (last) { last.to = at; this.placeState(last); }
    const node = svg("g", { class: "band", "data-state": name }, this.stateLayer);
    const one = { state: name, from: at, to: null, node, rect: svg("rect", { y: 2, height: 15, rx: 3 }, node), label: svg("text", { y: 13.5 }, node) };
    one.label.textContent = name.replaceAll("_", " ");
    this.states.push(one);
  }

  // A word at a time: `row` 0 what the gate said, 1 what really happened.
  flag(key, at, row, words, css) {
    if (this.flags.has(key) || (this.play !== undefined && at < this.play - WINDOW_MS)) return;
    const y = HEAD_PX + this.row * this.beams.length + 4 + row * 18;
    const node = svg("g", { class: `flag ${css}` }, this.flagLayer);
    svg("line", { y1: HEAD_PX, y2: y + 14 }, node);
    svg("path", { d: `M0 ${y}l6 7l-6 7z` }, node);
    const label = svg("text", { x: -5, y: y + 11, "text-anchor": "end" }, node);
    label.textContent = words;
    this.flags.set(key, { at, node, row, label, width: 10 + words.length * 7, first: css !== "honest" });
    this.spread();
    if (this.base !== null) node.setAttribute("transform", `translate(${this.x(at).toFixed(1)} 0)`);
  }

  // Words that would lie over others are left out: first of those who did nothing, then the older ones.
  spread() {
    const written = [];
    const flags = [...this.flags.values()].sort((a, b) => b.first - a.first || b.at - a.at);
    for (const flag of flags) {
      const right = flag.at * this.scale, left = right - flag.width;
      const free = written.every((other) => other.row !== flag.row || other.right <= left || right + 8 <= other.left);
      flag.label.setAttribute("display", free ? "inline" : "none");
      if (free) written.push({ row: flag.row, left, right });
    }
  }

  // Mark the bars of a record's trace: "these beams told". `key` names the record.
  told(key, start, trace, words, at) {
    if (this.span?.key === key || start === null) return;
    this.untell();
    const until = Math.max(at, ...trace.map(([ms]) => start + ms));
    const node = svg("g", { class: "told-span" }, this.spans);
    const rect = svg("rect", { y: HEAD_PX - 1, height: this.row * this.beams.length + 2, rx: 5 }, node);
    this.span = { key, from: start, to: until, node, rect };
    for (const one of this.intervals) {
      const mine = trace.some(([ms, beam, blocked]) => blocked && beam === one.beam && Math.abs(start + ms - one.from) <= TOLERANCE_MS);
      one.node.classList.toggle("told", mine);
    }
    this.placeSpan();
  }

  untell() {
    this.span?.node.remove();
    this.span = null;
    for (const one of this.intervals) one.node.classList.remove("told");
  }

  placeSpan() {
    if (!this.span || this.base === null) return;
    this.span.rect.setAttribute("x", (this.x(this.span.from) - 4).toFixed(1));
    this.span.rect.setAttribute("width", ((this.span.to - this.span.from) * this.scale + 8).toFixed(1));
  }

  placeBar(one) {
    one.node.setAttribute("x", this.x(one.from).toFixed(1));
    one.node.setAttribute("width", Math.max(1.5, ((one.to ?? this.play) - one.from) * this.scale).toFixed(1));
  }

  placeState(one) {
    if (this.base === null) return;
    const x = this.x(one.from), width = Math.max(1, ((one.to ?? this.play) - one.from) * this.scale);
    one.rect.setAttribute("x", x.toFixed(1));
    one.rect.setAttribute("width", Math.max(1, width - 1).toFixed(1));
    const left = Math.max(x, (this.play - WINDOW_MS - this.base) * this.scale), room = x + width - left;
    one.label.setAttribute("x", (left + 5).toFixed(1));
    one.label.setAttribute("visibility", room > one.state.length * 6.6 + 8 ? "visible" : "hidden");
  }

  show(play) {
    this.play = play;
    if (!this.width) return;
    if (this.base === null || Math.abs(play - this.base) > REBASE_MS) this.rebase();
    this.moving.setAttribute("transform", `translate(${(this.width - RIGHT_PX - this.x(play)).toFixed(2)} 0)`);
    const gone = play - WINDOW_MS - 500;
    for (const one of this.open) if (one) this.placeBar(one);
    this.intervals = this.intervals.filter((one) => (one.to !== null && one.to < gone ? (one.node.remove(), false) : true));
    this.states = this.states.filter((one) => (one.to !== null && one.to < gone ? (one.node.remove(), false) : true));
    for (const one of this.states) if (one.to === null || one.from < play - WINDOW_MS) this.placeState(one);
    for (const [key, flag] of this.flags) {
      if (flag.at < gone) { flag.node.remove(); this.flags.delete(key); }
      else flag.node.setAttribute("visibility", flag.at <= play ? "visible" : "hidden");
    }
    if (this.span && this.span.to < gone) this.untell();
    this.placeSpan();
    const first = Math.ceil((play - WINDOW_MS) / 1000) * 1000;
    while (this.seconds.length && this.seconds[0].at < first) this.seconds.shift().line.remove();
    for (let at = this.seconds.length ? this.seconds.at(-1).at + 1000 : first; at <= play + 1000; at += 1000) {
      const x = this.x(at).toFixed(1);
      this.seconds.push({ at, line: svg("line", { x1: x, x2: x, y1: HEAD_PX, y2: HEAD_PX + this.row * this.beams.length }, this.grid) });
    }
  }
}
