// Two periods side by side: a second map that moves with the first, with a period of its own and the same colours.
"use strict";
wanmi.hotspotTwin = function (map, given, words, layers, source, doors) {
  const el = wanmi.el, link = wanmi.link;
  let twin = null, heat = null, outlines = null, fields = null, leading = null, ground = null, turn = 0;

  // the stretch of the same length right before; without a period the year before
  function usual(period) {
    if (!period.from || !period.to) return {from: "", to: ""};
    const day = 86400000, a = Date.parse(period.from.slice(0, 10) + "T00:00Z"), b = Date.parse(period.to.slice(0, 10) + "T00:00Z");
    return {from: new Date(2 * a - b).toISOString().slice(0, 10), to: period.from.slice(0, 10), days: (b - a) / day};
  }
  function period() {
    return {from: fields.from.value, to: fields.to.value};
  }
  function open() {
    if (twin) return;
    const box = el("div", {id: "twin", class: "folium-map", role: "region", "aria-label": words.right_period});
    const make = name => el("input", {type: "date", "aria-label": words[name], value: link.get("versus_" + name)});
    fields = {from: make("from"), to: make("to")};
    const card = el("div", {class: "card versus"}, el("b", {}, words.right_period), fields.from, "–", fields.to, el("span", {id: "twin-n", class: "soft"}),
      el("button", {type: "button", class: "close", "aria-label": words.one, onclick: () => doors.close()}, "×"));
    document.body.classList.add("twins");
    map.getContainer().after(box);
    box.append(card);
    L.DomEvent.disableClickPropagation(card);
    twin = L.map(box, {zoomControl: false, attributionControl: false, zoomSnap: 0.5, minZoom: 9, maxZoom: 19, center: map.getCenter(), zoom: map.getZoom()});
    ground = L.tileLayer(given.sources.base + "{look}", {maxNativeZoom: 18, maxZoom: 20, look: () => (wanmi.dark() ? "&theme=dark" : "") + (devicePixelRatio > 1 ? "&ratio=2" : "")}).addTo(twin);
    if (given.names) wanmi.names(twin, given.names, given.lang);
    heat = layers.heatLayer(twin);
    outlines = layers.outlineLayer(twin, () => {});
    let moving = false;
    const lead = (one, other) => () => {
      if (moving) return;
      moving = true;
      other.setView(one.getCenter(), one.getZoom(), {animate: false});
      moving = false;
    };
    leading = lead(map, twin);
    map.on("move", leading);
    twin.on("move", lead(twin, map));
    for (const name of ["from", "to"]) fields[name].addEventListener("change", () => { link.set({["versus_" + name]: fields[name].value}); doors.changed(); });
    map.invalidateSize({animate: false});
    twin.invalidateSize({animate: false});
  }
  function close() {
    if (!twin) return;
    turn++;
    heat.remove();
    const box = twin.getContainer();
    map.off("move", leading);
    twin.remove();
    box.remove();
    twin = null;
    document.body.classList.remove("twins");
    link.set({two: "", versus_from: "", versus_to: ""});
    map.invalidateSize({animate: false});
  }
  // `now` is the period of the first map, `top` the density of its darkest colour: both maps keep one scale
  async function refresh(now, top) {
    if (!twin) return;
    if (!fields.from.value && !fields.to.value) {
      const before = usual(now);
      fields.from.value = before.from;
      fields.to.value = before.to;
      link.set({versus_from: before.from, versus_to: before.to});
    }
    const mine = ++turn, query = doors.query(period(), {plain: true});
    const pictures = doors.cases(period());
    if (top) pictures.set("top", top);
    heat.show(String(pictures));
    const [look, found] = await Promise.all([source.look(String(doors.cases(period()))), doors.density() ? {features: []} : source.spots(String(query))]);
    if (mine !== turn || !twin) return;
    document.getElementById("twin-n").textContent = look.counted.toLocaleString() + " " + words.cases;
    outlines.draw(found, "");
  }
  document.addEventListener("wanmi:theme", () => { if (twin) ground.redraw(); });
  return {open, close, refresh, get on() { return Boolean(twin); }, get period() { return fields && twin ? period() : null; }, get map() { return twin; }};
};
