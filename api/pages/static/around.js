// What is drawn around a place: the place with its accuracy, the unit, what decided, other candidates, changes.
"use strict";
wanmi.around = function (map, words) {
  const STYLE = {
    unit: {color: "#00677d", weight: 2, opacity: .9, fillColor: "#00677d", fillOpacity: .05, dashArray: "1 5", lineCap: "round"},
    other: {color: "#6c6475", weight: 1.5, opacity: .9, fillColor: "#6c6475", fillOpacity: .04, dashArray: "6 4"},
    winner: {color: "#3e0b54", weight: 3, opacity: 1, fillColor: "#7b3f98", fillOpacity: .13}
  };
  const ORDER = ["other", "unit", "winner"];
  const AREA = {fill: false, weight: 1.2, dashArray: "2 4"};   // areas that lost are wide: an outline is enough
  for (const [name, z] of [["shapes", 410], ["place", 620]]) map.createPane(name).style.zIndex = z;
  const shapes = L.layerGroup().addTo(map), place = L.layerGroup().addTo(map), changes = L.layerGroup().addTo(map);
  const known = new Map();

  function tip(layer, text) {
    return layer.bindTooltip(wanmi.el("span", {}, text), {sticky: true, className: "spot"});
  }

  function dot(latlng, style) {
    return L.circleMarker(latlng, {...style, radius: style.weight > 2 ? 9 : 6});
  }

  return {
    place: function (lon, lat, accuracy) {
      place.clearLayers();
      if (accuracy > 0) L.circle([lat, lon], {radius: accuracy, pane: "shapes", color: "#b35900", weight: 1.5,
        fillColor: "#f1a340", fillOpacity: .13, interactive: false, className: "accuracy"}).addTo(place);
      const icon = L.divIcon({className: "pin", html: "", iconSize: [22, 22]});
      L.marker([lat, lon], {icon, pane: "place", interactive: false, keyboard: false, alt: "", zIndexOffset: 1000}).addTo(place);
    },
    // found: features of ours; roleOf says what a feature is here: winner, other, unit, or "" for nothing to draw
    shapes: function (found, roleOf) {
      shapes.clearLayers();
      known.clear();
      const drawn = found.map(one => [roleOf(one), one]).filter(([role]) => role)
        .sort((a, b) => ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]));
      for (const [role, one] of drawn) {
        const about = one.properties, text = [about.code, about.name].filter(Boolean).join(" ");
        const style = {...STYLE[role], ...(role === "other" && about.kind === "area" ? AREA : {}), pane: "shapes", className: "shape " + role + " " + about.kind};
        const layer = L.geoJSON(one, {...style, style: () => style, pointToLayer: (_, latlng) => dot(latlng, style)});
        tip(layer, text).addTo(shapes);
        known.set(about.kind + " " + about.code, layer);
      }
    },
    // from the place to the component that decided
    link: function (from, to) {
      L.polyline([from, to], {...STYLE.winner, weight: 2, pane: "shapes", interactive: false, dashArray: null}).addTo(shapes);
    },
    changes: function (found, tell) {
      changes.clearLayers();
      for (const one of found) {
        const icon = L.divIcon({className: "turns", html: "", iconSize: [14, 14]});
        const mark = L.marker([one.lat, one.lon], {icon, pane: "place", keyboard: false, alt: tell(one)});
        tip(mark, tell(one)).addTo(changes);
      }
    },
    clear: function () { shapes.clearLayers(); changes.clearLayers(); known.clear(); },
    has: key => known.has(key),
    show: function (key) {
      const layer = known.get(key), bounds = layer.getBounds();
      map.fitBounds(bounds.pad(.15), {maxZoom: 18});
      layer.eachLayer(one => { if (one.openTooltip) one.openTooltip(bounds.getCenter()); });
    }
  };
};
