// Names on the map in the page's language: as many as fit without covering each other, the important ones first.
// A line's name follows its bends; Chinese signs along steep lines stand upright, one below the other.
"use strict";
(function () {
  const SIZE = {area2: 18, area1: 14.5, area0: 12, main: 12.5, road: 11.5, water: 12.5, rail: 11, green: 11.5, place: 11.5};
  const AIR = {area2: 5, area1: 2, area0: .5, main: 1.5, road: .6, water: 2, rail: 1, green: 0, place: 0};   // between signs, pixels
  const WEIGHT = {area2: 600, area1: 600, area0: 500, main: 500};
  const WIDE = 15;                       // letters of a Latin name before it is broken into two lines
  const APART = {main: 340, road: 300, water: 420, rail: 420};
  const NS = "http://www.w3.org/2000/svg", CHINESE = /[\u3400-\u9fff]/;
  const pen = document.createElement("canvas").getContext("2d");

  const Names = L.Layer.extend({
    initialize: function (names, lang) {
      this._names = names.map(([zh, en, kind, from, to, at]) => {
        const lats = at.filter((_, i) => i % 2), lons = at.filter((_, i) => !(i % 2));
        return {text: lang === "en" ? en : zh, kind, from, to, at, box: [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)]};
      });
      this._widths = new Map();
    },
    onAdd: function (map) {
      this._pane = map.getPane("names") || map.createPane("names");
      this._pane.classList.add("names");
      this._pane.setAttribute("aria-hidden", "true");
      this._pane.style.zIndex = 450;
      this._svg = document.createElementNS(NS, "svg");
      this._pane.append(this._svg);
      this._font = getComputedStyle(map.getContainer()).fontFamily;
      map.on("moveend viewreset resize", this._place, this).on("zoomstart", this._clear, this);
      document.fonts.ready.then(() => { if (this._map) { this._widths.clear(); this._place(); } });
      this._place();
    },
    onRemove: function (map) {
      map.off("moveend viewreset resize", this._place, this).off("zoomstart", this._clear, this);
      this._svg.remove();
    },
    _clear: function () { this._svg.replaceChildren(); },

    // How far each sign reaches from the beginning of its text.
    _reach: function (text, kind) {
      const key = kind + text;
      if (!this._widths.has(key)) {
        pen.font = (WEIGHT[kind] || 400) + " " + SIZE[kind] + "px " + this._font;
        const air = CHINESE.test(text) ? AIR[kind] : AIR[kind] / 4;
        let x = 0;
        this._widths.set(key, [...text].map(sign => { const wide = pen.measureText(sign).width; x += wide + air; return [x - air - wide / 2, wide]; }));
      }
      return this._widths.get(key);
    },

    _place: function () {
      const map = this._map, zoom = Math.floor(map.getZoom() + 1e-6), size = map.getSize();
      const corner = map.containerPointToLayerPoint([0, 0]), pad = 60;
      const view = [corner.x - pad, corner.y - pad, corner.x + size.x + pad, corner.y + size.y + pad];
      const bounds = map.getBounds(), far = bounds.pad(.1), [west, south, east, north] = [far.getWest(), far.getSouth(), far.getEast(), far.getNorth()];
      const taken = new Map(), said = new Map(), shown = [];
      const free = boxes => boxes.every(box => cells(box).every(cell => (taken.get(cell) || []).every(o => box[0] >= o[2] || box[2] <= o[0] || box[1] >= o[3] || box[3] <= o[1])));
      const take = boxes => { for (const box of boxes) for (const cell of cells(box)) { if (!taken.has(cell)) taken.set(cell, []); taken.get(cell).push(box); } };
      for (const name of this._names) {
        if (zoom < name.from || zoom > name.to || name.box[0] > east || name.box[2] < west || name.box[1] > north || name.box[3] < south) continue;
        const label = name.at.length === 2 ? [this._point(name)] : this._line(name, view, said);
        for (const one of label) {
          if (!one || !free(one.boxes)) continue;
          const near = said.get(name.text) || [];
          if (name.at.length > 2 && near.some(at => Math.hypot(at[0] - one.middle[0], at[1] - one.middle[1]) < 230)) continue;
          near.push(one.middle);
          said.set(name.text, near);
          take(one.boxes);
          shown.push(one.drawn());
        }
      }
      this._svg.setAttribute("width", size.x + 2 * pad);
      this._svg.setAttribute("height", size.y + 2 * pad);
      this._svg.setAttribute("viewBox", [view[0], view[1], size.x + 2 * pad, size.y + 2 * pad].join(" "));
      L.DomUtil.setPosition(this._svg, L.point(view[0], view[1]));
      this._svg.replaceChildren(...shown);
    },

    // A name at a place; long Latin ones in two lines.
    _point: function (name) {
      const at = this._map.latLngToLayerPoint([name.at[1], name.at[0]]), size = SIZE[name.kind];
      const lines = broken(name.text), wide = Math.max(...lines.map(text => { const all = this._reach(text, name.kind); return all.length ? all.at(-1)[0] + all.at(-1)[1] / 2 : 0; }));
      const half = [wide / 2 + 3, lines.length * size * .6 + 2];
      return {boxes: [[at.x - half[0], at.y - half[1], at.x + half[0], at.y + half[1]]], middle: [at.x, at.y], drawn: () => text(name.kind, lines.map((line, i) => {
        const all = this._reach(line, name.kind), w = all.length ? all.at(-1)[0] + all.at(-1)[1] / 2 : 0;
        return {signs: line, x: all.map(([c, own]) => at.x - w / 2 + c - own / 2), y: [...line].map(() => at.y + (i - (lines.length - 1) / 2) * size * 1.2 + size * .36), turn: null};
      }))};
    },

    // Where a name may stand along its line: again and again at the same distance from its beginning, so that it stays when one moves.
    _line: function (name, view, said) {
      const map = this._map, flat = name.at, points = [], along = [0];
      for (let i = 0; i < flat.length; i += 2) points.push(map.latLngToLayerPoint([flat[i + 1], flat[i]]));
      for (let i = 1; i < points.length; i++) along.push(along[i - 1] + points[i].distanceTo(points[i - 1]));
      const all = this._reach(name.text, name.kind), length = along.at(-1);
      if (!all.length) return [];
      const wide = all.at(-1)[0] + all.at(-1)[1] / 2, size = SIZE[name.kind];
      if (length < wide + 2 * size) return [];
      const step = Math.max(APART[name.kind] || 320, wide * 2.4), out = [], n = Math.max(1, Math.round(length / step));
      for (let k = 0; k < n; k++) {
        const middle = (k + .5) * length / n, at = on(points, along, middle);
        if (at[0] < view[0] || at[0] > view[2] || at[1] < view[1] || at[1] > view[3]) continue;
        let found = null;
        for (const shift of [0, .12, -.12, .25, -.25, .38, -.38]) {
          const m = middle + shift * length / n;
          if (m - wide / 2 < size || m + wide / 2 > length - size) continue;
          found = this._lie(name, all, wide, points, along, m);
          if (found) break;
        }
        if (found) out.push(found);
      }
      return out;
    },

    _lie: function (name, all, wide, points, along, middle) {
      const size = SIZE[name.kind], a = on(points, along, middle - wide / 2), b = on(points, along, middle + wide / 2);
      const slope = Math.atan2(b[1] - a[1], b[0] - a[0]), chinese = CHINESE.test(name.text);
      const steep = chinese && Math.abs(Math.abs(slope) - Math.PI / 2) < .72;      // within 41 degrees of upright
      const back = steep ? slope < 0 : Math.abs(slope) > Math.PI / 2;
      const room = steep ? all.length * (size + AIR[name.kind]) : wide;
      const signs = [...name.text], x = [], y = [], turn = [], boxes = [];
      let before = null;
      for (let i = 0; i < signs.length; i++) {
        const c = steep ? (i + .5) * (size + AIR[name.kind]) : all[i][0], s = back ? middle + room / 2 - c : middle - room / 2 + c;
        if (s < 0 || s > along.at(-1)) return null;
        let [px, py, angle] = on(points, along, s);
        if (back) angle = Math.abs(angle) > Math.PI / 2 ? angle - Math.sign(angle) * Math.PI : angle + Math.PI;
        angle = Math.atan2(Math.sin(angle), Math.cos(angle));
        if (before !== null && Math.abs(Math.atan2(Math.sin(angle - before), Math.cos(angle - before))) > .42) return null;   // too sharp a bend
        before = angle;
        const t = steep ? 0 : angle, own = all[i][1], down = size * .36;
        x.push(px - own / 2 * Math.cos(t) - down * Math.sin(t));
        y.push(py - own / 2 * Math.sin(t) + down * Math.cos(t));
        turn.push(t * 180 / Math.PI);
        const half = size * .62;
        boxes.push([px - half, py - half, px + half, py + half]);
      }
      return {boxes, middle: on(points, along, middle), drawn: () => text(name.kind, [{signs: name.text, x, y, turn}])};
    }
  });

  // The place and the direction at a length along a line.
  function on(points, along, s) {
    let low = 0, high = along.length - 1;
    while (high - low > 1) { const half = (low + high) >> 1; if (along[half] <= s) low = half; else high = half; }
    const a = points[low], b = points[high], span = along[high] - along[low] || 1, t = (s - along[low]) / span;
    return [a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, Math.atan2(b.y - a.y, b.x - a.x)];
  }
  function* squares(box) {
    for (let i = Math.floor(box[0] / 64); i <= Math.floor(box[2] / 64); i++) for (let j = Math.floor(box[1] / 64); j <= Math.floor(box[3] / 64); j++) yield i + "," + j;
  }
  const cells = box => [...squares(box)];
  function broken(text) {
    const half = Math.ceil(text.length / 2);
    if (CHINESE.test(text)) {
      const kind = /.(?:经济技术|高新技术产业|经济)?开发区$/.exec(text), at = kind ? kind.index + 1 : half;
      return text.length > 6 ? [text.slice(0, at), text.slice(at)] : [text];
    }
    if (text.length <= WIDE || !text.includes(" ")) return [text];
    const words = text.split(" ");
    let best = null;
    for (let i = 1; i < words.length; i++) {
      const two = [words.slice(0, i).join(" "), words.slice(i).join(" ")], worst = Math.max(two[0].length, two[1].length);
      if (!best || worst < best.worst) best = {two, worst};
    }
    return best.two;
  }
  const short = list => list.map(v => v.toFixed(1)).join(" ");
  function text(kind, lines) {
    const group = document.createElementNS(NS, "g");
    group.setAttribute("class", kind);
    for (const line of lines) {
      const made = document.createElementNS(NS, "text");
      made.setAttribute("x", short(line.x));
      made.setAttribute("y", short(line.y));
      if (line.turn && line.turn.some(t => Math.abs(t) > .4)) made.setAttribute("rotate", short(line.turn));
      made.setAttribute("font-size", SIZE[kind]);
      made.textContent = line.signs;
      group.append(made);
    }
    return group;
  }

  // Names from one of our addresses, or given at once.
  wanmi.names = function (map, source, lang) {
    const put = names => new Names(names, lang).addTo(map);
    if (Array.isArray(source)) put(source);
    else wanmi.ask(source).then(found => put(found.names)).catch(() => {});
  };
})();
