"use strict";
// When charts are drawn, tables made, and what happens on paper and on reload.

// What a part of the page is called; its place changes when the page is written again.
function nameOf(element) {
  const chart = element.closest("figure")?.querySelector("h2, h3, h4, h5, h6")?.textContent;
  const own = element.id || element.querySelector(":scope > summary")?.textContent;
  return [element.closest("section")?.id, chart, own].join(" / ");
}

const charts = [...document.querySelectorAll("figure.chart")].map((element) => new Chart(element));
const report = { drawn: 0, total: charts.length };
window.fusionReport = report;

// plotly.js lies in the page as gzip in base64: less than half of its size.
async function unpackPlotly() {
  const packed = document.getElementById("plotly");
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  packed.replaceWith(script);
}

function drawAll(inside = document) {
  for (const chart of charts) if (inside.contains(chart.element) && !chart.folded) chart.draw();
}

// Near the screen at once, the rest when there is nothing else to do.
function drawInTurn() {
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      const chart = charts.find(({ element }) => element === target);
      if (!chart.folded) { near.unobserve(target); chart.draw(); }
    }
  }, { rootMargin: "400px" });
  for (const chart of charts) near.observe(chart.element);
  const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 50));
  const next = () => {
    const chart = charts.find((one) => !one.isDrawn && !one.folded);
    if (chart) { chart.draw(); idle(next); }
  };
  idle(next);
}

/* Numbers of a chart: a table that is made when it is asked for. */
function makeTable(details) {
  const source = details.querySelector("script");
  if (!source) return;
  const { header, rows, caption, words } = JSON.parse(source.textContent);
  source.remove();
  const region = document.createElement("div");
  region.className = "scroll";
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", caption);
  const table = document.createElement("table");
  table.createCaption().textContent = caption;
  const cell = (name, text, place) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (name === "th") made.scope = place === undefined ? "row" : "col";
    if (place > 0 && !words.includes(place)) made.className = "n";
    return made;
  };
  table.createTHead().insertRow().append(...header.map((text, i) => cell("th", text, i)));
  const body = table.createTBody();
  for (const row of rows)
    body.insertRow().append(...row.map((text, i) => (i ? cell("td", text, i) : cell("th", text))));
  region.append(table);
  details.append(region);
}

document.addEventListener("toggle", ({ target }) => {
  if (!target.open) return;
  if (target.matches(".numbers")) makeTable(target);
  else drawAll(target);
}, true);

/* Print: everything open, light, as wide as the paper. */
let before = null;
function toPrint() {
  if (before) return;
  const closed = [...document.querySelectorAll("details:not([open]):not(.numbers)")];
  before = { closed, theme: root.dataset.theme };
  for (const details of closed) details.open = true;
  setTheme("light");
  for (const chart of charts) {
    chart.draw();
    if (chart.isDrawn) chart.show(PRINT_WIDTH);
  }
}
function fromPrint() {
  if (!before) return;
  for (const details of before.closed) details.open = false;
  setTheme(before.theme);
  before = null;
  for (const chart of charts) chart.refresh();
}
window.addEventListener("beforeprint", toPrint);
window.addEventListener("afterprint", fromPrint);
matchMedia("print").addEventListener("change", ({ matches }) => (matches ? toPrint() : fromPrint()));

/* Theme button and system theme */
const themeButton = document.getElementById("theme");
themeButton.hidden = false;
function recolour(name) {
  setTheme(name);
  for (const chart of charts) chart.refresh();
}
themeButton.addEventListener("click", () => {
  const name = root.dataset.theme === "dark" ? "light" : "dark";
  memory.set("theme", name);
  recolour(name);
});
dark.addEventListener("change", () => { if (!before) recolour(wanted()); });

/* A page of a run under way comes back as it was left. */
const seconds = Number(root.dataset.running);
const places = () => [...document.querySelectorAll("section[id], figure.chart")];
function remember() {
  // Not by pixels: what stands above it may grow.
  const above = places().filter((place) => place.getBoundingClientRect().top <= 100).at(-1);
  const place = above && { name: nameOf(above), top: above.getBoundingClientRect().top };
  memory.set("place", JSON.stringify(place ?? null));
  const open = [...document.querySelectorAll("details[open]")].map(nameOf);
  memory.set("open", JSON.stringify(open));
}
function comeBack() {
  const open = JSON.parse(memory.get("open") ?? "null");
  memory.set("open", "null");
  if (!open) return;
  history.scrollRestoration = "manual";
  for (const details of document.querySelectorAll("details")) details.open = open.includes(nameOf(details));
  const place = JSON.parse(memory.get("place"));
  const found = place && places().find((one) => nameOf(one) === place.name);
  if (!found) return;
  // Charts grow by their legends when they are drawn.
  const above = ({ element }) => element === found || element.compareDocumentPosition(found) & Node.DOCUMENT_POSITION_FOLLOWING;
  for (const chart of charts) if (!chart.folded && above(chart)) chart.draw();
  scrollBy(0, found.getBoundingClientRect().top - place.top);
}
function keepReloading() {
  const button = document.getElementById("reloading");
  button.hidden = false;
  let wants = memory.get("reload") !== "no";
  button.setAttribute("aria-pressed", String(wants));
  button.addEventListener("click", () => {
    wants = !wants;
    memory.set("reload", wants ? "yes" : "no");
    button.setAttribute("aria-pressed", String(wants));
  });
  setInterval(() => {
    if (!wants || document.hidden || before) return;
    remember();
    location.reload();
  }, 1000 * seconds);
}

// A link leads into what is folded away.
function openTarget() {
  const details = document.getElementById(location.hash.slice(1))?.querySelector(":scope > details");
  if (details) details.open = true;
}
window.addEventListener("hashchange", openTarget);

/* Contents: folded on small screens; says where the reader is. */
function followReader() {
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const id of links.keys()) { const found = document.getElementById(id); if (found) seen.observe(found); }
}

async function begin() {
  setTheme(wanted());
  if (matchMedia("(max-width: 1079px)").matches) document.querySelector("nav details").open = false;
  followReader();
  if (seconds > 0) keepReloading();
  if (typeof DecompressionStream === "undefined") {
    document.getElementById("too-old").hidden = false;
    return;
  }
  await unpackPlotly();
  comeBack();
  openTarget();
  drawInTurn();
}
begin();
