// Vector tiles on Leaflet: read (MVT), drawn on canvas, pointed at. No library: what there is for Leaflet is not kept
// up (see docs/tiles.md), and reading a tile takes a page of code.
//
//   const units = wanmiVector("/tiles/units/{z}/{x}/{y}.mvt", {
//     style: (properties, zoom, layer) => ({fill: "#08f3", stroke: "#048", width: 1}),   // null: not drawn, not pointed at
//     onClick: (properties, latlng, layer) => …,
//     onHover: (properties, latlng, layer) => …,      // properties null when the pointer leaves
//     onNotice: (notices) => …,                       // [{layer, shown, total}] of the tiles in view that do not show all
//     minZoom, maxNativeZoom, pane, opacity           // as for L.GridLayer
//   }).addTo(map);
//   units.tally();            {shown, total}: features of all tiles in view, each code once, and with them what is left out
//   units.restyle();          draws the tiles that are here again, with what `style` says now
//   units.setUrl(address);    asks for other tiles; the old ones stay until the new ones are there
"use strict";
(() => {
  const MOVE = 1, LINE = 2, CLOSE = 7;

  // ---- reading: protocol buffers, as the vector tile specification 2.1 has them

  class Reader {
    constructor(bytes) {
      this.bytes = bytes;
      this.at = 0;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    get more() { return this.at < this.bytes.length; }
    number() {                                          // varint; exact up to 2^53
      let value = 0, factor = 1, byte;
      do {
        byte = this.bytes[this.at++];
        if (byte === undefined) throw new Error("the tile ends too early");
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte & 128);
      return value;
    }
    part() {                                            // bytes with their length before them
      const end = this.number() + this.at;
      if (end > this.bytes.length) throw new Error("the tile ends too early");
      const inner = this.bytes.subarray(this.at, end);
      this.at = end;
      return inner;
    }
    text() { return new TextDecoder().decode(this.part()); }
    skip(wire) {
      if (wire === 0) this.number();
      else if (wire === 1) this.at += 8;
      else if (wire === 2) this.part();
      else if (wire === 5) this.at += 4;
      else throw new Error(`wire type ${wire} in the tile`);
    }
    fields(take) {                                      // take(field, wire) → true when it read the value
      while (this.more) {
        const key = this.number();
        if (!take(Math.floor(key / 8), key & 7)) this.skip(key & 7);
      }
    }
  }

  const signed = (n) => (n % 2 ? -(n + 1) / 2 : n / 2);

  function value(bytes) {
    const reader = new Reader(bytes);
    let out = null;
    reader.fields((field) => {
      if (field === 1) out = reader.text();
      else if (field === 2) { out = reader.view.getFloat32(reader.at, true); reader.at += 4; }
      else if (field === 3) { out = reader.view.getFloat64(reader.at, true); reader.at += 8; }
      else if (field === 4) {                           // int64: two's complement when below zero
        const n = reader.number();
        out = n > Number.MAX_SAFE_INTEGER ? n - 2 ** 64 : n;
      }
      else if (field === 5) out = reader.number();
      else if (field === 6) out = signed(reader.number());
      else if (field === 7) out = reader.number() === 1;
      else return false;
      return true;
    });
    return out;
  }

  function numbers(bytes) {
    const reader = new Reader(bytes), out = [];
    while (reader.more) out.push(reader.number());
    return out;
  }

  function layerOf(bytes) {
    const reader = new Reader(bytes), keys = [], values = [], raw = [];
    let name = "", extent = 4096;
    reader.fields((field) => {
      if (field === 1) name = reader.text();
      else if (field === 2) raw.push(reader.part());
      else if (field === 3) keys.push(reader.text());
      else if (field === 4) values.push(value(reader.part()));
      else if (field === 5) extent = reader.number();
      else return false;
      return true;
    });
    const features = raw.map((one) => {
      const inner = new Reader(one), feature = {properties: {}, type: 0, commands: []};
      let tags = [];
      inner.fields((field) => {
        if (field === 2) tags = numbers(inner.part());
        else if (field === 3) feature.type = inner.number();
        else if (field === 4) feature.commands = numbers(inner.part());
        else return false;
        return true;
      });
      for (let i = 0; i + 1 < tags.length; i += 2) feature.properties[keys[tags[i]]] = values[tags[i + 1]];
      return feature;
    });
    return {name, extent, features};
  }

  /** Layers of a tile: name, extent, features with properties, type (1 point, 2 line, 3 area) and drawing commands. */
  function readTile(buffer) {
    const reader = new Reader(new Uint8Array(buffer)), layers = [];
    reader.fields((field) => {
      if (field !== 3) return false;
      layers.push(layerOf(reader.part()));
      return true;
    });
    return layers;
  }

  /** Rings, lines or points of a feature, in pixels: [[x, y], …] each. */
  function strokes(feature, scale) {
    const out = [], {commands} = feature;
    let x = 0, y = 0, line = null;
    for (let i = 0; i < commands.length;) {
      const id = commands[i] & 7, count = commands[i] >> 3;
      i += 1;
      for (let k = 0; k < count; k += 1) {
        if (id === CLOSE) { if (line) line.push(line[0]); continue; }
        x += signed(commands[i]);
        y += signed(commands[i + 1]);
        i += 2;
        if (id === MOVE) out.push(line = []);
        if ((id === MOVE || id === LINE) && line) line.push([x * scale, y * scale]);
      }
    }
    return out;
  }

  // ---- drawing

  function pathOf(feature, scale, radius, square) {
    const path = new Path2D();
    for (const line of strokes(feature, scale)) {
      if (feature.type === 1) {
        const [x, y] = line[0];
        if (square) path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
        else {
          path.moveTo(x + radius, y);
          path.arc(x, y, radius, 0, 2 * Math.PI);
        }
      } else line.forEach(([x, y], k) => (k ? path.lineTo(x, y) : path.moveTo(x, y)));
    }
    return path;
  }

  const VectorLayer = L.GridLayer.extend({
    options: {style: () => ({stroke: "#0072b2", width: 1}), maxNativeZoom: 18, maxZoom: 20, reachPx: 4},

    initialize(url, options) {
      L.GridLayer.prototype.initialize.call(this, options);
      this._url = url;
      this.on("tileunload", ({tile}) => tile._abort && tile._abort.abort());
    },

    onAdd(map) {
      L.GridLayer.prototype.onAdd.call(this, map);
      map.on("click", this._click, this).on("mousemove", this._move, this).on("moveend", this._tell, this);
    },

    onRemove(map) {
      map.off("click", this._click, this).off("mousemove", this._move, this).off("moveend", this._tell, this);
      L.GridLayer.prototype.onRemove.call(this, map);
    },

    createTile(coords, done) {
      const tile = L.DomUtil.create("canvas", "wanmi-vector");
      const size = this.getTileSize(), ratio = window.devicePixelRatio || 1;
      Object.assign(tile, {width: size.x * ratio, height: size.y * ratio, _coords: coords, _layers: []});
      tile.setAttribute("aria-hidden", "true");
      this._fetch(tile, coords).then(() => done(null, tile), (error) => done(error.name === "AbortError" ? null : error, tile));
      return tile;
    },

    async _fetch(tile, coords) {
      tile._abort = new AbortController();
      const address = L.Util.template(this._url, {...this.options, z: coords.z, x: coords.x, y: coords.y});
      const answer = await fetch(address, {signal: tile._abort.signal, credentials: "same-origin"});
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      tile._layers = readTile(await answer.arrayBuffer());
      this._draw(tile);
      this._tell();
    },

    _draw(tile) {
      const context = tile.getContext("2d"), ratio = tile.width / this.getTileSize().x, zoom = tile._coords.z;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, tile.width, tile.height);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.lineJoin = context.lineCap = "round";
      tile._drawn = [];
      for (const layer of tile._layers) {
        if (layer.name === "notice") continue;
        const scale = this.getTileSize().x / layer.extent;
        for (const feature of layer.features) {
          const style = this.options.style(feature.properties, zoom, layer.name);
          if (!style) continue;
          const path = pathOf(feature, scale, style.radius || 4, style.square);
          if (style.fill && feature.type !== 2) {
            context.fillStyle = style.fill;
            context.fill(path, "evenodd");
          }
          if (style.stroke && style.width !== 0) {
            context.strokeStyle = style.stroke;
            context.lineWidth = style.width || 1;
            context.setLineDash(style.dash || []);
            context.stroke(path);
          }
          tile._drawn.push({feature, path, layer: layer.name, width: style.width || 1});
        }
      }
    },

    /** The topmost feature at a place of the map, or null: {properties, layer}. */
    at(latlng) {
      const map = this._map;
      if (!map || this._tileZoom === undefined) return null;
      const size = this.getTileSize(), zoom = this._tileZoom, place = map.project(latlng, zoom);
      const tile = this._tiles[`${Math.floor(place.x / size.x)}:${Math.floor(place.y / size.y)}:${zoom}`];
      if (!tile || !tile.el._drawn) return null;
      const canvas = tile.el, context = canvas.getContext("2d"), ratio = canvas.width / size.x;
      const x = (place.x % size.x) * ratio, y = (place.y % size.y) * ratio;
      for (let k = canvas._drawn.length - 1; k >= 0; k -= 1) {
        const {feature, path, layer, width} = canvas._drawn[k];
        context.lineWidth = Math.max(width, 2 * this.options.reachPx);
        const hit = feature.type === 3
          ? context.isPointInPath(path, x, y, "evenodd")
          : context.isPointInPath(path, x, y) || context.isPointInStroke(path, x, y);
        if (hit) return {properties: feature.properties, layer};
      }
      return null;
    },

    _click(event) {
      const found = this.options.onClick && this.at(event.latlng);
      if (found) this.options.onClick(found.properties, event.latlng, found.layer);
    },

    _move(event) {
      if (!this.options.onHover) return;
      const found = this.at(event.latlng);
      if (!found && !this._over) return;
      this._over = Boolean(found);
      this.options.onHover(found ? found.properties : null, event.latlng, found ? found.layer : "");
    },

    /** Layers of the tiles in view; Leaflet keeps some beside it. */
    _seen() {
      if (!this._map || this._tileZoom === undefined) return [];
      const view = this._pxBoundsToTileRange((this._inView || this._getTiledPixelBounds).call(this, this._map.getCenter()));
      const tiles = Object.values(this._tiles).filter(({coords, current}) => current && view.contains(coords));
      return tiles.flatMap(({el}) => el._layers || []);
    },

    /** What the tiles in view do not show: [{layer, shown, total}]. */
    notices() {
      const told = this._seen().filter((layer) => layer.name === "notice");
      return told.flatMap((layer) => layer.features.map((feature) => feature.properties));
    },

    /** Features of the tiles in view, each code once, and with them those that are left out: {shown, total}. */
    tally() {
      const codes = new Set();
      let shown = 0, missing = 0;
      for (const {name, features} of this._seen()) {
        for (const {properties} of features) {
          if (name === "notice") missing += properties.total - properties.shown;
          else if (properties.code === undefined) shown += 1;
          else codes.add(properties.code);
        }
      }
      shown += codes.size;
      return {shown, total: shown + missing};
    },

    _tell() {
      if (this.options.onNotice && this._map) this.options.onNotice(this.notices());
    },

    restyle() {
      for (const {el} of Object.values(this._tiles || {})) if (el._layers) this._draw(el);
    },

    async setUrl(url) {
      this._url = url;
      const tiles = Object.values(this._tiles || {}).map(({el}) => el);
      await Promise.allSettled(tiles.map((tile) => {
        if (tile._abort) tile._abort.abort();
        return this._fetch(tile, tile._coords);
      }));
    },
  });

  window.wanmiVector = (url, options) => new VectorLayer(url, options);
  window.wanmiVector.readTile = readTile;
})();
