// Layers over the unit grids that one chooses in the panel: components as dots, further out squares with their count,
// and responsibility zones as outlines; a line says when the tiles in view do not show all of them.
"use strict";
wanmi.unitLayers = function (map, given) {
  const {said} = given, boxes = [...document.querySelectorAll("#layers input")], line = document.getElementById("capped");
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let ink = {};
  const styles = {
    zones: () => ({stroke: ink.zone, width: 2, dash: [7, 4]}),
    components: (p, zoom) => p.components === undefined
      ? {fill: ink.dot, stroke: ink.halo, width: 1, radius: Math.min(3, 2 + (zoom - 15) / 2)}
      : {fill: ink.dot, square: true, radius: Math.min(2, 0.5 + 0.25 * Math.sqrt(p.components))}
  };
  const layers = Object.fromEntries(Object.keys(styles).map((name, k) =>
    [name, wanmiVector(given.tiles.replace("{layer}", name), {style: styles[name], onNotice: tell, zIndex: 5 + k})]));
  const chosen = () => Object.keys(layers).filter(name => map.hasLayer(layers[name]));

  // ---- what is not shown
  function tell() {
    const texts = chosen().map(name => [name, layers[name].tally()]).filter(([, {shown, total}]) => shown < total)
      .map(([name, {shown, total}]) => {
        const parts = {shown: shown.toLocaleString("en-US"), total: total.toLocaleString("en-US"), what: said[name]};
        return said.capped.replace(/\{(\w+)\}/g, (_, key) => parts[key]);
      });
    if (line.textContent !== texts.join(" · ")) line.textContent = texts.join(" · ");   // said once, not at every tile
  }

  // ---- the choice stands in the link
  function choose() {
    for (const {value, checked} of boxes) {
      if (checked === map.hasLayer(layers[value])) continue;
      if (checked) layers[value].addTo(map);
      else layers[value].remove();
    }
    tell();
  }
  function restyle() {
    ink = {dot: colour("--hot"), halo: colour("--card"), zone: colour("--cold")};
    Object.values(layers).forEach(layer => layer.restyle());
  }
  for (const [name, layer] of Object.entries(layers)) {
    wanmi.keeps(layer, name);
    layer.on("remove", () => wanmi.here(name));
  }
  const asked = wanmi.link.get("layers").split(",");
  for (const box of boxes) {
    box.checked = asked.includes(box.value);
    box.addEventListener("change", () => {
      choose();
      wanmi.link.set({layers: boxes.filter(one => one.checked).map(one => one.value).join(",")});
    });
  }
  document.addEventListener("wanmi:theme", restyle);
  restyle();
  choose();

  // ---- what is at a place
  let classes = null;
  async function nameOf(text) {
    try {
      classes = classes || new Map((await wanmi.ask(given.classes)).classes.map(([key, zh, en]) => [key, given.lang === "zh" ? zh || en : en || zh]));
    } catch (error) { /* the code tells it too */ }
    return [(classes && classes.get(text)) || "", text].join(" ").trim();
  }
  const department = code => code && [given.departments[code] || "", code].join(" ").trim();
  return {
    // tables of the chosen layers at a place: {title, rows: [[name, value], …]}
    at: async function (latlng) {
      const out = [], found = name => map.hasLayer(layers[name]) ? (layers[name].at(latlng) || {}).properties : null;
      const one = found("components"), zone = found("zones");
      if (one && one.components !== undefined) out.push({title: said.components, rows: [[said.here, one.components]]});
      else if (one) out.push({title: said.component, rows: [
        [said.code, one.code], [said.class, await nameOf(one.edition + ":" + one.kind + one.class_code)],
        ...["supervising", "owning", "maintaining"].map(role => [said[role], department(one[role])])]});
      if (zone) out.push({title: said.zone, rows: [[said.code, zone.code], [said.name, zone.name], [said.department, department(zone.department)]]});
      return out;
    }
  };
};
