// The filters: in the form, in the address, and as the query that every route takes.
"use strict";
wanmi.hotspotFilters = function (given, words, changed) {
  const get = id => document.getElementById(id), form = get("filters"), link = wanmi.link;
  const CASES = ["class", "department", "channel", "area", "from", "to", "bandwidth_m"], HOW = ["method", "cells", "exposure"];
  const PLAIN = {bandwidth_m: String(given.bandwidth), method: "gi", cells: "unit"};
  const value = {}, read = () => { for (const name of [...CASES, ...HOW]) value[name] = link.get(name) || PLAIN[name] || ""; };
  read();
  let choose = null;
  const quiet = {get value() { return value; }, words: () => "", query, cases, freeCells: () => false, fault: () => {}, fill: () => {}};

  // free methods have no cells, and only tests of counts are held against something
  const freeCells = () => ["clusters", "kde"].includes(value.method);
  const against = () => ["gi", "moran"].includes(value.method);

  function cases(period) {
    const asked = new URLSearchParams();
    for (const name of CASES) if (value[name] && value[name] !== PLAIN[name]) asked.set(name, value[name]);
    if (period) { asked.set("from", period.from); asked.set("to", period.to); }
    return asked;
  }
  function query(period, more = {}) {
    const asked = cases(period);
    if (value.method !== "gi") asked.set("method", value.method);
    if (!freeCells() && value.cells !== "unit") asked.set("cells", value.cells);
    if (against() && value.exposure) asked.set("exposure", value.exposure);
    for (const [name, text] of Object.entries(more)) if (text) asked.set(name, text);
    return asked;
  }
  if (!form) return quiet;

  // ---- form and address
  const code = text => text.trim().split(/\s+/)[0] || "";
  const field = name => get(name);
  function write() {
    choose.set(value.class);
    for (const name of ["from", "to"]) {
      // a time of day stands in the address alone, until the field is changed
      field(name).value = /^\d{4}-\d\d-\d\d/.test(value[name]) ? value[name].slice(0, 10) : "";
    }
    for (const name of ["channel", "bandwidth_m", "method", "cells", "exposure"]) {
      if (value[name] && ![...field(name).options].some(option => option.value === value[name])) {
        field(name).append(wanmi.el("option", {value: value[name]}, name === "bandwidth_m" ? value[name] + " m" : value[name]));
      }
      field(name).value = value[name];
    }
    for (const name of ["department", "area"]) field(name).value = value[name] ? labels[name].get(value[name]) || value[name] : "";
    field("cells").disabled = freeCells();
    field("exposure").disabled = !against();
    if (value.department || value.channel || value.area || value.bandwidth_m !== PLAIN.bandwidth_m) get("more").open = true;
  }
  function put(name, text) {
    if ((value[name] || "") === text) return;
    value[name] = text;
    field("cells").disabled = freeCells();
    field("exposure").disabled = !against();
    fault("");
    changed();
  }
  const changes = () => Object.fromEntries([...CASES, ...HOW].map(name => [name, value[name] === (PLAIN[name] || "") ? "" : value[name]]));

  // ---- what can be chosen
  const labels = {department: new Map(), area: new Map()};
  const full = row => row.name && row.name !== row.value ? row.value + " " + row.name : row.value;
  function fill(found) {
    choose.fill(found.classes);
    const lists = {
      department: found.departments.map(one => ({value: one.code, name: one.name})),
      area: [...found.sets.map(name => ({value: name, name: words["set." + name] || name})),
        ...found.areas.map(([set, areaCode, name]) => ({value: set + ":" + areaCode, name}))]
    };
    for (const [name, rows] of Object.entries(lists)) {
      for (const row of rows) labels[name].set(row.value, full(row));
      get(name + "s").replaceChildren(...rows.map(row => wanmi.el("option", {value: full(row)})));
    }
    const channel = get("channel");
    channel.replaceChildren(channel.options[0], ...found.channels.map(name => wanmi.el("option", {value: name}, words["channel." + name] || name)));
    write();
  }
  // A label that was chosen is its code; what was typed is sent as it is, and the service says what is wrong with it.
  function settled(name) {
    const typed = field(name).value.trim();
    for (const [value_, label] of labels[name]) if (typed === label) return value_;
    const rows = [...labels[name]].filter(([, label]) => typed && label.toLowerCase().includes(typed.toLowerCase()));
    return labels[name].has(code(typed)) ? code(typed) : rows.length === 1 ? rows[0][0] : typed;
  }

  given.className = text => choose.filter(text);
  choose = wanmi.choose(get("class"), get("classes"), get("edition"), {words, edition: given.edition, lang: given.lang}, text => put("class", text));
  for (const name of ["from", "to"]) field(name).addEventListener("change", () => put(name, field(name).value));
  for (const name of ["channel", "bandwidth_m", "method", "cells", "exposure"]) field(name).addEventListener("change", () => put(name, field(name).value));
  for (const name of ["department", "area"]) field(name).addEventListener("change", () => { const text = settled(name); put(name, text); write(); });
  form.addEventListener("submit", event => event.preventDefault());
  get("clear").addEventListener("click", () => {
    for (const name of [...CASES, ...HOW]) value[name] = PLAIN[name] || "";
    write();
    fault("");
    changed();
  });

  function fault(text) {
    const place = get("fault");
    place.hidden = !text;
    place.textContent = text;
  }
  write();
  return {
    value, query, cases, freeCells, fault, fill, changes,
    words: () => [value.class ? choose.filter(value.class) : words.all_cases, value.department && (labels.department.get(value.department) || value.department),
      value.channel && (words["channel." + value.channel] || value.channel), value.area && (labels.area.get(value.area) || value.area)].filter(Boolean).join(" · "),
    again: () => { read(); write(); }
  };
};
