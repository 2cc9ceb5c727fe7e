// Names on the map: as many as fit without covering each other, the important ones first.
"use strict";
(function () {
  const SIZE = {area2: 17, area1: 14, area0: 11.5, road: 11, main: 12, water: 12, rail: 11};
  const AIR = {area2: 1.3, area1: 1.12, area0: 1, road: 1, main: 1, water: 1, rail: 1};

  function width(text, kind) {
    let wide = 0;
    for (const sign of text) wide += sign.charCodeAt(0) > 255 ? 1 : 0.56;
    return wide * SIZE[kind] * AIR[kind];
  }

  // Corners of a turned box lie within this box; enough to keep names apart.
  function box(at, w, h, angle) {
    const turn = Math.abs(angle) * Math.PI / 180;
    const x = (w * Math.cos(turn) + h * Math.sin(turn)) / 2 + 3, y = (w * Math.sin(turn) + h * Math.cos(turn)) / 2 + 2;
    return [at.x - x, at.y - y, at.x + x, at.y + y];
  }

  const Names = L.Layer.extend({
    initialize: function (names) { this._names = names; },
    onAdd: function (map) {
      this._pane = map.getPane("names") || map.createPane("names");
      this._pane.classList.add("names");
      this._pane.style.zIndex = 450;
      map.on("moveend viewreset", this._place, this).on("zoomstart", this._clear, this);
      this._place();
    },
    onRemove: function (map) {
      map.off("moveend viewreset", this._place, this).off("zoomstart", this._clear, this);
      this._clear();
    },
    _clear: function () { this._pane.replaceChildren(); },
    _place: function () {
      const map = this._map, zoom = Math.floor(map.getZoom()), view = map.getBounds().pad(0.2), taken = [], shown = [];
      for (const [text, lon, lat, kind, from, to, angle] of this._names) {
        if (zoom < from || zoom > to || !view.contains([lat, lon])) continue;
        const at = map.latLngToLayerPoint([lat, lon]);
        // along steep lines the signs stand upright, one below the other
        const steep = Math.abs(angle) > 55 && kind !== "area0" && text.charCodeAt(0) > 255;
        const long = width(text, kind), turn = steep ? angle - 90 * Math.sign(angle) : angle;
        const mine = steep ? box(at, SIZE[kind], long, turn) : box(at, long, SIZE[kind], turn);
        if (taken.some(o => mine[0] < o[2] && mine[2] > o[0] && mine[1] < o[3] && mine[3] > o[1])) continue;
        taken.push(mine);
        const span = document.createElement("span");
        span.className = kind;
        span.textContent = text;
        span.style.left = at.x + "px";
        span.style.top = at.y + "px";
        span.style.transform = "translate(-50%, -50%) rotate(" + turn + "deg)";
        if (steep) span.style.writingMode = "vertical-rl";
        shown.push(span);
      }
      this._pane.replaceChildren(...shown);
    }
  });

  // Names from one of our addresses, or given at once.
  wanmi.names = function (map, source) {
    const put = names => new Names(names).addTo(map);
    if (Array.isArray(source)) put(source);
    else wanmi.ask(source).then(found => put(found.names));
  };
})();
