"use strict";
// What survives a reload, and the colours of light and dark.

const root = document.documentElement;

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
  for (const key of ["ink", "muted", "grid", "surface", "unimodal", "joint", "redundancy", "unique", "synergy", "1", "2", "3", "4", "5", "6"])
    colours[key] = style.getPropertyValue(`--c-${key}`).trim();
  document.getElementById("theme").textContent = `Switch to ${name === "dark" ? "light" : "dark"} theme`;
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
