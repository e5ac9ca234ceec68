// Axes, lines, points: a small plot in SVG that is drawn again when its width changes.

const MARGIN = { top: 22, right: 14, bottom: 40, left: 46 };

function ticksOf([low, high], count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) ticks.push(Number(t.toPrecision(12)));
  return ticks;
}

// Linear, or logarithmic with zero in its place ("log1p"): cost has zeros.
function scaleOf([low, high], [from, to], kind) {
  const f = kind === "log1p" ? Math.log1p : kind === "log" ? Math.log : (v) => v;
  const inverse = kind === "log1p" ? Math.expm1 : kind === "log" ? Math.exp : (v) => v;
  const scale = (value) => from + (f(value) - f(low)) / (f(high) - f(low) || 1) * (to - from);
  scale.invert = (pixel) => inverse(f(low) + (pixel - from) / (to - from) * (f(high) - f(low)));
  return scale;
}

function stepOrLine(xs, ys, x, y) {
  let path = "";
  for (let i = 0; i < xs.length; i++) path += `${i ? "L" : "M"}${x(xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}`;
  return path;
}

// A frame with axes; returns {root, x, y, inside}. `spec`: width, height, x and y as {domain, label, ticks, format, kind}.
function frame(spec) {
  const { width, height } = spec, margin = { ...MARGIN, ...spec.margin };
  const right = width - margin.right, bottom = height - margin.bottom;
  const x = scaleOf(spec.x.domain, [margin.left, right], spec.x.kind);
  const y = scaleOf(spec.y.domain, [bottom, margin.top], spec.y.kind);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": spec.label });
  const grid = svg("g", { class: "grid" }), axes = svg("g", { class: "axes" });
  const formatOf = (axis) => axis.format ?? ((value) => String(value));
  for (const tick of spec.y.ticks ?? ticksOf(spec.y.domain, 6)) {
    grid.append(svg("line", { x1: margin.left, x2: right, y1: y(tick), y2: y(tick) }));
    axes.append(svg("text", { x: margin.left - 8, y: y(tick) + 3.5, "text-anchor": "end" }, formatOf(spec.y)(tick)));
  }
  for (const tick of spec.x.ticks ?? ticksOf(spec.x.domain, Math.max(3, Math.min(10, width / 90)))) {
    axes.append(svg("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }));
    axes.append(svg("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle" }, formatOf(spec.x)(tick)));
  }
  axes.append(svg("line", { x1: margin.left, x2: right, y1: bottom, y2: bottom }));
  if (spec.x.label) axes.append(svg("text", { class: "name", x: right, y: bottom + 33, "text-anchor": "end" }, spec.x.label));
  if (spec.y.label) axes.append(svg("text", { class: "name", x: 0, y: 9 }, spec.y.label));
  const inside = svg("g", {});
  root.append(grid, axes, inside);
  return { root, x, y, inside, margin, right, bottom };
}

// A vertical line that follows the pointer, and what it crosses, highest first.
function crosshair(plot, box, { at, values }) {
  const rule = svg("line", { class: "rule", y1: plot.margin.top, y2: plot.bottom, visibility: "hidden" });
  const readout = h("div", { class: "readout", hidden: true, "aria-hidden": "true" });
  plot.root.append(rule);
  box.append(readout);
  plot.root.addEventListener("pointermove", (event) => {
    const area = plot.root.getBoundingClientRect(), pixel = event.clientX - area.left;
    const inside = pixel >= plot.margin.left && pixel <= plot.right;
    rule.setAttribute("visibility", inside ? "visible" : "hidden");
    readout.hidden = !inside;
    if (!inside) return;
    const where = plot.x.invert(pixel);
    rule.setAttribute("x1", pixel);
    rule.setAttribute("x2", pixel);
    const found = values(where).sort((one, two) => two.value - one.value);
    readout.replaceChildren(h("b", {}, at(where)), ...found.map(({ variant, shown }) =>
      h("span", {}, swatch(variant), h("em", {}, shown), nameOf(variant))));
    const left = pixel > (plot.margin.left + plot.right) / 2;
    readout.style.cssText = left ? `right:${area.width - pixel + 12}px;left:auto` : `left:${pixel + 12}px`;
  });
  plot.root.addEventListener("pointerleave", () => { rule.setAttribute("visibility", "hidden"); readout.hidden = true; });
}

// Heights for names, given from the top down: `gap` apart, as near to their points as that allows, within [top, bottom].
function spread(ys, gap, [top, bottom]) {
  const clusters = [];
  const at = (cluster, place) => sumOf(cluster) / cluster.length + (place - (cluster.length - 1) / 2) * gap;
  for (const y of ys) {
    clusters.push([y]);
    while (clusters.length > 1 && at(clusters.at(-1), 0) - at(clusters.at(-2), clusters.at(-2).length - 1) < gap)
      clusters.at(-2).push(...clusters.pop());
  }
  const heights = clusters.flatMap((cluster) => cluster.map((_, place) => at(cluster, place)));
  for (let n = 0; n < heights.length; n++) heights[n] = Math.max(heights[n], top + n * gap);
  for (let n = heights.length - 1; n >= 0; n--) heights[n] = Math.min(heights[n], bottom - (heights.length - 1 - n) * gap);
  return heights;
}

const sumOf = (values) => values.reduce((one, two) => one + two, 0);
