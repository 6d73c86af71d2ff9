"use strict";
(() => {
  const root = document.documentElement;
  const PRINT_WIDTH = 680;  // of A4 and Letter alike
  const PRINT_HEIGHT = 840;  // beyond it a chart would be torn apart

  // What survives a reload; some browsers refuse storage to local files.
  const memory = {
    get(key) { try { return sessionStorage.getItem(`fusion-report ${key}`); } catch { return null; } },
    set(key, value) { try { sessionStorage.setItem(`fusion-report ${key}`, value); } catch { /* none */ } },
  };

  /* Theme */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => memory.get("theme") ?? (dark.matches ? "dark" : "light");
  let colours = {};
  function setTheme(name) {
    root.dataset.theme = name;
    const style = getComputedStyle(root);
    colours = {};
    for (const key of ["ink", "muted", "grid", "surface", "unimodal", "joint", "1", "2", "3", "4", "5", "6"])
      colours[key] = style.getPropertyValue(`--c-${key}`).trim();
    const button = document.getElementById("theme");
    button.setAttribute("aria-pressed", String(name === "dark"));
  }

  function colour(text) {
    const found = /^@([a-z0-9]+)(?:([/~])([\d.]+))?$/.exec(text);
    if (!found || !(found[1] in colours)) return text;
    const [, name, kind, share] = found;
    if (kind === undefined || !colours[name].startsWith("#")) return colours[name];
    const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    if (kind === "/") return `rgba(${parts(colours[name])},${share})`;
    const below = parts(colours.surface);
    return `rgb(${parts(colours[name]).map((v, i) => Math.round(share * v + (1 - share) * below[i]))})`;
  }

  // A copy with colours put in; only below keys of colours: a class may be called "@ink".
  function resolved(value, paints = false) {
    if (typeof value === "string") return paints ? colour(value) : value;
    if (Array.isArray(value)) return paints || value.some((v) => typeof v === "object")
      ? value.map((inner) => resolved(inner, paints)) : value;
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(
      ([key, inner]) => [key, resolved(inner, paints || /color/.test(key))]));
  }

  /* Charts */
  const readable = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

  // Cells that are not empty → a whole matrix: share of the true class, samples, words.
  function filled(trace) {
    const { classes, cells } = trace.sparse;
    const rows = (empty) => classes.map(() => Array(classes.length).fill(empty));
    const [z, text, hovertext] = [rows(0), rows(""), rows("")];
    const totals = Array(classes.length).fill(0);
    for (const [actual, , count] of cells) totals[actual] += count;
    for (const [actual, predicted, count] of cells) {
      const share = (100 * count) / totals[actual];
      z[actual][predicted] = share;
      text[actual][predicted] = String(count);
      hovertext[actual][predicted] = `${classes[actual]}, taken for ${classes[predicted]}:<br>` +
        `${count} of ${totals[actual]} samples (${share.toFixed(1)} %)`;
    }
    const { sparse, ...rest } = trace;
    return { ...rest, z, text, hovertext };
  }

  class Chart {
    constructor(element, number) {
      this.element = element;
      this.plot = element.querySelector(".plot");
      this.controls = element.querySelector(".controls");
      this.number = number;
      this.hidden = new Set();
      this.isDrawn = false;
    }

    get folded() { return this.element.closest("details:not([open])") !== null; }

    draw() {
      if (this.isDrawn) return;
      this.isDrawn = true;
      const figure = JSON.parse(this.element.querySelector(":scope > script").textContent);
      this.data = figure.data.map((trace) => (trace.sparse ? filled(trace) : trace));
      this.layout = figure.layout;
      this.choices = [...new Set(this.data.map((t) => t.meta?.choice).filter((c) => c !== undefined))];
      const kept = memory.get(`choice ${this.number}`);
      this.choice = this.choices.includes(kept) ? kept : this.firstChoice();
      this.legend = document.createElement("ul");
      this.legend.className = "legend";
      if (this.choices.length > 1) this.controls.append(this.selector());
      this.controls.append(this.legend);
      this.show();
      root.dataset.drawn = String((report.drawn += 1));
    }

    firstChoice() { return this.layout.meta?.choice ?? this.choices[0]; }

    selector() {
      const label = document.createElement("label");
      const select = document.createElement("select");
      label.append("Show", select);
      for (const choice of this.choices) select.add(new Option(readable(choice), choice));
      select.value = this.choice;
      select.addEventListener("change", () => {
        this.choice = select.value;
        memory.set(`choice ${this.number}`, this.choice);
        this.show();
      });
      return label;
    }

    show(width) {
      const data = resolved(this.data).map((trace) => ({ ...trace, visible: this.isVisible(trace) }));
      const layout = this.fullLayout(width);
      this.plot.style.height = `${layout.height}px`;
      this.drawLegend(data);
      Plotly.react(this.plot, data, layout, {
        displaylogo: false, responsive: width === undefined, doubleClick: "reset",
        modeBarButtons: [["toImage"]], displayModeBar: "hover", scrollZoom: false,
        plotlyServerURL: "", topojsonURL: "", toImageButtonOptions: { format: "svg" },
      });
    }

    isVisible(trace) {
      const chosen = trace.meta?.choice === undefined || trace.meta.choice === this.choice;
      return chosen && !this.hidden.has(trace.legendgroup ?? trace.name);
    }

    fullLayout(width) {
      const given = resolved(this.layout);
      const touch = matchMedia("(pointer: coarse)").matches;
      const room = width ?? this.plot.clientWidth;
      const layout = {
        ...given, showlegend: false, autosize: width === undefined, dragmode: touch ? false : "zoom",
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".,",
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colours.ink },
        hoverlabel: {
          bgcolor: colours.surface, bordercolor: colours.muted, align: "left", namelength: -1,
          font: { color: colours.ink, size: 12 },
        },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.muted, activecolor: colours.ink },
      };
      layout.height = given.meta?.square ? Math.min(given.height, room + 30) : given.height ?? 360;
      if (width !== undefined) Object.assign(layout, { width, height: Math.min(layout.height, PRINT_HEIGHT) });
      for (const key of Object.keys(given).filter((k) => /^[xy]axis\d*$/.test(k)))
        layout[key] = this.axis(key, given[key]);
      if (this.choice !== undefined && given.meta?.choice_axis)
        layout[given.meta.choice_axis].title = this.title({ text: this.choice });
      return layout;
    }

    title(given) { return { ...given, standoff: 8, font: { size: 12, color: colours.ink } }; }

    axis(key, given) {
      return {
        gridcolor: colours.grid, zerolinecolor: colours.muted, zerolinewidth: 1, linecolor: colours.muted,
        tickcolor: colours.muted, tickfont: { color: colours.muted, size: 11 },
        spikethickness: 1, spikecolor: colours.muted, spikedash: "solid",
        fixedrange: key.startsWith("y"), ...given, ...(given.title && { title: this.title(given.title) }),
      };
    }

    drawLegend(data) {
      const entries = new Map();
      for (const trace of data) {
        const chosen = trace.meta?.choice === undefined || trace.meta.choice === this.choice;
        const group = trace.legendgroup ?? trace.name;
        if (chosen && trace.name && trace.showlegend !== false && trace.type !== "heatmap" && !entries.has(group))
          entries.set(group, trace);
      }
      this.legend.replaceChildren();
      if (entries.size < 2) return;
      for (const [group, trace] of entries) this.legend.append(this.entry(group, trace));
    }

    entry(group, trace) {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!this.hidden.has(group)));
      button.append(swatch(trace), readable(trace.name));
      button.addEventListener("click", () => {
        if (!this.hidden.delete(group)) this.hidden.add(group);
        this.show();
        const again = [...this.legend.querySelectorAll("button")];
        again.find((b) => b.textContent === button.textContent)?.focus();
      });
      item.append(button);
      return item;
    }
  }

  /* The legend is of HTML: it wraps, and never lies over the data. */
  const DASHES = { dash: "6 3", dot: "2 2.5", dashdot: "6 2.5 2 2.5", longdash: "9 3", longdashdot: "9 2.5 2 2.5" };
  const SHAPES = {
    square: "M9 2h8v8H9z", "triangle-up": "M13 1l5 9H8z", diamond: "M13 1l5 5-5 5-5-5z",
    cross: "M11 1h4v3h3v4h-3v3h-4V8H8V4h3z", x: "M9 1l4 3 4-3 1 2-3 3 3 3-1 2-4-3-4 3-1-2 3-3-3-3z",
    star: "M13 0l2 4 4 .5-3 3 1 4.5-4-2.5L9 12l1-4.5-3-3L11 4z",
    "star-diamond": "M13 0l2 4 4 2-4 2-2 4-2-4-4-2 4-2z", hexagon: "M10 1h6l3 5-3 5h-6L7 6z",
    pentagon: "M13 1l5 4-2 6h-6L8 5z", bowtie: "M8 1l5 3.5L18 1v10l-5-3.5L8 11z",
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
      const paint = { fill: open ? "none" : trace.marker.color, stroke: trace.marker.color, "stroke-width": open ? 1.5 : 0.5 };
      svg.append(d ? shape("path", { d, ...paint }) : shape("circle", { cx: 13, cy: 6, r: 4, ...paint }));
    }
    return svg;
  }

  const charts = [...document.querySelectorAll("figure.chart")].map((element, number) => new Chart(element, number));
  const report = { drawn: 0, total: charts.length };
  window.fusionReport = report;

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
    for (const chart of charts) { chart.draw(); chart.show(PRINT_WIDTH); }
  }
  function fromPrint() {
    if (!before) return;
    for (const details of before.closed) details.open = false;
    setTheme(before.theme);
    before = null;
    for (const chart of charts) if (chart.isDrawn && !chart.folded) chart.show();
  }
  window.addEventListener("beforeprint", toPrint);
  window.addEventListener("afterprint", fromPrint);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? toPrint() : fromPrint()));

  /* Theme button and system theme */
  const themeButton = document.getElementById("theme");
  themeButton.hidden = false;
  function recolour(name) {
    setTheme(name);
    for (const chart of charts) if (chart.isDrawn) chart.show();
  }
  themeButton.addEventListener("click", () => {
    const name = root.dataset.theme === "dark" ? "light" : "dark";
    memory.set("theme", name);
    recolour(name);
  });
  dark.addEventListener("change", () => { if (!before) recolour(wanted()); });

  /* A page of a run under way comes back as it was left. */
  const seconds = Number(root.dataset.running);
  function remember() {
    memory.set("scroll", String(scrollY));
    memory.set("open", JSON.stringify([...document.querySelectorAll("details")].map((d) => d.open)));
  }
  function comeBack() {
    const open = JSON.parse(memory.get("open") ?? "null");
    memory.set("open", "null");
    if (!open) return;
    history.scrollRestoration = "manual";
    document.querySelectorAll("details").forEach((d, i) => { if (open[i] !== undefined) d.open = open[i]; });
    scrollTo(0, Number(memory.get("scroll")));
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

  setTheme(wanted());
  if (matchMedia("(max-width: 1079px)").matches) document.querySelector("nav details").open = false;
  comeBack();
  drawInTurn();
  followReader();
  if (seconds > 0) keepReloading();
})();
