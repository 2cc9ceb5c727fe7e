// All that is known of a hotspot: figures, owners, classes, course, exposure, survival, and its cases.
"use strict";
wanmi.hotspotPanel = function (given, words, source, doors) {
  const el = wanmi.el, fill = wanmi.fill, box = document.getElementById("spot"), MOST_ROWS = 5;
  const ENGLISH = given.lang === "en";
  let turn = 0, open = "", last = null, from = null;

  const number = (value, digits = 0) => value.toLocaleString("en-US", {minimumFractionDigits: 0, maximumFractionDigits: digits});
  const day = text => String(text || "").slice(0, 10);

  function figures(told) {
    const rows = [
      ["before", told.before, 0], ["expected", told.expected, 1], ["ratio", told.ratio, 2], ["z", told.z, 2], ["q", told.q, "small"], ["p", told.q === undefined ? told.p : undefined, "small"],
      ["cells_n", told.cells, 0], ["bins_hot", told.bins_hot, 0], ["cores", told.cores, 0], ["radius_m", told.radius_m, 0], ["area_ha", told.area_ha, 1],
      ["span", told.from && day(told.from) + " – " + day(told.to)], ["first", day(told.first)], ["last", day(told.last)]
    ].filter(([, value]) => value !== undefined && value !== null && value !== "");
    return el("dl", {class: "key"}, el("div", {class: "big"}, el("dt", {}, words.cases), el("dd", {id: "spot-cases"}, number(told.counted))),
      rows.map(([name, value, digits]) => el("div", {}, el("dt", {}, words[name]),
        el("dd", {"data-figure": name}, digits === "small" ? wanmi.small(value) : typeof value === "number" ? number(value, digits) : value))));
  }

  // shares as bars whose length is the share and whose words say it
  function shares(title, rows, name, id) {
    if (!rows.length) return null;
    const some = rows.slice(0, MOST_ROWS), rest = rows.slice(MOST_ROWS);
    if (rest.length) some.push({others: rest.length, cases: rest.reduce((sum, row) => sum + row.cases, 0), share: rest.reduce((sum, row) => sum + row.share, 0)});
    return el("section", {id, class: "shares"}, el("h3", {}, title), el("ul", {}, some.map(row =>
      el("li", {}, el("span", {class: "name"}, row.others ? fill(words.others, {n: row.others}) : name(row)),
        el("span", {class: "count"}, number(row.cases)), el("span", {class: "share"}, wanmi.percent(row.share)),
        el("i", {style: "width:" + (row.share * 100).toFixed(1) + "%"})))));
  }
  const className = row => !row.class ? words.no_class : (ENGLISH && row.name_en) || row.name_zh || row.class;
  const department = row => !row.department ? words.nobody : row.name || row.department;
  const channel = row => !row.channel ? words.no_channel : words["channel." + row.channel] || row.channel;

  function course(trend) {
    if (!trend.bins.length) return null;
    const tell = bin => day(bin.from) + ": " + number(bin.cases) + " (" + words["trend.expected"] + " " + number(bin.expected, 1) + ")";
    const kind = trend.p === null ? "none" : trend.p >= 0.05 ? "even" : trend.rise > 0 ? "rises" : "falls";
    return el("section", {class: "course", "data-kind": kind}, el("h3", {}, words.trend, el("small", {}, " " + words["trend." + trend.unit])),
      wanmi.bars(trend.bins, {label: words.trend + ": " + trend.bins.map(bin => bin.from.slice(0, 7) + " " + bin.cases).join(", "), tell}),
      el("p", {class: "soft"}, el("i", {class: "dash"}), words["trend.expected"], ". ", fill(words["trend." + kind], {p: trend.p === null ? "" : wanmi.small(trend.p)})));
  }

  function exposure(told) {
    if (!told.known) return [el("p", {class: "soft"}, fill(words["exposure.none"], {why: told.why || ""}))];
    const row = (name, id, value, low, high, usual, scale, digits) => el("div", {}, el("dt", {}, words[name]), el("dd", {},
      el("b", {id}, value === null ? words["exposure.unknown"] : number(value * scale, digits)),
      value === null ? null : el("small", {}, " " + fill(words.interval, {low: number((low || 0) * scale, digits), high: high === null ? "∞" : number(high * scale, digits)})),
      usual === null || usual === undefined ? null : el("small", {}, " · " + fill(words["exposure.city"], {v: number(usual * scale, digits)}))));
    const scale = told.usual ? 1 / told.usual : 1;
    const apart = told.ratio === null || !told.usual ? "" : told.ratio_low > told.usual ? "more" : told.ratio_high !== null && told.ratio_high < told.usual ? "less" : "same";
    return [el("dl", {class: "rates"},
      row("exposure.found", "rate-found", told.found_rate, told.found_low, told.found_high, told.found_usual, 1, 3),
      row("exposure.reported", "rate-reported", told.reported_rate, told.reported_low, told.reported_high, told.reported_usual, 1000, 2),
      row("exposure.ratio", "rate-ratio", told.ratio, told.ratio_low, told.ratio_high, null, scale, 2)),
      apart ? el("p", {class: "soft"}, words["exposure." + apart]) : null];
  }
  function stability(told) {
    if (!told.known || told.share === null) return [el("p", {class: "soft"}, words["stability.none"])];
    return [el("div", {class: "meter", role: "img", "aria-label": wanmi.percent(told.share)}, el("i", {style: "width:" + (told.share * 100) + "%"})),
      el("p", {}, el("b", {id: "spot-stable"}, wanmi.percent(told.share)), " ", el("small", {}, fill(words["stability.told"], {share: wanmi.percent(told.share), n: told.settings || 24})))];
  }

  function part(title, id) {
    const inner = el("div", {}, el("p", {class: "soft"}, words.wait));
    return [el("section", {id}, el("h3", {}, title), inner), inner];
  }
  const where = told => told.areas.slice(0, 2).map(area => (ENGLISH && area.name_en) || area.name || area.code).join(" · ") || told.id;

  async function show(id, query, {focus = false} = {}) {
    const mine = ++turn;
    if (!open) from = document.activeElement;
    open = id;
    box.hidden = false;
    document.body.classList.add("with-spot");
    if (!last || last.id !== id) box.replaceChildren(el("p", {class: "soft"}, words.wait));
    let told;
    try {
      told = await source.spot(id, query);
    } catch (error) {
      if (mine !== turn) return;
      if (error.status === 404) close();
      return doors.fault(error.status === 404 ? {...error, gone: true} : error);
    }
    if (mine !== turn) return;
    last = told;
    const [look, lookInner] = part(words.exposure, "spot-exposure"), [lasts, lastsInner] = part(words.stability, "spot-stability");
    const kind = told.pattern ? words["pattern." + told.pattern] : told.change ? words["change." + told.change] : "";
    const cases = el("div", {id: "case-list"}), empty = !told.counted;
    const none = empty ? el("p", {id: "spot-none", class: "soft none"}, told.before ? fill(words["none_now.told"], {before: number(told.before)}) : words["none_itself.told"]) : null;
    box.replaceChildren(
      el("header", {}, el("h2", {tabindex: "-1"}, fill(words.hotspot, {rank: told.rank}), kind ? el("em", {}, " " + kind) : null),
        el("button", {type: "button", class: "close", "aria-label": words.close, onclick: () => close()}, "×"), el("p", {class: "soft"}, where(told))),
      ...[none, figures(told), el("div", {class: "row"}, el("button", {type: "button", class: "quiet", onclick: () => doors.fly(told)}, words.go_there),
        source.cases && !empty ? el("button", {type: "button", class: "quiet", id: "show-cases", "aria-expanded": "false", onclick: event => list(event.target, cases, told.id, query)}, words.show_cases) : null), cases,
      shares(words.owners, told.departments, department, "spot-owners"), shares(words.classes, told.classes, className, "spot-classes"), empty && !told.trend.bins.some(bin => bin.cases) ? null : course(told.trend),
      look, lasts, shares(words.channels, told.channels, channel, "spot-channels")].filter(Boolean));
    if (focus) box.querySelector("h2").focus({preventScroll: true});
    wanmi.say(fill(words.hotspot, {rank: told.rank}) + ", " + number(told.counted) + " " + words.cases);
    const late = (promise, inner, write) => promise.then(found => { if (mine === turn) inner.replaceChildren(...write(found).filter(Boolean)); },
      error => { if (mine === turn) inner.replaceChildren(el("p", {class: "soft"}, error.detail || wanmi.words.away || "")); });
    late(source.exposure(id, query), lookInner, exposure);
    late(source.stability(id, query), lastsInner, stability);
  }

  async function list(button, place, id, query) {
    if (button.getAttribute("aria-expanded") === "true") {
      button.setAttribute("aria-expanded", "false");
      button.textContent = words.show_cases;
      place.replaceChildren();
      return doors.cases([]);
    }
    button.setAttribute("aria-expanded", "true");
    button.textContent = words.hide_cases;
    place.replaceChildren(el("p", {class: "soft"}, words.wait));
    const asked = new URLSearchParams(query);
    asked.set("limit", "500");
    try {
      const found = await source.cases(id, asked);
      if (open !== id) return;
      place.replaceChildren(el("p", {class: "soft capped"}, fill(words.cases_shown, {shown: found.shown, total: number(found.total)})),
        el("ul", {class: "cases"}, found.cases.map(one => el("li", {}, el("b", {}, one.id), el("time", {datetime: one.reported_at}, one.reported_at.slice(0, 10)),
          el("span", {}, className(one), " · ", channel(one), one.address ? " · " + one.address : "")))));
      doors.cases(found.cases);
    } catch (error) {
      place.replaceChildren();
      doors.fault(error);
    }
  }

  function close({quiet = false} = {}) {
    if (!open) return false;
    turn++;
    open = "";
    last = null;
    box.hidden = true;
    box.replaceChildren();
    document.body.classList.remove("with-spot");
    doors.cases([]);
    if (!quiet) doors.closed();
    if (from && from.isConnected && !quiet) from.focus({preventScroll: true});
    return true;
  }
  wanmi.escape(() => close());
  return {show, close, get open() { return open; }, get told() { return last; }};
};
