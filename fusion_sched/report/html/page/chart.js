"use strict";
// One chart: its figure with the colours of the theme, its choice, its legend.

const PRINT_WIDTH = 680;  // of A4 and Letter alike
const PRINT_HEIGHT = 840;  // beyond it a chart would be torn apart

const PLAIN = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#36;": "$" };
const readable = (text) => text.replace(/&(lt|gt|amp|#36);/g, (found) => PLAIN[found]);

const groupOf = (trace) => trace.legendgroup ?? trace.name;

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
  constructor(element) {
    this.element = element;
    this.plot = element.querySelector(".plot");
    this.controls = element.querySelector(".controls");
    this.hidden = new Set();
    this.isDrawn = false;
    this.isStale = false;
  }

  get folded() { return this.element.closest("details:not([open])") !== null; }

  draw() {
    if (this.isStale) this.refresh();
    if (this.isDrawn || typeof Plotly === "undefined") return;
    this.isDrawn = true;
    const figure = JSON.parse(this.element.querySelector(":scope > script").textContent);
    this.data = figure.data;
    this.layout = { height: this.plot.clientHeight, ...figure.layout };
    this.choices = [...new Set(this.data.map((t) => t.meta?.choice).filter((c) => c !== undefined))];
    const kept = memory.get(`choice ${nameOf(this.element)}`);
    this.choice = this.choices.includes(kept) ? kept : this.firstChoice();
    this.legend = document.createElement("ul");
    this.legend.className = "legend";
    if (this.choices.length > 1) this.controls.append(this.selector());
    this.controls.append(this.legend);
    this.show();
    root.dataset.drawn = String((report.drawn += 1));
  }

  // Drawn again in the theme and width of now; what is folded away has no width yet.
  refresh() {
    if (!this.isDrawn) return;
    this.isStale = this.folded;
    if (!this.isStale) this.show();
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
      memory.set(`choice ${nameOf(this.element)}`, this.choice);
      this.show();
    });
    return label;
  }

  show(width) {
    const data = this.chosen().map((trace) => ({ ...resolved(trace), visible: !this.hidden.has(groupOf(trace)) }));
    const layout = this.fullLayout(width);
    this.plot.style.height = `${layout.height}px`;
    this.drawLegend(data);
    Plotly.react(this.plot, data, layout, {
      displaylogo: false, responsive: width === undefined, doubleClick: "reset",
      modeBarButtons: [["toImage"]], displayModeBar: "hover", scrollZoom: false,
      plotlyServerURL: "", topojsonURL: "", toImageButtonOptions: { format: "svg" },
    });
  }

  // Matrices are filled when they are first looked at.
  chosen() {
    const isChosen = (trace) => trace.meta?.choice === undefined || trace.meta.choice === this.choice;
    this.data = this.data.map((trace) => (trace.sparse && isChosen(trace) ? filled(trace) : trace));
    return this.data.filter(isChosen);
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
    layout.height = given.meta?.square ? Math.min(given.height, room + 30) : given.height;
    if (width !== undefined) this.fitPaper(layout, width);
    for (const key of Object.keys(given).filter((k) => /^[xy]axis\d*$/.test(k)))
      layout[key] = this.axis(key, given[key]);
    if (this.choice !== undefined && given.meta?.choice_axis)
      layout[given.meta.choice_axis].title = this.title({ text: this.choice });
    return layout;
  }

  // Panels move together, and so must the names above them.
  fitPaper(layout, width) {
    layout.width = width;
    if (layout.height <= PRINT_HEIGHT) return;
    layout.height = PRINT_HEIGHT;
    layout.annotations = layout.annotations?.map((a) => ({ ...a, yshift: 1, font: { ...a.font, size: 10 } }));
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
      const group = groupOf(trace);
      const isNamed = trace.name && trace.showlegend !== false && trace.type !== "heatmap";
      if (isNamed && !entries.has(group)) entries.set(group, trace);
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
