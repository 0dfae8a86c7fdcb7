// What is known of a stretch of time at one lane, and how things stood at any moment in it.
//
//   const stretch = stretchOf(answer)         // of /v1/replays/stretch
//   const stretch = traceOf(answer)           // of /v1/replays/trace
//   stretch.momentAt(t)                       // what drawing.js draws
//   stretch.edgeBefore(t), stretch.edgeAfter(t)
//
// Rules: pure of time, network and page. Times are milliseconds of the stretch's own clock. Nothing is made up: a beam that
// nobody knows of is null, a body is there only where its way was kept.

const last = (list, at, t) => {
  // The index of the last entry whose time is not after t; -1 when all are later.
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(list[middle]) <= t) low = middle + 1; else high = middle;
  }
  return low - 1;
};

export function frontAt(points, t) {
  const index = last(points, (point) => point[0], t);
  if (index < 0) return points[0][1];
  if (index === points.length - 1) return points[index][1];
  const [t0, x0] = points[index], [t1, x1] = points[index + 1];
  return x0 + ((x1 - x0) * (t - t0)) / (t1 - t0);
}

export class Stretch {
  constructor({ from, to, whole = true, beams, edges, shows = [], walks = [], crossings = [], verdicts = [] }) {
    this.from = from;
    this.to = to;
    this.whole = whole;
    this.edges = edges;
    this.shows = shows;
    this.crossings = crossings;
    this.verdicts = verdicts;
    const count = Math.max(beams.length, 1 + Math.max(-1, ...new Set(edges.map((edge) => edge[1]))));
    this.before = Array.from({ length: count }, (_, beam) => beams[beam] ?? null);
    this.ofBeam = this.before.map(() => []);
    for (const edge of edges) this.ofBeam[edge[1]].push(edge);
    this.walks = walks.map((walk, id) => ({
      ...walk, id,
      drawn: walk.parts.map(([name, offset_mm, length_mm, low_mm, high_mm]) => ({ name, offset_mm, length_mm, low_mm, high_mm })),
    }));
  }

  has(t) { return this.from <= t && t <= this.to; }

  beamsAt(t) {
    return this.before.map((before, beam) => {
      const index = last(this.ofBeam[beam], (edge) => edge[0], t);
      return index < 0 ? before : this.ofBeam[beam][index][2];
    });
  }

  // For each beam the times [from, to) in which it is broken, and whether it is not known.
  barsOf(beam) {
    const bars = [];
    let since = this.before[beam] === 1 ? this.from : null;
    for (const [at, , blocked] of this.ofBeam[beam]) {
      if (blocked && since === null) since = at;
      if (!blocked && since !== null) { bars.push([since, at]); since = null; }
    }
    if (since !== null) bars.push([since, this.to]);
    return bars;
  }

  gateAt(t) {
    const index = last(this.shows, (show) => show[0], t);
    if (index < 0) return null;
    const [at, state, lamp, arm, to, by] = this.shows[index];
    const share = by <= at || t >= by ? 1 : (t - at) / (by - at);
    return { state, lamp, arm: arm + (to - arm) * share };
  }

  bodiesAt(t) {
    return this.walks.filter((walk) => walk.since_ms <= t && t <= walk.until_ms).map((walk) => {
      const front_mm = frontAt(walk.points, t);
      const up = walk.raised.find(([from, to]) => from <= front_mm && front_mm <= to);
      return { id: walk.id, front_mm, kind: walk.kind, reverse: walk.reverse ? 1 : 0, lift_mm: up ? up[2] : 0, parts: walk.drawn };
    });
  }

  momentAt(t) {
    const gate = this.gateAt(t);
    return {
      state: gate ? gate.state : "", lamp: gate ? gate.lamp : "wait", arm: gate ? gate.arm : 0,
      beams: this.beamsAt(t), bodies: this.bodiesAt(t), waiting: 0, hands: [],
    };
  }

  edgeAt(t) {
    const index = last(this.edges, (edge) => edge[0], t);
    return index < 0 ? null : this.edges[index];
  }

  // The edge to step to: those of one millisecond are one step.
  edgeBefore(t) {
    const index = last(this.edges, (edge) => edge[0], t - 1);
    return index < 0 ? null : this.edges[index];
  }

  edgeAfter(t) {
    return this.edges[last(this.edges, (edge) => edge[0], t) + 1] ?? null;
  }

  // All edges of exactly that millisecond.
  edgesOf(t) {
    return this.edges.filter((edge) => edge[0] === t);
  }
}

export function stretchOf(answer) {
  return new Stretch({ ...answer, from: answer.from_ms, to: answer.to_ms });
}

export function traceOf(answer) {
  return new Stretch({ from: -TRACE_MARGIN_MS, to: answer.span_ms + TRACE_MARGIN_MS, beams: answer.before, edges: answer.trace });
}

export const TRACE_MARGIN_MS = 200;

export function layoutOf(found) {
  // The layout of a run's lane, in the form of the wire.
  return found && {
    make: found.make, detector: found.detector, beams: found.beams.map((beam) => [beam.x_mm, beam.z_mm]),
    arm: [found.arm_mm, found.arm_height_mm, found.arm_clearance_mm],
    stand_mm: found.stand_mm, queue_mm: found.queue_mm, away_mm: found.away_mm, width_mm: found.width_mm,
  };
}

// --- words

const two = (number) => String(number).padStart(2, "0");

// 12:00:03.417, or without a clock 3.417 s; with hours only where there are some.
export function clock(ms, epoch = null) {
  if (epoch !== null) return new Date(epoch + ms).toISOString().slice(11, 23);
  const sign = ms < 0 ? "−" : "", whole = Math.round(Math.abs(ms)), hours = Math.floor(whole / 3600000);
  const rest = `${two(Math.floor(whole / 60000) % 60)}:${two(Math.floor(whole / 1000) % 60)}.${String(whole % 1000).padStart(3, "0")}`;
  return sign + (hours ? `${hours}:${rest}` : rest);
}

const WORDS = {
  passed: "passed", passed_free: "passed while released to all", turned_back: "turned back", refused: "was refused", gave_up: "gave up",
  tailgated: "came through on another's release", jumped: "jumped over the arm", climbed: "climbed over the arm", crawled: "crawled under the arm",
  forced: "pushed the arm aside", backcocked: "slipped through a turned-back arm", reversed: "came in against the lane",
  passed_back: "used a medium that was handed back", unobserved: "not observed",
};
const SAYS = {
  passed: "passed", passed_free: "passed, released to all", turned_back: "turned back", refused: "refused", tailgate: "tailgating",
  reverse: "against the lane", forced: "forced", jump: "jumped over", crawl: "crawled under", passback: "passed back",
};
export const KINDS = {
  adult: "an adult", backpack: "somebody with a backpack", suitcase: "somebody with a suitcase", pram: "somebody with a pram",
  wheelchair: "somebody in a wheelchair", bicycle: "somebody with a bicycle", child: "a child", child_by_hand: "an adult with a child by the hand",
  umbrella: "somebody with an umbrella", dog: "somebody with a dog",
};
export const didWords = (outcome) => WORDS[outcome] ?? outcome.replaceAll("_", " ");
export const saysWords = (what) => SAYS[what] ?? what.replaceAll("_", " ");
export const kindWords = (kind) => KINDS[kind] ?? (kind ? kind.replaceAll("_", " ") : "nobody");

// What the gateway has seen live of a recorded passage.
export function truthWords(truth) {
  if (!truth) return "The gateway does not know any more: truth is shown live and never stored.";
  if (truth.result === "by_hand") return "Somebody meddled with the lane from a page: nobody is meant.";
  if (truth.result === "accused_wrongly") return "Nobody evaded near that moment: somebody honest was accused.";
  const who = kindWords(truth.figure ?? ""), did = truth.what ? didWords(truth.what) : "evaded";
  return `${truth.figure ? who[0].toUpperCase() + who.slice(1) : "Somebody"} ${did}. ${truth.result === "caught" ? "The gate was right." : "The gate noticed, and named it wrongly."}`;
}

const ACCUSES = new Set(["tailgate", "reverse", "forced", "jump", "crawl", "passback"]);
export const accuses = (what) => ACCUSES.has(what);

// What a match of the scorecard means, in short: [class, words].
export const MATCHES = {
  agreed: ["calm", "right"], true: ["good", "accused rightly"], false: ["bad", "accused wrongly"], repeated: ["note", "accused once more"],
  phantom: ["bad", "nobody was there"], missed: ["note", "evasion missed"], unseen: ["note", "evasion not seen"], spurious: ["calm", "about nobody"],
};

export function matchOf(match, honest) {
  return match === "unseen" && honest ? ["calm", "no word of it"] : MATCHES[match] ?? ["calm", ""];
}
