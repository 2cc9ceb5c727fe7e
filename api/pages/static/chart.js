// A small chart of bars by ourselves: plain SVG, colours of the theme, every bar with its figures in words.
"use strict";
wanmi.bars = function (bins, {height = 92, width = 328, label = "", tell, line = true, axis = true}) {
  const NS = "http://www.w3.org/2000/svg", foot = axis ? 15 : 0, head = axis ? 12 : 1;
  const make = (name, about, text) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const top = Math.max(1, ...bins.map(bin => Math.max(bin.cases, line ? bin.expected || 0 : 0)));
  const left = axis ? 4 : 0, step = (width - left) / Math.max(bins.length, 1), gap = step > 5 ? Math.min(3, step * 0.2) : 0.5;
  const y = value => head + (height - head - foot) * (1 - value / top);
  const svg = make("svg", {viewBox: `0 0 ${width} ${height}`, class: "bars", role: "img", "aria-label": label, preserveAspectRatio: "none"});
  if (axis) svg.setAttribute("preserveAspectRatio", "xMidYMid meet");
  bins.forEach((bin, k) => {
    const bar = make("rect", {x: left + k * step + gap / 2, width: Math.max(0.6, step - gap), y: y(bin.cases), height: Math.max(0, y(0) - y(bin.cases)),
      class: (bin.within ? "within" : "beyond") + (bin.complete === false ? " part" : "")});
    bar.append(make("title", {}, tell(bin)));
    svg.append(bar);
  });
  if (line && bins.length > 1) {
    const points = bins.map((bin, k) => (left + (k + 0.5) * step).toFixed(1) + "," + y(bin.expected || 0).toFixed(1)).join(" ");
    svg.append(make("polyline", {points, class: "expected"}));
  }
  if (axis) {
    svg.append(make("line", {x1: left, x2: width, y1: y(0), y2: y(0), class: "base"}));
    svg.append(make("text", {x: left, y: 9, class: "top"}, top.toLocaleString()));
    const room = Math.max(1, Math.ceil(44 / step));
    bins.forEach((bin, k) => {
      if (k % room === 0 && left + k * step + 40 <= width) svg.append(make("text", {x: left + k * step, y: height - 3, class: "tick"}, bin.from.slice(2, 7)));
    });
  }
  return svg;
};
