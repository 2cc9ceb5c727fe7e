// The list of hotspots and the list of alerts; either leads to its place on the map.
"use strict";
wanmi.hotspotLists = function (given, words, doors) {
  const el = wanmi.el, fill = wanmi.fill, get = id => document.getElementById(id), tabs = [get("tab-spots"), get("tab-alerts")];
  const MOST_LISTED = 60;

  function kind(p) {
    const name = p.pattern ? words["pattern." + p.pattern] : p.change ? words["change." + p.change] : "";
    return name ? el("em", {}, name) : null;
  }
  const held = p => p.cases ? fill(words.spot_line, {cases: p.cases.toLocaleString()})
    : p.before ? fill(words.none_now, {before: p.before.toLocaleString()}) : words.none_itself;
  function spots(found, opened, note) {
    const list = get("spots"), total = found ? found.features.length : 0;
    if (!total) return list.replaceChildren(el("p", {class: "soft"}, note || words.no_hotspots));
    const some = found.features.slice(0, MOST_LISTED), parts = [];
    if (total > some.length) parts.push(el("p", {class: "soft capped"}, fill(words.capped, {shown: some.length, total: total.toLocaleString()})));
    parts.push(el("ol", {class: "rows"}, some.map(({properties: p}) => el("li", {},
      el("button", {type: "button", "data-id": p.id, "aria-current": p.id === opened ? "true" : null, onclick: () => doors.open(p.id, true)},
        el("b", {class: "rank"}, String(p.rank)),
        el("span", {}, held(p), " ",
          p.ratio ? el("small", {}, fill(words.times, {n: p.ratio.toFixed(1)})) : null, kind(p)),
        el("small", {class: "end"}, p.q !== undefined && p.q !== null ? "q " + wanmi.small(p.q) : p.p !== undefined && p.p !== null ? "p " + wanmi.small(p.p) : ""))))));
    list.replaceChildren(...parts);
  }
  function mark(id) {
    for (const button of get("spots").querySelectorAll("button[data-id]")) {
      if (button.dataset.id === id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
  function alerts(found) {
    const list = get("alerts"), about = found.parameters;
    const head = el("p", {class: "soft"}, fill(words.alerts_about, {days: about.bin_days === "month" ? words["bin.month"] : fill(words["bin.days"], {n: about.bin_days}), to: (found.facts.bins_to || "").slice(0, 10), level: about.level}));
    if (!found.features.length) return list.replaceChildren(el("p", {class: "soft"}, found.facts.note || words.alerts_none), head);
    list.replaceChildren(el("ul", {class: "rows"}, found.features.map(feature => {
      const p = feature.properties;
      return el("li", {}, el("button", {type: "button", onclick: () => doors.fly(feature)},
        el("b", {class: "event " + p.event.replace(" ", "-")}, words["event." + p.event] || p.event),
        el("span", {}, fill(words.spot_line, {cases: p.cases.toLocaleString()}), " ", p.ratio ? el("small", {}, fill(words.times, {n: p.ratio.toFixed(1)})) : null,
          el("small", {class: "owner"}, p.name || p.department || words.nobody)),
        el("small", {class: "end"}, p.to.slice(0, 10))));
    })), head);
  }
  function tab(name, {focus = false} = {}) {
    const other = name === "alerts";
    tabs.forEach((button, k) => {
      const on = k === Number(other);
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
      if (on && focus) button.focus();
    });
    get("spots").hidden = other;
    get("alerts").hidden = !other;
    wanmi.link.set({tab: other ? "alerts" : ""});
    if (other) doors.alerts();
  }
  tabs[0].addEventListener("click", () => tab(""));
  tabs[1].addEventListener("click", () => tab("alerts"));
  for (const button of tabs) button.addEventListener("keydown", event => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") { event.preventDefault(); tab(button === tabs[0] ? "alerts" : "", {focus: true}); }
  });
  return {spots, alerts, mark, tab, wait: () => get("alerts").replaceChildren(el("p", {class: "soft"}, words.alerts_wait)), get alertsOpen() { return !get("alerts").hidden; }};
};
