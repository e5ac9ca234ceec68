// A map over its image: colors, boxes, and the outline of what is above the threshold.

const FINE = 64;  // pixels of the longest side that a map is interpolated to before colors: values, not colors, are mixed

// Cold stays clear, so that the image can be seen; hot is yellow. Position, red, green, blue, opacity.
const STOPS = [[0, 38, 18, 88, 0.25], [0.25, 92, 30, 128, 0.5], [0.5, 200, 50, 92, 0.75], [0.75, 248, 132, 52, 0.92], [1, 255, 236, 120, 1]];
const COLORS = new Uint8ClampedArray(256 * 4);
for (let i = 0; i < 256; i++) {
  const t = i / 255, n = Math.min(STOPS.length - 2, STOPS.findLastIndex((stop) => stop[0] <= t));
  const [one, two] = [STOPS[n], STOPS[n + 1]], share = (t - one[0]) / (two[0] - one[0]);
  for (let k = 0; k < 4; k++) COLORS[4 * i + k] = (one[k + 1] + share * (two[k + 1] - one[k + 1])) * (k === 3 ? 255 : 1);
}

// A map's values at the finer size, bilinear with half-pixel centers.
function finer({ height, width, values }, [wide, high]) {
  const scale = FINE / Math.max(wide, high), w = Math.max(2, Math.round(wide * scale)), tall = Math.max(2, Math.round(high * scale));
  const out = new Float32Array(w * tall);
  for (let y = 0; y < tall; y++) {
    const sy = Math.min(height - 1, Math.max(0, (y + 0.5) * height / tall - 0.5)), y0 = Math.floor(sy), fy = sy - y0, y1 = Math.min(height - 1, y0 + 1);
    for (let x = 0; x < w; x++) {
      const sx = Math.min(width - 1, Math.max(0, (x + 0.5) * width / w - 0.5)), x0 = Math.floor(sx), fx = sx - x0, x1 = Math.min(width - 1, x0 + 1);
      out[y * w + x] = (values[y0 * width + x0] * (1 - fx) + values[y0 * width + x1] * fx) * (1 - fy)
        + (values[y1 * width + x0] * (1 - fx) + values[y1 * width + x1] * fx) * fy;
    }
  }
  return { w, h: tall, values: out };
}

function heatCanvas(fine) {
  const canvas = h("canvas", { width: fine.w, height: fine.h }), data = new ImageData(fine.w, fine.h);
  for (let i = 0; i < fine.values.length; i++) {
    const c = 4 * Math.round(fine.values[i]);
    for (let k = 0; k < 4; k++) data.data[4 * i + k] = COLORS[c + k];
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

// One picture with its heat map and boxes: the image, a small canvas over it whose opacity is the page's, and lines in
// SVG. A move of the threshold changes only attributes of the lines.
function exhibit(image, picture, map, step) {
  const [wide, high] = GALLERY.sizes[image], longest = Math.max(wide, high);
  const lines = svg("svg", { class: "lines", viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const flat = GALLERY.gt[image];
  for (let i = 0; i < flat.length; i += 4) lines.append(...rimmed("gt", flat.slice(i, i + 4)));
  const path = svg("path", { class: "outline" }), boxes = [];
  lines.append(path);
  const fine = map && finer(map, [wide, high]);
  const node = h("span", { class: "exhibit", style: `width:${100 * wide / longest}%;height:${100 * high / longest}%` },
    picture, fine ? heatCanvas(fine) : null, lines);
  const show = (step) => {
    const found = map ? boxesAt(map, step) : [];
    while (boxes.length < found.length) boxes.push(rimmed("box", [0, 0, 0, 0]));
    boxes.forEach((pair, n) => {
      for (const rect of pair) {
        if (n >= found.length) { rect.remove(); continue; }
        const [x0, y0, x1, y1] = found[n];
        place(rect, [x0 * wide, y0 * high, x1 * wide, y1 * high]);
        if (!rect.isConnected || rect.parentNode !== lines) lines.append(rect);
      }
    });
    path.setAttribute("d", drawing.outline && fine ? outline(fine, GALLERY.taus[step] * 255, wide, high) : "");
  };
  show(step);
  return { node, show };
}

// A rectangle with a dark rim, which keeps it visible on any heat.
function rimmed(kind, corners) {
  return ["rim", kind].map((name) => place(svg("rect", { class: `${kind} ${name}` }), corners));
}

function place(rect, [x0, y0, x1, y1]) {
  for (const [name, value] of [["x", x0], ["y", y0], ["width", x1 - x0], ["height", y1 - y0]]) rect.setAttribute(name, value);
  return rect;
}

// Where the map crosses a level, as the path of a `wide` x `tall` picture: marching squares.
function outline({ w, h: high, values }, level, wide, tall) {
  const at = (x, y) => `${((x + 0.5) / w * wide).toFixed(1)} ${((y + 0.5) / high * tall).toFixed(1)}`;
  let path = "";
  for (let y = 0; y + 1 < high; y++) for (let x = 0; x + 1 < w; x++) {
    const a = values[y * w + x], b = values[y * w + x + 1], c = values[(y + 1) * w + x + 1], d = values[(y + 1) * w + x];
    const points = [];
    if (a >= level !== b >= level) points.push(at(x + (level - a) / (b - a), y));
    if (b >= level !== c >= level) points.push(at(x + 1, y + (level - b) / (c - b)));
    if (c >= level !== d >= level) points.push(at(x + (level - d) / (c - d), y + 1));
    if (d >= level !== a >= level) points.push(at(x, y + (level - a) / (d - a)));
    for (let i = 0; i + 1 < points.length; i += 2) path += `M${points[i]}L${points[i + 1]}`;
  }
  return path;
}
