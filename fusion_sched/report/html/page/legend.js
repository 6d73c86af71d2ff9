"use strict";
/* The legend is of HTML: it wraps, and never lies over the data. */
const DASHES = { dash: "6 3", dot: "2 2.5", dashdot: "6 2.5 2 2.5", longdash: "9 3", longdashdot: "9 2.5 2 2.5" };
const SHAPES = {
  square: "M9 2h8v8H9z", "triangle-up": "M13 1l5 9H8z", diamond: "M13 1l5 5-5 5-5-5z",
  cross: "M11 1h4v3h3v4h-3v3h-4V8H8V4h3z", x: "M9 1l4 3 4-3 1 2-3 3 3 3-1 2-4-3-4 3-1-2 3-3-3-3z",
  "line-ns": "M13 0v12",
};
const HATCHES = {
  "/": "M4 11L12 1M12 11l8-10", "\\": "M4 1l8 10M12 1l8 10", "-": "M3 4h20M3 8h20", "|": "M8 1v10M13 1v10M18 1v10",
  "+": "M3 6h20M13 1v10", x: "M4 11L14 1M4 1l10 10", ".": "M7 4h1M13 4h1M19 4h1M10 8h1M16 8h1",
};

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function swatch(trace) {
  const svg = shape("svg", { width: 26, height: 12, viewBox: "0 0 26 12", "aria-hidden": "true" });
  const fill = trace.fillcolor ?? (trace.type === "bar" ? trace.marker?.color : undefined);
  if (fill !== undefined && trace.mode !== "markers") {
    svg.append(shape("rect", { x: 3, y: 1, width: 20, height: 10, fill, stroke: trace.line?.color ?? trace.marker?.line?.color ?? "none" }));
    const hatch = HATCHES[(trace.fillpattern ?? trace.marker?.pattern)?.shape];
    if (hatch) svg.append(shape("path", { d: hatch, stroke: colours.surface, "stroke-width": 1.5, fill: "none" }));
    return svg;
  }
  if (trace.mode?.includes("lines"))
    svg.append(shape("line", {
      x1: 0, x2: 26, y1: 6, y2: 6, stroke: trace.line.color, "stroke-width": 2, "stroke-dasharray": DASHES[trace.line.dash] ?? "none",
    }));
  if (trace.mode?.includes("markers")) {
    const symbol = String(trace.marker.symbol ?? "circle");
    const open = symbol.endsWith("-open");
    const d = SHAPES[symbol.replace("-open", "")];
    // Of points with colours of their own the legend shows the symbol alone.
    const own = Array.isArray(trace.marker.color) ? colours.ink : trace.marker.color;
    const paint = { fill: open ? "none" : own, stroke: own, "stroke-width": open ? 1.5 : 0.5 };
    svg.append(d ? shape("path", { d, ...paint }) : shape("circle", { cx: 13, cy: 6, r: 4, ...paint }));
  }
  return svg;
}
