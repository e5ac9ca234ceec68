// The four figures of the page and the legend they share.

const FIRST_SHOWN = 6;  // lines that can still be distinguished
const FEW = 14;  // variants that can all be named in one plot
const MOST = Math.max(...VARIANTS.map((variant) => variant.images));
const shownVariants = new Set();
const figures = [];
let hovered = null;

function startCharts() {
  const distinct = VARIANTS.map((_, v) => v).filter((v) => VARIANTS[v].same === null && VARIANTS[v].images === MOST);
  for (const v of distinct.filter((v) => VARIANTS[v].color >= 0).slice(0, FIRST_SHOWN)) shownVariants.add(v);
  if (!shownVariants.size) for (const v of distinct.slice(0, FIRST_SHOWN)) shownVariants.add(v);
  legend();
  tauFigure();
  histogramFigure();
  curveFigure();
  costFigure();
  new ResizeObserver(once(() => figures.forEach((draw) => draw()))).observe(byId("charts"));
}

const redraw = once(() => figures.forEach((draw) => draw(true)));
const inOrder = () => [...shownVariants].sort((one, two) => two - one);  // the best one last, on top

function legend() {
  const box = byId("legend");
  box.classList.toggle("many", VARIANTS.length > FEW);
  for (const [v] of VARIANTS.entries()) {
    const check = h("input", { type: "checkbox", checked: shownVariants.has(v), onchange: (event) => {
      if (event.target.checked) shownVariants.add(v); else shownVariants.delete(v);
      redraw();
    } });
    const hover = (on) => { hovered = on ? v : null; redraw(); };
    box.append(h("label", { onpointerenter: () => hover(true), onpointerleave: () => hover(false), onfocusin: () => hover(true), onfocusout: () => hover(false) },
      check, swatch(v), h("span", {}, VARIANTS[v].name, " ", h("small", {}, VARIANTS[v].details))));
  }
  const all = (on) => {
    for (const [v, input] of [...box.querySelectorAll("input")].entries()) {
      input.checked = on;
      if (on) shownVariants.add(v); else shownVariants.delete(v);
    }
    redraw();
  };
  box.append(h("span", { class: "both" }, h("button", { type: "button", onclick: () => all(true) }, "all"),
    h("button", { type: "button", onclick: () => all(false) }, "none")));
}

// One figure: controls, a body drawn for its width, a caption, and the numbers as a table for who can't see lines.
function figure(title, { controls = [], draw, caption, numbers, wide }) {
  const body = h("div", { class: "body" }), text = h("figcaption", {});
  const table = h("div", { class: "wide" });
  const details = h("details", { class: "numbers", ontoggle: () => details.open && fill() }, h("summary", {}, "Numbers"), table);
  const fill = () => {
    const [heads, ...rows] = numbers();
    table.replaceChildren(h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, ...rows.map(([first, ...rest]) =>
        h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((value, n) => h("td", { "data-label": heads[n + 1] }, value)))))));
  };
  const node = h("figure", { class: wide ? "chart across" : "chart" }, h("h3", {}, title),
    controls.length ? h("div", { class: "controls" }, ...controls) : null, body, text, details);
  byId("charts").append(node);
  let width = 0;
  const again = (force) => {
    const now = Math.floor(body.clientWidth);
    if (!now || (!force && now === width)) return;
    width = now;
    body.replaceChildren(...draw(width, body));
    text.replaceChildren(...caption());
    if (details.open) fill();
  };
  figures.push(again);
  return () => again(true);
}

function line(plot, variant, xs, ys, { faint } = {}) {
  const on = hovered === null || hovered === variant;
  return svg("path", { class: faint ? "faint" : "line", d: stepOrLine(xs, ys, plot.x, plot.y), stroke: faint ? null : colorOf(variant),
    "stroke-dasharray": dashOf(variant), opacity: on ? 1 : 0.25, "stroke-width": hovered === variant ? 3 : null });
}

function tauFigure() {
  const plots = DATA.tau;
  if (!plots.length) return;
  const state = { plot: 0, delta: null };
  const deltas = () => Object.keys(plots[state.plot].lines);
  const xs = Array.from({ length: 201 }, (_, i) => i / 200);
  const deltaBox = h("span", { class: "choice", role: "radiogroup", "aria-label": "IoU threshold δ" });
  const offer = () => {
    if (!deltas().includes(state.delta)) state.delta = deltas().includes("0.5") ? "0.5" : deltas()[0];
    deltaBox.replaceChildren("δ ", ...deltas().map((delta) => h("label", {}, h("input", { type: "radio", name: "delta",
      value: delta, checked: delta === state.delta, onchange: () => { state.delta = delta; again(); } }), delta)));
  };
  const chosen = () => plots[state.plot].lines[state.delta], best = () => plots[state.plot].best[state.delta];
  const again = figure("Accuracy over the threshold", {
    controls: [select("Protocol", plots.map((p, i) => [i, p.protocol]), 0, (i) => { state.plot = Number(i); offer(); again(); }), deltaBox],
    draw(width, body) {
      offer.done ??= (offer(), true);
      const seen = (v) => chosen()[v] && (shownVariants.has(v) || VARIANTS[v].images === MOST);
      const high = Math.max(10, ...VARIANTS.flatMap((_, v) => seen(v) ? [Math.max(...chosen()[v]) / 100, best()[v]?.[3] ?? 0] : []));
      const plot = frame({ width, height: 300, label: summary(), x: { domain: [0, 1], label: "threshold τ" },
        y: { domain: [0, Math.min(100, high * 1.05)], label: "% of images" } });
      for (const [v, ys] of chosen().entries())
        if (ys && !shownVariants.has(v) && VARIANTS[v].images === MOST) plot.inside.append(line(plot, v, xs, ys.map((y) => y / 100), { faint: true }));
      for (const v of inOrder()) {
        const ys = chosen()[v], top = best()[v];
        if (!ys) continue;
        plot.inside.append(line(plot, v, xs, ys.map((y) => y / 100)));
        if (!top) continue;
        const at = { fill: colorOf(v), stroke: colorOf(v), opacity: hovered === null || hovered === v ? 1 : 0.25 };
        plot.inside.append(svg("line", { ...at, x1: plot.x(top[0]), x2: plot.x(top[0]), y1: plot.y(top[2]), y2: plot.y(top[3]), "stroke-width": 1 }),
          svg("circle", { ...at, cx: plot.x(top[0]), cy: plot.y(top[1]), r: 3.5, class: "point" }));
      }
      crosshair(plot, body, { at: (x) => `τ ${x.toFixed(2)}`, values: (x) => inOrder().filter((v) => chosen()[v]).map((v) => {
        const value = chosen()[v][Math.round(x * 200)] / 100;
        return { variant: v, value, shown: value.toFixed(1) };
      }) });
      return [plot.root, ...body.querySelectorAll(".readout")];
    },
    caption: () => [`Share of images (%) whose box reaches IoU ${state.delta}, under ${plots[state.plot].protocol}, against the `
      + "threshold that cuts the map. The dot is the maximum, MaxBoxAcc, with its interval; faint lines are the other variants" + (VARIANTS.some(({ images }) => images < MOST) ? " on as many images." : ".")],
    numbers: () => [["Variant", "best τ", `MaxBoxAcc@${state.delta}`, "interval", ...[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map((t) => `τ ${t}`)],
      ...VARIANTS.map((_, v) => v).filter((v) => chosen()[v]).map((v) => {
        const [tau, value, low, high] = best()[v] ?? [];
        return [nameOf(v), tau?.toFixed(3) ?? "", value?.toFixed(1) ?? "", low === undefined ? "" : `${low.toFixed(1)} to ${high.toFixed(1)}`,
          ...[0, 20, 40, 60, 80, 100, 120, 140].map((i) => (chosen()[v][i] / 100).toFixed(1))];
      })],
  });
  function summary() {
    const tops = inOrder().reverse().filter((v) => best()[v]).map((v) => `${nameOf(v)} ${best()[v][1].toFixed(1)} at ${best()[v][0].toFixed(2)}`);
    return `Accuracy at IoU ${state.delta} over the threshold. Maxima: ${tops.join("; ") || "none"}.`;
  }
  offer();
}

function histogramFigure() {
  const plots = DATA.histograms;
  if (!plots.length) return;
  let chosen = 0;
  const again = figure("How good the boxes are", {
    controls: [select("Protocol", plots.map((p, i) => [i, p.protocol]), 0, (i) => { chosen = Number(i); again(); })],
    draw(width) {
      const { counts, deltas } = plots[chosen], all = inOrder().reverse().filter((v) => counts[v]);
      const left = width < 460 ? 8 : 150, row = width < 460 ? 52 : 40, top = 8, bottom = top + row * Math.max(1, all.length);
      const x = scaleOf([0, 1], [left, width - 14]);
      const peak = Math.max(1e-9, ...all.map((v) => Math.max(...counts[v]) / sumOf(counts[v])));
      const root = svg("svg", { viewBox: `0 0 ${width} ${bottom + 42}`, width, height: bottom + 42, role: "img",
        "aria-label": `Histograms of IoU: ${all.map((v) => `${nameOf(v)}, median ${median(counts[v]).toFixed(2)}`).join("; ")}.` });
      const axes = svg("g", { class: "axes" }), grid = svg("g", { class: "grid" });
      for (const delta of deltas) grid.append(svg("line", { class: "delta", x1: x(delta), x2: x(delta), y1: top, y2: bottom }));
      for (const tick of [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
        if (width > 460 || Math.round(tick * 10) % 2 === 0 || deltas.includes(tick))
          axes.append(svg("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle" }, String(tick)));
      axes.append(svg("text", { class: "name", x: width - 14, y: bottom + 35, "text-anchor": "end" }, "IoU with the best ground-truth box"));
      root.append(grid, axes);
      for (const [place, v] of all.entries()) {
        const base = top + row * (place + 1), total = sumOf(counts[v]), bars = svg("g", { fill: colorOf(v) });
        for (const [bin, count] of counts[v].entries()) {
          const height = count / total / peak * (row - 12);
          if (count) bars.append(svg("rect", { x: x(bin / DATA.bins) + 0.5, y: base - height, width: x(1 / DATA.bins) - x(0) - 1, height,
            opacity: hovered === null || hovered === v ? 1 : 0.25 },
          svg("title", {}, `${nameOf(v)}: IoU ${(bin / DATA.bins).toFixed(2)} to ${((bin + 1) / DATA.bins).toFixed(2)}, ${count} images`)));
        }
        axes.append(svg("line", { x1: left, x2: width - 14, y1: base, y2: base }));
        const label = left > 8 ? { x: left - 10, y: base - 14, "text-anchor": "end" } : { x: left, y: base - row + 13 };
        root.append(bars, svg("text", { class: "label", ...label }, VARIANTS[v].name,
          ...(VARIANTS[v].details ? [left > 8 ? svg("tspan", { class: "soft", x: left - 10, dy: 12 }, VARIANTS[v].details)
            : svg("tspan", { class: "soft", dx: 6 }, VARIANTS[v].details)] : [])));
      }
      return [root];
    },
    caption: () => [`Images by the IoU of their best box under ${plots[chosen].protocol}, each variant at its best threshold for `
      + `δ 0.5, for the variants chosen above. Lines mark δ ${plots[chosen].deltas.join(", ")}.`],
    numbers: () => [["Variant", "τ", ...Array.from({ length: DATA.bins }, (_, b) => (b / DATA.bins).toFixed(2))],
      ...VARIANTS.map((_, v) => v).filter((v) => plots[chosen].counts[v])
        .map((v) => [nameOf(v), plots[chosen].taus[v]?.toFixed(3) ?? "each its own", ...plots[chosen].counts[v].map(String)])],
  });
}

function median(counts) {  // of a histogram, by its bins' middles
  let left = sumOf(counts) / 2;
  for (const [bin, count] of counts.entries()) { left -= count; if (left <= 0) return (bin + 0.5) / counts.length; }
  return 0;
}

function curveFigure() {
  const plots = DATA.curves;
  if (!plots.length) return;
  let chosen = 0;
  const again = figure(plots[0].panels.map(({ name }, n) => n ? name : name[0].toUpperCase() + name.slice(1)).join(" and "), {
    wide: true,
    controls: plots.length > 1 ? [select("Metric", plots.map((p, i) => [i, p.metric]), 0, (i) => { chosen = Number(i); again(); })] : [],
    draw(width, body) {
      const { panels } = plots[chosen], several = width > 620 && panels.length > 1;
      const each = several ? Math.floor((width - 24 * (panels.length - 1)) / panels.length) : width;
      return panels.map(({ name, label, lines }) => {
        const holder = h("div", { class: "panel" });
        const xs = (ys) => ys.map((_, i) => i / (ys.length - 1));
        const shown = inOrder().filter((v) => lines[v]);
        const high = Math.max(0.1, ...shown.map((v) => Math.max(...lines[v][2])));
        const plot = frame({ width: each, height: 260, x: { domain: [0, 1], label },
          y: { domain: [0, Math.min(1, high * 1.04)], format: (v) => v.toFixed(1), label: "mean over images" },
          label: `Mean ${name} for ${shown.map(nameOf).join(", ")}.` });
        plot.inside.append(svg("text", { class: "panel-name", x: plot.right, y: plot.margin.top + 2, "text-anchor": "end" }, name));
        for (const v of shown) {
          const [ys, low, up] = lines[v];
          if (hovered === v || shown.length <= 2) plot.inside.append(svg("path", { class: "band", fill: colorOf(v),
            d: stepOrLine(xs(up), up, plot.x, plot.y) + stepOrLine(xs(low).reverse(), [...low].reverse(), plot.x, plot.y).replace("M", "L") + "Z" }));
          plot.inside.append(line(plot, v, xs(ys), ys));
        }
        crosshair(plot, holder, { at: (x) => x.toFixed(2), values: (x) => shown.map((v) => {
          const value = lines[v][0][Math.round(x * (lines[v][0].length - 1))];
          return { variant: v, value, shown: value.toFixed(3) };
        }) });
        holder.prepend(plot.root);
        return holder;
      });
    },
    caption: () => [`Means over images of ${plots[chosen].metric}, whose numbers stand in the table. Point at a name above for its interval.`],
    numbers: () => [["Variant", "curve", ...[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map((p) => `${p} %`)],
      ...plots[chosen].panels.flatMap(({ name, lines }) => VARIANTS.map((_, v) => v).filter((v) => lines[v]).map((v) =>
        [nameOf(v), name, ...Array.from({ length: 11 }, (_, i) => lines[v][0][Math.round(i / 10 * (lines[v][0].length - 1))].toFixed(3))]))],
  });
}

const COSTS = {
  passes: ["forward and backward passes per image", (c) => c.forwards === undefined ? null : c.forwards + (c.partial_forwards ?? 0) + (c.backwards ?? 0), "log1p"],
  ms: ["milliseconds per image", (c) => c.ms ?? null, "log"],
  peak_mb: ["peak memory, MB", (c) => c.peak_mb ?? null, "log1p"],
};

function costFigure() {
  const columns = DATA.columns.map((_, i) => i).filter((i) => DATA.columns[i].higher !== null);
  if (!columns.length) return;
  const state = { x: "passes", y: DATA.headline ?? columns[0] };
  const name = (i) => DATA.columns[i].label;
  const both = () => VARIANTS.map((variant, v) => ({ v, x: COSTS[state.x][1](variant.costs), y: DATA.values[v][state.y] }))
    .filter((p) => p.x !== null && p.y && VARIANTS[p.v].same === null && (COSTS[state.x][2] !== "log" || p.x > 0));
  const alike = () => {  // on the most images: numbers of other images can't be compared
    const all = both(), most = Math.max(0, ...all.map((p) => p.y[3]));
    return all.filter((p) => p.y[3] === most);
  };
  const again = figure("Quality against cost", {
    wide: true,
    controls: [select("Quality", columns.map((i) => [i, name(i)]), state.y, (i) => { state.y = Number(i); again(); }),
      select("Cost", Object.entries(COSTS).map(([key, [label]]) => [key, label]), "passes", (key) => { state.x = key; again(); })],
    draw(width) {
      const all = alike();
      if (!all.length) return [h("p", {}, "No variant has both numbers.")];
      const kind = COSTS[state.x][2], xs = all.map((p) => p.x), lows = all.flatMap((p) => p.y.slice(0, 3));
      const low = kind === "log" ? Math.min(...xs) / 1.5 : 0, high = Math.max(...xs, 1) * (kind === "log" ? 1.6 : 1.3);
      const pad = (Math.max(...lows) - Math.min(...lows)) * 0.06 || 1;
      const narrow = width < 560;
      const named = all.filter((p) => all.length <= FEW || shownVariants.has(p.v)).sort((a, b) => b.y[0] - a.y[0] || b.x - a.x);
      const longest = Math.max(0, ...named.map((p) => VARIANTS[p.v].name.length + (narrow ? 0 : VARIANTS[p.v].details.length)));
      const plot = frame({ width, height: Math.max(narrow ? 320 : 380, 62 + 13 * named.length), margin: { right: 22 + 6.4 * longest },
        x: { domain: [low, high], label: COSTS[state.x][0], kind, ticks: decades(low, high, kind), format: (v) => v >= 1000 ? `${v / 1000}k` : String(v) },
        y: { domain: [Math.max(Math.min(0, Math.min(...lows)), Math.min(...lows) - pad), Math.max(...lows) + pad], format: (v) => String(Number(v.toFixed(3))), label: `${DATA.columns[state.y].label}${DATA.columns[state.y].higher ? "" : " (lower is better)"}` },
        label: `${name(state.y)} against ${COSTS[state.x][0]}: ${all.map((p) => `${nameOf(p.v)} ${p.y[0].toFixed(1)} at ${plain(p.x)}`).join("; ")}.` });
      const better = DATA.columns[state.y].higher ? 1 : -1;
      const front = all.filter((p) => !all.some((q) => q !== p && q.x <= p.x && better * (q.y[0] - p.y[0]) > 0)).sort((a, b) => a.x - b.x || better * (b.y[0] - a.y[0]));
      let steps = "";
      for (const [i, p] of front.entries()) steps += i ? `H${plot.x(p.x)}V${plot.y(p.y[0])}` : `M${plot.x(p.x)} ${plot.y(p.y[0])}`;
      plot.inside.append(svg("path", { class: "front", d: `${steps}H${plot.right}` }));
      const heights = spread(named.map((p) => plot.y(p.y[0])), 13, [plot.margin.top, plot.bottom]);
      for (const p of all) {
        const color = colorOf(p.v), dim = hovered === p.v ? 1 : hovered !== null ? 0.25 : named.includes(p) ? 1 : 0.4;
        const place = named.indexOf(p), [x, y] = [plot.x(p.x), plot.y(p.y[0])];
        plot.inside.append(svg("g", { opacity: dim },
          svg("line", { x1: x, x2: x, y1: plot.y(p.y[1]), y2: plot.y(p.y[2]), stroke: color, "stroke-width": 1.2 }),
          svg("circle", { cx: x, cy: y, r: 4, fill: VARIANTS[p.v].dash ? "var(--paper)" : color, stroke: color, "stroke-width": 1.6 },
            svg("title", {}, `${nameOf(p.v)}: ${p.y[0]} [${p.y[1]}, ${p.y[2]}], ${plain(p.x)}`)),
          ...(place < 0 ? [] : [svg("path", { class: "leader", stroke: color, d: `M${x + 5} ${y}L${plot.right + 4} ${heights[place]}` }),
            svg("text", { class: "label", x: plot.right + 7, y: heights[place] + 4 }, VARIANTS[p.v].name,
              narrow ? null : svg("tspan", { class: "soft", dx: 5 }, VARIANTS[p.v].details))])));
      }
      return [plot.root];
    },
    caption: () => ["Each point is a variant with its interval; the step line joins those that nothing cheaper beats. Only variants on the same images are shown"
      + ` (n = ${alike()[0]?.y[3] ?? 0}), and of equal ones one. Costs are those of the variant run alone.`],
    numbers: () => [["Variant", name(state.y), "interval", COSTS[state.x][0]], ...alike().map((p) =>
      [nameOf(p.v), String(p.y[0]), `${p.y[1]} to ${p.y[2]}`, plain(p.x)])],
  });
}

function decades(low, high, kind) {
  const ticks = kind === "log" ? [] : [0];
  for (let power = 10 ** Math.floor(Math.log10(Math.max(low, kind === "log" ? low : 1))); power <= high; power *= 10)
    for (const m of high / Math.max(low, 1) > 300 ? [1] : [1, 2, 5]) if (power * m >= low && power * m <= high) ticks.push(Number((power * m).toPrecision(6)));
  return ticks;
}
