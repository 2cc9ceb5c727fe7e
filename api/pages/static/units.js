// The page of the unit grids: a click, or Enter at the map's middle, asks which unit is there and tells it as a table,
// after what the chosen layers have there.
"use strict";
wanmi.units = function (map, given) {
  const {words, el} = wanmi, layers = wanmi.unitLayers(map, given.over);
  function told(value) {
    if (Array.isArray(value)) return value.map(kind => given.kinds[kind] || kind).join(given.between) || words.none;
    return typeof value === "number" ? value.toLocaleString("en-US") : value || words.none;
  }
  function show(latlng, tables) {
    L.popup({className: "spot", maxWidth: 360, label: tables[0].title}).setLatLng(latlng).setContent(el("div", {}, tables.map(({title, rows}) =>
      el("table", {}, el("caption", {}, title), el("tbody", {}, rows.map(([name, value]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, told(value))))))))).openOn(map);
    wanmi.say(tables.map(({rows: [[name, value]]}) => name + " " + value).join(given.between));
  }
  async function ask(latlng) {
    const at = latlng.wrap(), tables = await layers.at(latlng);
    const {unit} = await wanmi.ask(given.at + "?lon=" + at.lng.toFixed(7) + "&lat=" + at.lat.toFixed(7));
    if (unit) tables.push({title: given.title, rows: Object.entries(given.fields).map(([key, name]) => [name, unit[key]])});
    if (tables.length) show(latlng, tables);
    else { map.closePopup(); wanmi.say(given.no_unit); }
  }
  const quietly = latlng => ask(latlng).catch(() => {});   // the frame has said it
  map.on("click", event => quietly(event.latlng));
  map.getContainer().addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target === map.getContainer()) { event.preventDefault(); quietly(map.getCenter()); }
  });
};
