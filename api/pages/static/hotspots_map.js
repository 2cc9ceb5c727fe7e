// What lies on the map: density as pictures that never leave a gap, hotspots as outlines, cases as dots.
"use strict";
wanmi.hotspotMap = function (map, given, words, pick) {
  const el = wanmi.el, reader = window.matchMedia("(prefers-reduced-motion: reduce)");
  const get = id => document.getElementById(id);

  // ---- density: the picture before stays until the next one is whole; some more are made ready unseen
  function heatLayer(on) {
    const ready = new Map(), MOST = 3, keyOf = query => (wanmi.hotspotNight(given) ? "theme=dark" : "") + "|" + query;
    let shown = null, wanted = null, visible = true;
    if (given.data) {
      shown = wanmi.filedTiles(given.data.heat, {zIndex: 5, opacity: 0.9, className: "heat"}).addTo(on);
      return {show: () => {}, prepare: () => {}, toggle: yes => { shown.getContainer().style.display = yes ? "" : "none"; }, get url() { return ""; }};
    }
    function make(key) {
      if (ready.has(key)) {
        const found = ready.get(key);
        ready.delete(key);
        ready.set(key, found);
        return found;
      }
      const query = key.split("|").filter(Boolean).join("&");
      const layer = L.tileLayer(given.sources.heat + (query ? "?" + query : ""), {maxNativeZoom: 17, maxZoom: 19, zIndex: 5, opacity: 0, className: "heat", keepBuffer: 3});
      const done = () => { one.whole = !one.missed.any; if (wanted === key) settle(key); };
      const one = {layer, whole: false, missed: wanmi.missed(layer, () => done())};
      layer.on("loading", () => { one.whole = false; });
      layer.on("load", done);
      layer.addTo(on);
      ready.set(key, one);
      for (const [other, old] of ready) {
        if (ready.size <= MOST) break;
        if (other !== wanted && other !== shown && other !== key) { old.layer.remove(); ready.delete(other); }
      }
      return one;
    }
    function settle(key) {
      const one = ready.get(key);
      if (!one) return;
      if (one.missed.any) return wanmi.away("heat", () => { if (wanted === key) one.missed.again(); else wanmi.here("heat"); });
      wanmi.here("heat");
      one.layer.setOpacity(visible ? 0.9 : 0);
      for (const [other, one] of ready) if (other !== key) one.layer.setOpacity(0);
      shown = key;
    }
    const asked = key => key === null ? null : key.slice(key.indexOf("|") + 1);
    function show(query) {
      wanted = keyOf(query);
      if (make(wanted).whole) settle(wanted);
    }
    const again = () => { if (wanted !== null) show(asked(wanted)); };   // in the other theme's colours
    document.addEventListener("wanmi:theme", again);
    map.on("baselayerchange", again);
    return {
      show,
      prepare: query => { make(keyOf(query)); },
      // a question that was refused has no tiles, and none of them is missing
      refused: () => { wanted = shown; wanmi.here("heat"); },
      toggle: yes => { visible = yes; ready.get(shown)?.layer.setOpacity(yes ? 0.9 : 0); },
      whole: query => query !== null && Boolean(ready.get(keyOf(query))?.whole),
      remove: () => { document.removeEventListener("wanmi:theme", again); map.off("baselayerchange", again); },
      get shown() { return asked(shown); }
    };
  }

  // ---- hotspots: an outline each, a number on the strongest
  // outlines beneath the names, numbers above them
  const spotPane = on => { for (const [name, level] of [["spots", 440], ["badges", 460]]) (on.getPane(name) || on.createPane(name)).style.zIndex = level; };
  function kindOf(properties) { return properties.pattern || properties.change || "hot"; }
  function outlineLayer(on, answer) {
    spotPane(on);
    const group = L.featureGroup().addTo(on);
    let shapes = new Map();
    const renderer = L.svg({pane: "spots", padding: 0.3});
    return {
      draw: function (found, opened) {
        group.clearLayers();
        shapes = new Map();
        const some = found.features.slice(0, given.most);
        for (const feature of [...some].reverse()) {
          const p = feature.properties, shape = L.geoJSON(feature, {pane: "spots", renderer, smoothFactor: 0.5,
            style: {className: "outline " + kindOf(p), weight: 2, fillOpacity: 1, fillRule: "evenodd"}});
          shape.on("click", event => { L.DomEvent.stop(event); answer(p.id); });
          shape.bindTooltip(() => tip(p), {className: "spot", sticky: true, direction: "top"});
          shape.addTo(group);
          shapes.set(p.id, shape);
        }
        for (const feature of some.slice(0, 30).reverse()) {
          const p = feature.properties;
          const mark = L.marker([p.lat, p.lon], {pane: "badges", keyboard: false, interactive: true, zIndexOffset: 1000 - p.rank,
            icon: L.divIcon({className: "badge " + kindOf(p), html: el("span", {}, String(p.rank)).outerHTML, iconSize: [22, 22]})});
          mark.on("click", event => { L.DomEvent.stop(event); answer(p.id); });
          mark.addTo(group);
        }
        this.mark(opened);
      },
      mark: id => { for (const [key, shape] of shapes) shape.eachLayer(part => part.getElement && part.getElement()?.classList.toggle("opened", key === id)); },
      has: id => shapes.has(id),
      bounds: id => shapes.get(id)?.getBounds()
    };
  }
  function tip(p) {
    const rows = [[words.cases, p.cases], [words.expected, p.expected], [words.z, p.z?.toFixed(2)], [words.q, wanmi.small(p.q)]];
    return el("table", {}, el("caption", {}, wanmi.fill(words.hotspot, {rank: p.rank})),
      rows.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => el("tr", {}, el("th", {}, name), el("td", {}, typeof value === "number" ? value.toLocaleString() : value))));
  }

  // ---- cases of a hotspot, and shapes of an alert
  const cases = L.layerGroup().addTo(map), alert = L.layerGroup().addTo(map);
  spotPane(map);
  const dots = L.svg({pane: "spots"});
  function drawCases(found) {
    cases.clearLayers();
    for (const one of found) {
      L.circleMarker([one.lat, one.lon], {pane: "spots", renderer: dots, radius: 4, weight: 1, className: "case-dot", fillOpacity: 1})
        .bindTooltip(() => el("div", {}, el("b", {}, one.id), el("br"), (given.lang === "en" && one.name_en) || one.name_zh || one.class || ""), {className: "spot"}).addTo(cases);
    }
  }
  function drawAlert(feature) {
    alert.clearLayers();
    if (!feature) return;
    L.geoJSON(feature, {pane: "spots", renderer: dots, interactive: false, style: {className: "outline alert", weight: 3, fill: false}}).addTo(alert);
  }

  // room that panels take is left free
  function fly(bounds) {
    const phone = innerWidth <= 760, left = phone ? 16 : 340, right = phone || get("spot").hidden ? 40 : 400;
    const options = {paddingTopLeft: [left, 30], paddingBottomRight: [right, phone ? innerHeight * 0.45 : 130], maxZoom: 16};
    if (reader.matches || navigator.webdriver) map.fitBounds(bounds, {...options, animate: false});
    else map.flyToBounds(bounds, {...options, duration: 0.7});
  }
  map.on("click", () => pick(""));
  return {heat: heatLayer(map), heatLayer, spots: outlineLayer(map, pick), outlineLayer, drawCases, drawAlert, fly, fitted: feature => L.geoJSON(feature).getBounds()};
};
// Whether density is drawn for a dark ground: ours by night; pictures in a file and a map from outside are light.
wanmi.hotspotNight = given => !given.data && wanmi.dark() && wanmi.link.get("base") !== "outside";
// A text with its gaps filled; numbers small and large, as people write them.
wanmi.fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => name in values ? values[name] : all);
wanmi.small = value => value === null || value === undefined ? null : value < 0.001 ? "< 0.001" : value.toFixed(3);
wanmi.percent = value => value === null || value === undefined ? "" : (value * 100).toFixed(value < 0.1 ? 1 : 0) + " %";
