// Pictures that stand in the page itself: tiles by number, and where one is missing a part of a coarser one, made larger.
"use strict";
wanmi.filedTiles = function (set, options) {
  const Filed = L.GridLayer.extend({
    createTile: function (coords) {
      const tile = document.createElement("div"), size = this.getTileSize();
      for (let up = 0, {x, y, z} = coords; z >= set.least; up++, x >>= 1, y >>= 1, z--) {
        const found = set.tiles[z + "/" + x + "/" + y];
        if (found === undefined) continue;
        if (!found) break;                        // known to be empty
        const many = 1 << up, image = document.createElement("img");
        image.alt = "";
        image.src = found;
        image.className = "filed-tile";
        image.style.cssText = "position:absolute;max-width:none;width:" + size.x * many + "px;height:" + size.y * many + "px;left:" + -(coords.x - x * many) * size.x + "px;top:" + -(coords.y - y * many) * size.y + "px";
        tile.style.overflow = "hidden";
        tile.append(image);
        break;
      }
      return tile;
    }
  });
  return new Filed({maxZoom: 18, minZoom: 9, noWrap: true, ...options});
};
wanmi.filedGround = function (map, given) {
  wanmi.filedTiles(given.data.ground, {zIndex: 0, attribution: wanmi.el("span", {}, given.credit).outerHTML}).addTo(map);
};
