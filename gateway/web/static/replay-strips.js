// The two strips under the lane: beams over a stretch of time, and the whole run with the moments worth a look.
//
// Rules: canvases for the eye only; the sliders that lie over them are what is focused, named and heard (replay.js). Colours
// are the page's own, read again when its theme changes. Bars say by their place and their marks what they say by colour.

import { accuses, clock } from "./replay-data.js";

export const ROW_PX = 22, LABEL_PX = 64, AXIS_PX = 22, RIDER_ROWS = 3;
const STEPS_MS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 900000, 1800000, 3600000, 7200000];

export function colours(node) {
  const style = getComputedStyle(node), read = (name) => style.getPropertyValue(name).trim();
  return Object.fromEntries(["ink", "soft", "line", "floor", "card", "beam", "beam-lit", "go", "stop", "warn", "ready", "body", "guest", "wait", "accent"].map((name) => [name, read(`--${name}`)]));
}

// A canvas of that size, in CSS pixels of which one is `scale` of the page's.
export function sized(canvas, width, height, scale) {
  const ratio = Math.min(3, window.devicePixelRatio || 1) * scale;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function ticks(from, to, width) {
  const step = STEPS_MS.find((one) => ((to - from) / one) * 86 <= width) ?? STEPS_MS.at(-1);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return { step, found };
}

function short(ms, step, epoch, truth) {
  if (!truth) return `${String(ms).replace("-", "−")} ms`;
  const words = clock(ms, epoch);
  return step >= 60000 && epoch !== null ? words.slice(0, 5) : step >= 1000 ? words.slice(0, -4) : words.slice(0, step >= 100 ? -2 : undefined);
}

// Riders' stays side by side, so that none hides another: [row, crossing] each.
export function stacked(crossings) {
  const free = [];
  return crossings.filter((one) => one.entered_ms >= 0).map((one) => {
    const end = Math.max(one.entered_ms, one.left_ms, one.all_left_ms);
    let row = free.findIndex((until) => until <= one.entered_ms);
    if (row < 0) row = Math.min(free.length, RIDER_ROWS - 1);
    free[row] = end;
    return [row, one, end];
  });
}

export function beamsHeight(beams, truth) {
  return AXIS_PX + beams * ROW_PX + (truth ? ROW_PX + RIDER_ROWS * (ROW_PX - 6) + 8 : 0) + 4;
}

export function drawBeams(canvas, box, { stretch, view: [from, to], t, epoch, truth, colour, names, scale }) {
  const width = box / scale;
  const beams = stretch ? stretch.before.length : 0, height = beamsHeight(Math.max(beams, names), truth);
  const context = sized(canvas, width, height, scale);
  const left = LABEL_PX, room = Math.max(1, width - left - 8), x = (ms) => left + ((ms - from) / (to - from)) * room;
  const clip = (ms) => Math.min(to, Math.max(from, ms));
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const { step, found } = ticks(from, to, room);
  context.strokeStyle = colour.line;
  context.fillStyle = colour.soft;
  context.lineWidth = 1;
  for (const at of found) {
    const place = Math.round(x(at)) + 0.5;
    context.beginPath();
    context.moveTo(place, AXIS_PX - 4);
    context.lineTo(place, height);
    context.stroke();
    const words = short(at, step, epoch, truth), wide = context.measureText(words).width;
    context.fillText(words, Math.min(Math.max(left, place - wide / 2), width - wide), AXIS_PX / 2);
  }
  if (!stretch) return;
  for (let beam = 0; beam < beams; beam++) {
    const y = AXIS_PX + beam * ROW_PX;
    context.fillStyle = colour.soft;
    context.fillText(`beam ${beam}`, 2, y + ROW_PX / 2);
    // Until its first edge nobody knows how such a beam stood: no line says that it was whole.
    const known = stretch.before[beam] === null ? stretch.ofBeam[beam][0]?.[0] ?? stretch.to : stretch.from;
    context.fillStyle = colour.floor;
    context.fillRect(x(clip(known)), y + ROW_PX / 2 - 1, Math.max(0, x(clip(stretch.to)) - x(clip(known))), 2);
    context.fillStyle = colour["beam-lit"];
    for (const [since, until] of stretch.barsOf(beam)) {
      if (until < from || since > to) continue;
      const start = x(clip(since));
      context.fillRect(start, y + 4, Math.max(1.5, x(clip(until)) - start), ROW_PX - 8);
    }
    if (known > stretch.from && known > from) {
      context.fillStyle = colour.soft;
      context.fillText("not known", x(clip(stretch.from)) + 4, y + ROW_PX / 2);
    }
  }
  if (truth) drawTruth(context, AXIS_PX + beams * ROW_PX + 4, { stretch, x, clip, from, to, colour });
  // What is not read: behind a stretch that was cut.
  if (!stretch.whole && stretch.to < to) {
    context.fillStyle = colour.soft;
    context.fillText("too many edges: zoom in", Math.min(x(stretch.to) + 6, width - 150), AXIS_PX + ROW_PX / 2);
  }
  if (t >= from && t <= to) {
    context.fillStyle = colour.accent;
    context.fillRect(Math.round(x(t)) - 1, AXIS_PX - 6, 2, height);
    context.beginPath();
    context.moveTo(x(t) - 6, AXIS_PX - 10);
    context.lineTo(x(t) + 6, AXIS_PX - 10);
    context.lineTo(x(t), AXIS_PX - 2);
    context.fill();
  }
}

function drawTruth(context, top, { stretch, x, clip, from, to, colour }) {
  context.fillStyle = colour.soft;
  context.fillText("riders", 2, top + ROW_PX / 2);
  const high = ROW_PX - 6;
  for (const [row, one, end] of stacked(stretch.crossings)) {
    if (end < from || one.entered_ms > to) continue;
    const start = x(clip(one.entered_ms)), wide = Math.max(3, x(clip(end)) - start), y = top + 2 + row * high;
    context.fillStyle = one.honest ? colour.body : colour.guest;
    context.fillRect(start, y, wide, high - 3);
    if (!one.honest) {
      // Hatched, so that colour is not all that tells an evader.
      context.save();
      context.beginPath();
      context.rect(start, y, wide, high - 3);
      context.clip();
      context.strokeStyle = colour.card;
      context.lineWidth = 1.5;
      context.beginPath();
      for (let at = start - high; at < start + wide; at += 6) { context.moveTo(at, y + high); context.lineTo(at + high, y); }
      context.stroke();
      context.restore();
    }
    const words = one.rider_kind.replaceAll("_", " "), size = context.measureText(words).width;
    if (size + 10 < wide) {
      context.fillStyle = one.honest ? colour.body : colour.guest;
      context.fillRect(start + 3, y, size + 4, high - 3);
      context.fillStyle = colour.card;
      context.fillText(words, start + 5, y + (high - 3) / 2 + 1);
    }
  }
  const y = top + RIDER_ROWS * high + ROW_PX / 2 + 2;
  context.fillStyle = colour.soft;
  context.fillText("gate says", 2, y);
  for (const one of stretch.verdicts) {
    if (one.at_ms < from || one.at_ms > to) continue;
    mark(context, x(one.at_ms), y, accuses(one.what) ? (one.match === "true" ? "right" : "wrong") : "plain", colour);
  }
}

// A verdict: a dot; an accusation a flag, hollow when it was right, filled with a cross when it was wrong; a ring for what was missed.
export function mark(context, x, y, form, colour) {
  context.beginPath();
  context.lineWidth = 2;
  if (form === "plain") {
    context.fillStyle = colour.wait;
    context.arc(x, y, 3, 0, 7);
    context.fill();
  } else if (form === "missed") {
    context.strokeStyle = colour.warn;
    context.arc(x, y, 4.5, 0, 7);
    context.stroke();
  } else {
    context.moveTo(x, y + 6);
    context.lineTo(x - 6, y - 5);
    context.lineTo(x + 6, y - 5);
    context.closePath();
    context.fillStyle = context.strokeStyle = form === "right" ? colour.go : colour.stop;
    if (form === "right") { context.fillStyle = colour.card; context.fill(); context.stroke(); } else context.fill();
  }
}

export const formOf = (match) => (match === "true" || match === "repeated" ? "right" : match === "missed" || match === "unseen" ? "missed" : "wrong");

export const OVERVIEW_PX = 78;
const BUNCH_PX = 9, MARK_PX = 18, ROOM_PX = 18;

// Marks that would hide each other are counted in bunches: [place in px, right, wrong, missed] each.
export function bunched(moments, to_ms, width) {
  const found = new Map();
  for (const one of moments) {
    const bunch = Math.floor(Math.min(width - 1, (one.at_ms / to_ms) * width) / BUNCH_PX);
    if (!found.has(bunch)) found.set(bunch, { at: bunch * BUNCH_PX, right: 0, wrong: 0, missed: 0 });
    found.get(bunch)[formOf(one.match)]++;
  }
  return [...found.values()];
}

// A column a bunch: accused rightly hollow, wrongly filled, as their marks are; a ring where an evasion was missed.
function drawBunches(context, bunches, colour) {
  const most = Math.max(...bunches.map((one) => one.right + one.wrong)), unit = (ROOM_PX - 2) / Math.max(1, most);
  for (const { at, right, wrong } of bunches) {
    const high = right * unit, over = wrong * unit;
    context.fillStyle = colour.stop;
    context.fillRect(at + 1, ROOM_PX - high - over, BUNCH_PX - 2, over);
    context.strokeStyle = colour.go;
    context.lineWidth = 1.5;
    if (right) context.strokeRect(at + 1.75, ROOM_PX - high + 0.75, BUNCH_PX - 3.5, Math.max(1, high - 1.5));
  }
  for (const { at, missed } of bunches) if (missed) mark(context, at + BUNCH_PX / 2, 10, "missed", colour);
}

export function drawOverview(canvas, box, { overview, view: [from, to], t, epoch, colour, scale }) {
  const width = box / scale, context = sized(canvas, width, OVERVIEW_PX, scale), x = (ms) => (ms / overview.to_ms) * width;
  const base = OVERVIEW_PX - 20, most = Math.max(1, ...overview.edges), tall = base - 22;
  context.fillStyle = colour.floor;
  context.fillRect(0, 20, width, base - 20);
  context.fillStyle = colour.beam;
  const wide = Math.max(1, (overview.bin_ms / overview.to_ms) * width);
  overview.edges.forEach((count, bin) => {
    if (count) context.fillRect(x(bin * overview.bin_ms), base - (count / most) * tall, wide, (count / most) * tall);
  });
  const start = x(from), stop = Math.max(x(to), start + 3);
  context.strokeStyle = colour.accent;
  context.lineWidth = 2;
  context.strokeRect(start - 1, 20, stop - start + 2, base - 20);
  if (overview.moments.length * MARK_PX > width) drawBunches(context, bunched(overview.moments, overview.to_ms, width), colour);
  else {
    for (const one of overview.moments) if (formOf(one.match) === "right") mark(context, x(one.at_ms), 10, "right", colour);
    for (const one of overview.moments) if (formOf(one.match) !== "right") mark(context, x(one.at_ms), 10, formOf(one.match), colour);
  }
  context.fillStyle = colour.accent;
  context.fillRect(x(t) - 1, 18, 2, base - 16);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const { step, found } = ticks(0, overview.to_ms, width);
  for (const at of found) {
    const words = short(at, step, epoch, true), size = context.measureText(words).width, place = x(at) - size / 2;
    if (place < -size / 2 || place + size > width + size / 2) continue;
    context.fillStyle = colour.line;
    context.fillRect(x(at), base, 1, 4);
    context.fillStyle = colour.soft;
    context.fillText(words, Math.min(Math.max(0, place), width - size), OVERVIEW_PX - 8);
  }
}
