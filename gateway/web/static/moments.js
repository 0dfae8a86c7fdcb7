// From scenes as they come to what is to be seen now: a lane's time, played a little late and evenly.
//
// Scenes come some ten times a second; they are played LATE_MS late, so that there is nearly always a next one to move
// towards. Beams don't wait for scenes: they switch when the firmware was told, by the edges' own times. Time is an
// argument (`now`, the page's milliseconds); nothing here draws or asks anybody.
//
// Bounded: frames FRAMES_MAX, edges EDGES_MAX; the oldest go first.

import { momentOf } from "./drawing.js";

export const LATE_MS = 200;
const STEP_MS = 100, STILL_MS = 350, JUMP_MS = 1500, FRAMES_MAX = 40, EDGES_MAX = 600;

export class Moments {
  // `onEdge({at, beam, blocked})` is called for each edge in order, when its time is played; `onFrame(scene)` likewise.
  constructor({ onEdge = () => {}, onFrame = () => {} } = {}) {
    this.onEdge = onEdge;
    this.onFrame = onFrame;
    this.reset();
  }

  reset() {
    this.frames = []; // {at, scene, moment}, in order; the first is the one on show
    this.edges = []; // to come
    this.known = []; // keys of edges that were taken, oldest first
    this.keys = new Set();
    this.beams = [];
    this.play = null;
    this.heard = null;
    this.error = 0;
    this.heardFor = 1000;
    this.toldFor = 1000;
  }

  // How many ms of the lane pass in one of ours: 1, but for a hurried simulator.
  get pace() {
    return this.toldFor / this.heardFor;
  }

  get late() {
    return LATE_MS * this.pace;
  }

  get latest() {
    return this.frames.length ? this.frames[this.frames.length - 1] : null;
  }

  takeEdges(edges) {
    let added = false;
    for (const edge of edges) {
      const key = `${edge.at}/${edge.n}`;
      if (this.keys.has(key)) continue;
      this.keys.add(key);
      this.known.push(key);
      this.edges.push(edge);
      added = true;
    }
    if (added) this.edges.sort((a, b) => a.at - b.at || a.n - b.n);
    while (this.known.length > EDGES_MAX) this.keys.delete(this.known.shift());
    while (this.edges.length > EDGES_MAX) this.edges.shift();
  }

  takeScene(scene, now) {
    const before = this.latest;
    if (before && scene.at === before.at) return;
    if (before && scene.at < before.at) this.reset(); // another simulator, or another time
    const told = before ? scene.at - before.at : 0, heard = before ? now - this.heard : 0;
    if (before && told < STILL_MS * 3 && heard < STILL_MS && heard > 0) {
      this.toldFor = this.toldFor * 0.95 + told;
      this.heardFor = this.heardFor * 0.95 + heard;
    }
    this.heard = now;
    this.frames.push({ at: scene.at, scene, moment: momentOf(scene) });
    while (this.frames.length > FRAMES_MAX) this.frames.shift();
    const wanted = scene.at - this.late;
    if (this.play === null || Math.abs(wanted - this.play) > JUMP_MS * this.pace) {
      this.play = wanted;
      this.error = 0;
    } else this.error += (wanted - this.play - this.error) / 6;
    this.takeEdges((scene.edges || []).map(([n, ago, beam, blocked]) => ({ n, at: scene.at - ago, beam, blocked })));
  }

  // What is to be seen after `elapsed` more ms, or null while nothing is known. `still`: the latest there is, at once.
  step(elapsed, still = false) {
    if (this.play === null) return null;
    if (still) this.play = Math.max(this.play, this.latest.at);
    else {
      const pace = this.pace, mend = Math.max(-0.4, Math.min(0.4, this.error / (400 * pace)));
      this.play += elapsed * pace * (1 + mend);
      this.error -= elapsed * pace * mend;
    }
    while (this.frames.length > 1 && this.frames[1].at <= this.play) this.frames.shift();
    const [frame, next] = this.frames;
    if (frame.at <= this.play && frame.scene !== this.shown) {
      this.shown = frame.scene;
      this.switchBeams();
      this.onFrame(frame.scene);
      // Edges that nobody told us of (a gap) must not leave a beam wrong for ever.
      if (!this.edges.length || this.edges[0].at > frame.at) {
        const behind = this.lastEdgeAt > frame.at;
        if (!behind) this.beams = [...frame.scene.beams];
      }
    } else this.switchBeams();
    return this.between(frame, next);
  }

  switchBeams() {
    while (this.edges.length && this.edges[0].at <= this.play) {
      const edge = this.edges.shift();
      this.beams[edge.beam] = edge.blocked ? 1 : 0;
      this.lastEdgeAt = edge.at;
      this.onEdge(edge);
    }
  }

  between(frame, next) {
    const moment = frame.moment, beams = frame.scene.beams.map((_, index) => this.beams[index] ?? 0);
    if (!next) return { ...moment, beams };
    // Where nothing was told for a while nothing moved until just before the next scene.
    const from = Math.max(frame.at, next.at - frame.at > STILL_MS * this.pace ? next.at - STEP_MS * this.pace : frame.at);
    const share = Math.max(0, Math.min(1, (this.play - from) / (next.at - from)));
    const mix = (a, b) => a + (b - a) * share;
    const later = new Map(next.moment.bodies.map((body) => [body.id, body]));
    const bodies = moment.bodies.map((body) => {
      const then = later.get(body.id);
      return then ? { ...body, front_mm: mix(body.front_mm, then.front_mm), lift_mm: mix(body.lift_mm, then.lift_mm) } : body;
    });
    return { ...moment, beams, bodies, arm: mix(moment.arm, next.moment.arm) };
  }
}
