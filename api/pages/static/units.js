// The page of the unit grids: a click, or Enter at the map's middle, asks which unit is there and tells it as a table.
"use strict";
wanmi.units = function (map, given) {
  const {words, el} = wanmi;
  function told(value, key) {
    if (Array.isArray(value)) return value.map(kind => given.kinds[kind] || kind).join(given.between) || words.none;
    return typeof value === "number" ? value.toLocaleString("en-US") : value || words.none;
  }
  function show(latlng, unit) {
    const rows = Object.entries(given.fields).map(([key, name]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, told(unit[key], key))));
    L.popup({className: "spot", maxWidth: 360, label: given.title}).setLatLng(latlng)
      .setContent(el("table", {}, el("caption", {}, given.title), el("tbody", {}, rows))).openOn(map);
    wanmi.say(given.fields.code + " " + unit.code);
  }
  async function ask(latlng) {
    const at = latlng.wrap();
    const {unit} = await wanmi.ask(given.at + "?lon=" + at.lng.toFixed(7) + "&lat=" + at.lat.toFixed(7));
    wanmi.notice("");
    if (unit) show(latlng, unit);
    else { map.closePopup(); wanmi.say(given.no_unit); }
  }
  const quietly = latlng => ask(latlng).catch(() => {});   // the frame has said it
  map.on("click", event => quietly(event.latlng));
  map.getContainer().addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target === map.getContainer()) { event.preventDefault(); quietly(map.getCenter()); }
  });
};
