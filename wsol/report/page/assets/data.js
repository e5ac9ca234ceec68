// What the page holds: numbers as JSON; pictures and maps as base64 text that is cut and decoded when an image is seen.

const DATA = JSON.parse(document.getElementById("data").textContent);
const VARIANTS = DATA.variants;
const GALLERY = DATA.gallery;
const MISSING = 255, IOU_STEPS = 200;  // as wsol/report/page/payload.py packs them
const CACHED = 400;  // images whose maps stay unpacked

function text(id) {
  let found = null;
  return (from, to) => (found ??= document.getElementById(id).textContent).slice(from, to);
}
const pictureText = text("pictures"), mapText = text("maps");

function bytesOf(base64) {
  const plain = atob(base64), bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) bytes[i] = plain.charCodeAt(i);
  return bytes;
}

async function inflate(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function pictureURL(image) {
  return "data:image/jpeg;base64," + pictureText(GALLERY.pictures[image], GALLERY.pictures[image + 1]);
}

const unpacked = new Map();

// The maps of one image by variant, null where it was not evaluated: {height, width, values, counts, boxes}; counts are
// how many boxes there are at each tau, boxes four runs (x0, y0, x1, y1) over all of them, as shares of 65535.
function mapsOf(image) {
  if (!unpacked.has(image)) {
    if (unpacked.size >= CACHED) unpacked.delete(unpacked.keys().next().value);
    unpacked.set(image, inflate(mapText(GALLERY.maps[image], GALLERY.maps[image + 1])).then(readMaps));
  }
  return unpacked.get(image);
}

function readMaps(bytes) {
  const steps = GALLERY.taus.length, found = [];
  for (let v = 0, at = 0; v < VARIANTS.length; v++) {
    const height = bytes[at], width = bytes[at + 1];
    at += 2;
    if (!height) { found.push(null); continue; }
    const values = bytes.subarray(at, at += height * width);
    const counts = new Uint16Array(bytes.slice(at, at += 2 * steps).buffer), all = counts.reduce((a, b) => a + b, 0);
    const boxes = new Uint16Array(bytes.slice(at, at += 8 * all).buffer);
    found.push({ height, width, values, counts, boxes });
  }
  return found;
}

// The predicted boxes at a step of tau as shares of the image; none where nothing is above the threshold.
function boxesAt(map, step) {
  const all = map.boxes.length / 4, first = map.counts.subarray(0, step).reduce((a, b) => a + b, 0);
  return Array.from({ length: map.counts[step] }, (_, n) =>
    [0, 1, 2, 3].map((corner) => map.boxes[corner * all + first + n] / 65535));
}

let ious = null;  // (images, variants, taus) uint8, unpacked by start()

// IoU in [0, 1], or null where the variant was not evaluated on the image.
function iouAt(image, variant, step) {
  const value = ious[(image * VARIANTS.length + variant) * GALLERY.taus.length + step];
  return value === MISSING ? null : value / IOU_STEPS;
}

// Compared in steps: 0.7 is none of its own multiples of 0.005 in floating point.
function isHit(image, variant, step, delta) {
  const value = ious[(image * VARIANTS.length + variant) * GALLERY.taus.length + step];
  return value === MISSING ? null : value >= Math.round(delta * IOU_STEPS);
}
