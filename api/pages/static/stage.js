// The map of a page: its view, the base map for the theme, names, controls; and what a click on it asks.
"use strict";

// Leaflet draws anew at the map's zoom as it is; between two whole ones there are no tiles.
L.GridLayer.include({
  redraw: function () {
    if (!this._map) return this;
    this._removeAllTiles();
    const zoom = this._clampZoom(Math.round(this._map.getZoom()));
    if (zoom !== this._tileZoom) { this._tileZoom = zoom; this._updateLevels(); }
    this._update();
    return this;
  }
});

// Texts and names of controls that are words of one table, exchanged for those of another.
wanmi.turn = function (from, to) {
  const other = new Map(Object.entries(from).filter(([key]) => key in to).map(([key, text]) => [text, to[key]]));
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.textContent.trim();
      if (other.has(text) && !node.parentElement.closest("script, style")) node.textContent = other.get(text);
      continue;
    }
    for (const name of ["aria-label", "title", "placeholder", "alt"]) if (other.has(node.getAttribute(name))) node.setAttribute(name, other.get(node.getAttribute(name)));
  }
};

// Tiles of a layer that did not come: those alone are asked for again, and `came` is called when there are none left.
wanmi.missed = function (layer, came) {
  const failed = new Map(), key = ({x, y, z}) => x + "/" + y + "/" + z;
  layer.on("tileerror", event => { failed.set(key(event.coords), event); });
  for (const name of ["tileload", "tileunload"]) layer.on(name, event => { if (failed.delete(key(event.coords)) && !failed.size) came(); });
  return {
    get any() { return failed.size > 0; },
    again: () => {
      if (!layer.getTileUrl) return layer.redraw();
      for (const {tile, coords} of failed.values()) tile.src = layer.getTileUrl(coords);
    }
  };
};
// What a layer has stays while the service is away; the rest comes when it is back.
wanmi.keeps = function (layer, name) {
  const missed = wanmi.missed(layer, () => wanmi.here(name));
  layer.on("tileerror", () => wanmi.away(name, missed.again));
};

// Whoever moves the map finds the next tiles there: from the first touch on, a ring around the view is fetched too, last.
L.GridLayer.include({
  _inView: L.GridLayer.prototype._getTiledPixelBounds,
  _getTiledPixelBounds: function (center) {
    const bounds = this._inView(center), side = this.getTileSize();
    return this._map._ring ? L.bounds(bounds.min.subtract(side), bounds.max.add(side)) : bounds;
  }
});
wanmi.ring = function (map) {
  const begin = () => {
    if (map._ring) return;
    map._ring = true;
    map.eachLayer(layer => { if (layer._inView) layer._update(); });
  };
  for (const name of ["pointerdown", "wheel", "keydown"]) map.getContainer().addEventListener(name, begin, {passive: true, capture: true});
};

wanmi.stage = function (map, given) {
  // a file is in the language that its address says
  const lang = given.turned && new URLSearchParams(location.search).get("lang");
  if (lang in (given.turned || {})) {
    wanmi.turn(given.turned[given.lang].words, given.turned[lang].words);
    given = {...given, ...given.turned[lang], lang};
  }
  const {words} = given, el = wanmi.el;
  wanmi.dress(words);
  wanmi.map = map;
  wanmi.ring(map);

  // ---- the view is the link's, else the whole city; it stands in the link while one moves
  function view() {
    const [zoom, lat, lon] = wanmi.link.get("view").split("/").map(Number);
    return wanmi.link.get("view") && Number.isFinite(zoom + lat + lon) ? {zoom, at: [lat, lon]} : null;
  }
  function fit() {
    const phone = innerWidth <= 760;
    map.fitBounds(given.bounds, {animate: false, paddingTopLeft: [phone ? 8 : given.left + 8, 8], paddingBottomRight: [8, phone ? 72 : 8]});
  }
  const first = view();
  if (first) map.setView(first.at, first.zoom, {animate: false});
  else fit();
  let begun = Boolean(first);
  map.on("moveend", () => {
    if (!begun) return;
    const at = map.getCenter().wrap();
    wanmi.link.set({view: +map.getZoom().toFixed(2) + "/" + at.lat.toFixed(5) + "/" + at.lng.toFixed(5)});
  });
  setTimeout(() => { begun = true; });
  addEventListener("popstate", () => {
    const to = view();
    if (to) map.setView(to.at, to.zoom, {animate: false});
    wanmi.link.step();
  });

  // ---- the ground
  if (given.base) {
    const sharp = devicePixelRatio > 1 ? "&ratio=2" : "";
    const ground = L.tileLayer(given.base + "{look}", {
      attribution: el("span", {}, given.credit).outerHTML, maxNativeZoom: 18, maxZoom: 20, className: "ground", zIndex: 0,
      look: () => (wanmi.dark() ? "&theme=dark" : "") + sharp
    });
    wanmi.keeps(ground, "ground");
    document.addEventListener("wanmi:theme", () => ground.redraw());
    ground.addTo(map);
    if (given.outside) {
      const other = L.tileLayer(given.outside[0], {attribution: el("span", {}, given.outside[1]).outerHTML, maxZoom: 20, zIndex: 0});
      if (wanmi.link.get("base") === "outside") { ground.remove(); other.addTo(map); }
      map.on("baselayerchange", event => wanmi.link.set({base: event.layer === other ? "outside" : ""}));
      L.control.layers({[words.own_base]: ground, [words.outside_base]: other}, {}, {position: "topright"}).addTo(map);
    }
  }
  if (given.names.length) wanmi.names(map, given.names, given.lang);

  // ---- controls, with names in the page's language
  L.control.zoom({position: "bottomleft", zoomInTitle: words.zoom_in, zoomOutTitle: words.zoom_out}).addTo(map);
  L.control.scale({imperial: false, maxWidth: 140}).addTo(map);
  map.attributionControl.setPrefix("Leaflet");
  const box = map.getContainer();
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", words.map_keys);
  map.on("popupopen", event => {
    event.popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", words.close);
    event.popup.getElement().setAttribute("role", "dialog");
    event.popup.getElement().setAttribute("aria-label", event.popup.options.label || words.map);
  });
  wanmi.escape(() => {
    const open = map._popup && map._popup.isOpen();
    if (open) { map.closePopup(); box.focus({preventScroll: true}); }
    return Boolean(open);
  });
};
