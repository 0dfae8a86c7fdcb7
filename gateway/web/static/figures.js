// Bodies as people, drawn from their parts: who stands behind "torso", "leg" and "suitcase", and what a beam meets.
//
// Rules: each part's rectangle is drawn exactly (a "hull"), for that is what covers a beam; the figure inside is for the
// eye and keeps within the hulls as far as people do. Millimetres; a body's front is at 0, it walks towards larger x, up
// is smaller y. Nodes are made once per body. Where a body is, and which beams are broken, is drawing.js's business.

const SVG = "http://www.w3.org/2000/svg";

// What rises with the person over an arm; the rest stays at its height.
const LIFTED = new Set(["torso", "head", "legs"]);

export function svg(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (parent) parent.appendChild(node);
  return node;
}

// A part on the lane: {x0, x1, low, high} in mm, for a body with its front at `front_mm`.
export function extent(part, body) {
  const near = part.offset_mm, far = part.offset_mm + part.length_mm;
  const lift = LIFTED.has(part.name) ? body.lift_mm || 0 : 0;
  const [x0, x1] = body.reverse ? [body.front_mm + near, body.front_mm + far] : [body.front_mm - far, body.front_mm - near];
  return { x0, x1, low: part.low_mm + lift, high: part.high_mm + lift };
}

export function covers(part, body, x_mm, z_mm) {
  const at = extent(part, body);
  return at.x0 <= x_mm && x_mm <= at.x1 && at.low <= z_mm && z_mm <= at.high;
}

// In a body's own coordinates.
const box = (part) => ({
  left: -part.offset_mm - part.length_mm, right: -part.offset_mm, width: part.length_mm,
  top: -part.high_mm, bottom: -part.low_mm, height: part.high_mm - part.low_mm, middle: -part.offset_mm - part.length_mm / 2,
});
const points = (...all) => "M" + all.map(([x, y]) => `${x.toFixed(0)} ${y.toFixed(0)}`).join("L");
const limb = (parent, width, css, ...all) => svg("path", { class: `limb ${css}`, d: points(...all), "stroke-width": width.toFixed(0) }, parent);

function rounded(parent, at, css, radius) {
  const r = Math.min(radius, at.width / 2, at.height / 2);
  return svg("rect", { class: css, x: at.left, y: at.top, width: at.width, height: at.height, rx: r }, parent);
}

// Where this person's hands are wanted: ahead (a pram), behind (a suitcase), or nowhere in particular.
function hands(others, torso) {
  const pram = others.find((part) => part.name === "pram");
  if (pram) return [box(pram).left + 20, box(pram).top + 10];
  const suitcase = others.find((part) => part.name === "suitcase");
  if (suitcase) return [torso.left - 60, torso.bottom + 20];
  const bar = others.find((part) => part.name === "handlebar");
  if (bar) return [box(bar).middle, box(bar).top + 40];
  const dog = others.find((part) => part.name === "dog");
  if (dog) return [torso.middle + (box(dog).middle > torso.middle ? 120 : -120), torso.bottom + 40];
  const umbrella = others.find((part) => part.name === "umbrella");
  if (umbrella) return [torso.right + 40, box(umbrella).top + 40];
  return null;
}

function head(parent, part) {
  const at = box(part), r = Math.min(at.width / 2, at.height / 2);
  if (at.height > 2 * r) svg("rect", { class: "skin", x: at.middle - r * 0.42, y: at.top + r, width: r * 0.84, height: at.height - r + 10 }, parent);
  svg("ellipse", { class: "skin", cx: at.middle, cy: at.top + r * 1.1, rx: r * 0.92, ry: r * 1.1 }, parent);
  svg("circle", { class: "skin", cx: at.middle + r * 0.84, cy: at.top + r * 1.25, r: r * 0.16 }, parent);
}

// Legs of somebody walking: from the hip over the knee to the foot of each leg.
function walking(behind, front, torso, legs) {
  const hip = [torso.middle, torso.bottom - 30];
  [...legs].sort((a, b) => b.offset_mm - a.offset_mm).forEach((part, index) => {
    const at = box(part), width = Math.min(at.width, 170) * 0.86, css = index === 0 ? "far" : "near";
    const parent = index === 0 ? behind : front, ahead = index > 0;
    const knee = [at.middle + (ahead ? 10 : 30), at.top + at.height * 0.12], foot = [at.middle - (ahead ? 10 : 20), -width / 2 - 8];
    limb(parent, width, css, hip, knee, foot);
    svg("path", { class: `shoe ${css}`, d: `M${foot[0] - width / 2} 0v-55h${width}q70 4 78 55z` }, parent);
  });
}

// Somebody over the arm: knees drawn up ahead, feet trailing.
function leaping(behind, front, torso, part) {
  const at = box(part), width = Math.min(150, at.width * 0.4), hip = [torso.middle, torso.bottom - 30];
  const knee = [at.right - width * 0.5, at.top + at.height * 0.22];
  limb(behind, width, "far", hip, [at.middle + width * 0.2, at.top + at.height * 0.45], [at.left + width * 0.6, at.bottom - at.height * 0.22]);
  limb(front, width, "near", hip, knee, [at.middle + width * 0.2, at.top + at.height * 0.62]);
}

function person(layers, parts, prefix, others) {
  const named = (name) => parts.filter((part) => part.name === prefix + name);
  const [trunk] = named("torso"), [top] = named("head"), [tucked] = named("legs"), legs = named("leg");
  if (!trunk) return;
  const own = prefix ? layers.grounded : layers.core, torso = box(trunk);
  if (!top && trunk.low_mm < 100) { whole(own, torso); return; }
  if (legs.length) walking(prefix ? layers.grounded : layers.behind, layers.grounded, torso, legs);
  if (tucked) leaping(own, own, torso, tucked);
  const shoulder = Math.min(torso.width * 0.46, 170);
  svg("path", { class: "cloth", d: `M${torso.left} ${torso.top + shoulder}Q${torso.left} ${torso.top} ${torso.left + shoulder} ${torso.top}`
    + `H${torso.right - shoulder}Q${torso.right} ${torso.top} ${torso.right} ${torso.top + shoulder}`
    + `L${torso.right - torso.width * 0.08} ${torso.bottom}H${torso.left + torso.width * 0.08}Z` }, own);
  if (top) head(own, top);
  const seated = parts.some((part) => part.name === "wheels");
  const from = [torso.middle, torso.top + torso.height * 0.2], thick = Math.max(60, Math.min(105, torso.width * 0.27));
  const wanted = prefix ? null : hands(others, torso);
  if (tucked) limb(own, thick, "arm", from, [torso.right + 10, torso.top + torso.height * 0.55], [torso.right + 60, torso.bottom + 40]);
  else if (seated) limb(own, thick, "arm", from, [torso.left + 40, torso.bottom - 170], [torso.middle + 30, torso.bottom - 40]);
  else if (wanted) limb(own, thick, "arm", from, [(from[0] * 2 + wanted[0]) / 3, Math.max(wanted[1], from[1]) * 0.6 + from[1] * 0.4], wanted);
  else limb(own, thick, "arm", from, [torso.middle - 20, torso.top + torso.height * 0.62], [torso.middle + 60, torso.bottom + 10]);
}

// A body of one piece: upright, or on all fours.
function whole(parent, at) {
  if (at.width > at.height * 1.05) {
    const r = Math.min(at.height * 0.2, 120), back = at.top + r * 1.2, thick = Math.min(180, at.height * 0.26);
    limb(parent, thick, "far", [at.left + at.width * 0.3, back + thick / 2], [at.left + at.width * 0.34, at.bottom - thick / 2], [at.left + thick / 2, at.bottom - thick / 2]);
    limb(parent, thick * 0.8, "far", [at.right - at.width * 0.3, back + thick], [at.right - at.width * 0.28, at.bottom - thick / 2]);
    svg("path", { class: "cloth", d: `M${at.left + at.width * 0.16} ${back + thick * 1.1}Q${at.left + at.width * 0.2} ${back - thick * 0.2} ${at.middle} ${back}`
      + `T${at.right - at.width * 0.2} ${back}Q${at.right - at.width * 0.1} ${back + thick * 1.4} ${at.middle} ${back + thick * 1.5}Z` }, parent);
    limb(parent, thick, "near", [at.left + at.width * 0.26, back + thick * 0.7], [at.left + at.width * 0.46, at.bottom - thick / 2], [at.left + at.width * 0.2, at.bottom - thick / 2]);
    limb(parent, thick * 0.8, "arm", [at.right - at.width * 0.24, back + thick * 0.8], [at.right - at.width * 0.16, at.bottom - thick / 2]);
    svg("circle", { class: "skin", cx: at.right - r, cy: at.top + r, r }, parent);
    return;
  }
  const r = Math.min(at.width / 2, at.height * 0.07), low = at.height * 0.52, tall = at.height;
  const bottom = at.bottom;
  limb(parent, at.width * 0.34, "far", [at.middle, bottom - low], [at.left + at.width * 0.22, bottom - 40]);
  limb(parent, at.width * 0.34, "near", [at.middle, bottom - low], [at.right - at.width * 0.22, bottom - 40]);
  svg("rect", { class: "cloth", x: at.left, width: at.width, y: bottom - tall * 0.84, height: tall * 0.36, rx: at.width * 0.4 }, parent);
  svg("circle", { class: "skin", cx: at.middle, cy: at.top + r, r }, parent);
  limb(parent, at.width * 0.24, "arm", [at.middle, bottom - tall * 0.76], [at.middle + 30, bottom - tall * 0.5]);
}

function wheel(parent, cx, r, css = "tyre") {
  svg("circle", { class: css, cx, cy: -r, r: r - 18 }, parent);
  svg("circle", { class: "hub", cx, cy: -r, r: Math.max(14, r * 0.12) }, parent);
}

const THINGS = {
  suitcase(parent, at, torso) {
    if (torso) {
      const hand = [torso.left - 60, torso.bottom + 20];
      svg("path", { class: "handle", d: points(hand, [at.right - 60, at.top + 60]) }, parent);
    }
    rounded(parent, { ...at, bottom: at.bottom, height: at.height - 30 }, "luggage", 45);
    for (const share of [0.34, 0.66]) svg("line", { class: "seam", x1: at.left + at.width * share, x2: at.left + at.width * share, y1: at.top + 50, y2: at.bottom - 80 }, parent);
    for (const x of [at.left + 45, at.right - 45]) svg("circle", { class: "hub", cx: x, cy: -26, r: 26 }, parent);
  },
  backpack(parent, at) {
    rounded(parent, at, "luggage", 90);
    svg("line", { class: "seam", x1: at.left + 20, x2: at.right - 20, y1: at.top + at.height * 0.55, y2: at.top + at.height * 0.55 }, parent);
  },
  pram(parent, at) {
    const deck = at.top + at.height * 0.34, bottom = at.top + at.height * 0.66, hood = at.width * 0.46;
    svg("path", { class: "handle", d: points([at.left + 20, at.top + 10], [at.left + at.width * 0.3, bottom], [at.right - 150, -150]) }, parent);
    svg("path", { class: "handle", d: points([at.left + at.width * 0.62, bottom], [at.left + 150, -150]) }, parent);
    svg("path", { class: "luggage", d: `M${at.left + 60} ${deck}H${at.right}Q${at.right - 20} ${bottom} ${at.right - at.width * 0.3} ${bottom}H${at.left + at.width * 0.32}Q${at.left + 80} ${bottom} ${at.left + 60} ${deck}Z` }, parent);
    svg("path", { class: "luggage hood", d: `M${at.right} ${deck}A${hood} ${deck - at.top} 0 0 0 ${at.right - hood} ${at.top}V${deck}Z` }, parent);
    wheel(parent, at.left + 150, 150);
    wheel(parent, at.right - 150, 150);
  },
  wheels(parent, at) {
    wheel(parent, at.left + at.width - at.height / 2 - (at.width - at.height), at.height / 2);
    wheel(parent, at.right - 90, 90);
  },
  "seat and legs"(parent, at) {
    svg("path", { class: "limb near", "stroke-width": 150, d: points([at.left + at.width * 0.5, at.top + 75], [at.right - 75, at.top + 85], [at.right - 75, at.bottom - 30]) }, parent);
    svg("path", { class: "handle", d: points([at.left + 60, at.top + at.height * 0.55], [at.right - 160, at.top + at.height * 0.55]) }, parent);
  },
  footrest(parent, at) {
    svg("path", { class: "handle", d: points([at.left + 40, at.top], [at.right - 130, at.bottom - 30], [at.right - 10, at.bottom - 30]) }, parent);
  },
  backrest(parent, at) {
    rounded(parent, at, "luggage", 30);
    svg("path", { class: "handle", d: points([at.middle, at.top + 20], [at.left - 70, at.top + 20]) }, parent);
  },
  "front wheel"(parent, at) { wheel(parent, at.middle, at.height / 2); },
  "rear wheel"(parent, at) { wheel(parent, at.middle, at.height / 2); },
  handlebar(parent, at) {
    svg("path", { class: "handle", d: points([at.right, at.top + 20], [at.left + 30, at.bottom - 20], [at.right + 90, -340]) }, parent);
  },
  saddle(parent, at) {
    rounded(parent, { ...at, height: 70 }, "hub", 35);
    svg("path", { class: "handle", d: points([at.middle, at.top + 40], [at.middle + 120, -330], [at.right + 600, -800], [at.middle + 60, -740]) }, parent);
  },
  umbrella(parent, at) {
    svg("path", { class: "luggage", d: `M${at.right} ${at.top + 40}L${at.left + 130} ${at.top}Q${at.left + 90} ${at.top + 40} ${at.left + 130} ${at.bottom}Z` }, parent);
    svg("path", { class: "handle", d: points([at.left + 130, at.top + 40], [at.left + 10, at.top + 40]) }, parent);
  },
  dog(parent, at, torso) {
    const back = at.top + at.height * 0.28, leg = Math.max(40, at.width * 0.09);
    if (torso) svg("path", { class: "handle thin", d: points([torso.middle + (at.middle > torso.middle ? 120 : -120), torso.bottom + 40], [at.right - at.width * 0.24, back]) }, parent);
    svg("rect", { class: "luggage", x: at.left + at.width * 0.08, y: back, width: at.width * 0.7, height: at.height * 0.52, rx: at.height * 0.2 }, parent);
    for (const share of [0.14, 0.26, 0.58, 0.7]) svg("rect", { class: "luggage", x: at.left + at.width * share, y: back + at.height * 0.3, width: leg, height: -(back + at.height * 0.3) }, parent);
    svg("ellipse", { class: "luggage", cx: at.right - at.width * 0.16, cy: at.top + at.height * 0.24, rx: at.width * 0.16, ry: at.height * 0.22 }, parent);
    svg("path", { class: "limb tail", "stroke-width": 36, d: points([at.left + at.width * 0.1, back + 40], [at.left + 20, at.top + 20]) }, parent);
  },
};

const PERSONAL = new Set(["torso", "head", "thighs", "leg", "legs"]);
const DRAWN_LATE = new Set(["wheels", "footrest"]);

// A body from the side: {node, hulls}. `hulls[i]` is the rectangle of `parts[i]`; `lift(mm)` raises the person.
export function fromSide(parts, kind, parent) {
  const node = svg("g", { class: `body ${kind === 1 ? "guest" : "rider"}` }, parent);
  const behind = svg("g", {}, node), things = svg("g", {}, node), raised = svg("g", {}, node), grounded = svg("g", {}, node);
  const core = svg("g", {}, raised), late = svg("g", {}, node), low = svg("g", {}, node), high = svg("g", {}, node);
  const others = parts.filter((part) => !PERSONAL.has(part.name) && !part.name.startsWith("child's "));
  const trunk = parts.find((part) => part.name === "torso"), torso = trunk && box(trunk);
  if (parts.some((part) => part.name === "child's torso")) {
    person({ core: things, grounded: things, behind: things }, parts, "child's ", []);
  }
  for (const part of others) {
    const layer = DRAWN_LATE.has(part.name) ? late : part.name === "seat and legs" ? grounded : things;
    const draw = THINGS[part.name];
    if (draw) draw(layer, box(part), torso); else rounded(layer, box(part), "luggage", 60);
  }
  person({ core, grounded, behind }, parts, "", others);
  const hulls = parts.map((part) => {
    const at = box(part), parentNode = LIFTED.has(part.name) ? high : low;
    const rect = svg("rect", { class: "hull", x: at.left, y: at.top, width: at.width, height: at.height, rx: 12 }, parentNode);
    rect.dataset.part = part.name;
    return rect;
  });
  let lifted = 0;
  return {
    node, hulls,
    lift(mm) {
      if (mm === lifted) return;
      lifted = mm;
      const to = `translate(0 ${-mm})`;
      raised.setAttribute("transform", to);
      high.setAttribute("transform", to);
    },
  };
}

// Widths across the lane: the simulation is flat and knows none, these are for the eye.
const ACROSS = { suitcase: 380, pram: 520, wheels: 600, "seat and legs": 420, backrest: 420, footrest: 340, backpack: 330, dog: 190, umbrella: 70,
  "front wheel": 60, "rear wheel": 60, handlebar: 480, saddle: 150 };
const BESIDE = { "front wheel": 170, "rear wheel": 170, handlebar: 170, saddle: 170, umbrella: 190, dog: 60 };

// A body from above, lane's middle at y = 0.
export function fromAbove(parts, kind, parent) {
  const node = svg("g", { class: `body ${kind === 1 ? "guest" : "rider"}` }, parent);
  const things = svg("g", {}, node), core = svg("g", {}, node);
  const oval = (layer, at, half, y, css) => svg("ellipse", { class: css, cx: at.middle, cy: y, rx: at.width / 2, ry: half }, layer);
  for (const part of parts) {
    const child = part.name.startsWith("child's "), name = child ? part.name.slice(8) : part.name, at = box(part);
    const y = child ? 120 : 0, small = child ? 0.62 : 1, layer = child ? things : core;
    if (name === "leg") oval(things, at, 55 * small, y + (part.offset_mm > 0 ? 80 : -80) * small, "shoe far");
    else if (name === "legs") oval(things, at, 120, 0, "limb-top");
    else if (name === "torso") oval(layer, at, 225 * small, y, "cloth");
    else if (name === "head") oval(layer, at, Math.min(95, at.width / 2) * small + 5, y, "skin");
    else if (name !== "thighs") {
      const half = (ACROSS[name] || 350) / 2, beside = BESIDE[name] || 0;
      if (name === "wheels") for (const side of [-1, 1]) svg("rect", { class: "hub", x: at.left, width: at.width, y: side * 290 - 25, height: 50, rx: 25 }, things);
      else svg("rect", { class: name === "footrest" ? "handle" : "luggage", x: at.left, width: at.width, y: beside - half, height: 2 * half, rx: Math.min(50, half, at.width / 2) }, things);
    }
  }
  if (!parts.some((part) => part.name === "head")) {
    const trunk = parts.find((part) => part.name === "torso"), at = trunk && box(trunk);
    if (at) svg("circle", { class: "skin", cx: at.width > 700 ? at.right - 110 : at.middle, cy: 0, r: 95 }, core);
  }
  return { node, core };
}
