// The hotspot page put together: what the address says is asked for, shown, and said; what was shown stays when an answer fails.
"use strict";
wanmi.hotspots = function (map, given) {
  const link = wanmi.link, get = id => document.getElementById(id), el = wanmi.el, fill = wanmi.fill;
  const written = given.lang, wished = new URLSearchParams(location.search).get("lang");
  if (given.data && wished in given.words) Object.assign(given, {lang: wished}, given.cities[wished]);
  const words = given.words[given.lang] || Object.values(given.words)[0];
  const source = wanmi.hotspotSource(given);
  const FIRST_MS = 2500;   // after a start the service reads the cases first: who waits is told
  let turn = 0, shown = null, alertTurn = 0, placed = Boolean(link.get("view"));       // shown: the last answer: {query, look, spots}

  const filters = wanmi.hotspotFilters(given, words, () => { filtered(); });
  const layers = wanmi.hotspotMap(map, given, words, id => choose(id));
  const panel = wanmi.hotspotPanel(given, words, source, {
    fly: told => { const [west, south, east, north] = told.bounds; layers.fly([[south, west], [north, east]]); },
    cases: rows => layers.drawCases(rows), fault, closed: () => choose("")
  });
  const lists = wanmi.hotspotLists(given, words, {
    open: (id, fly) => choose(id, {fly, focus: true}), alerts: () => alerts(),
    fly: feature => { layers.drawAlert(feature); layers.fly(layers.fitted(feature)); }
  });
  const twin = wanmi.hotspotTwin(map, given, words, layers, source, {
    cases: period => filters.cases(period), query: (period, {plain} = {}) => filters.query(period, plain ? {} : versus()),
    density: () => density(), changed: () => refresh(), close: () => pair(false)
  });
  const pictures = period => { const asked = filters.cases(period); if (time.top) asked.set("top", time.top); return String(asked); };
  const time = wanmi.hotspotTime(given, words, source, {
    cases: () => filters.cases(), changed: () => refresh(),
    prepare: bin => { layers.heat.prepare(pictures(bin)); source.look(String(filters.cases(bin))).catch(() => {}); if (!density()) source.spots(String(filters.query(bin, versus()))).catch(() => {}); },
    whole: bin => layers.heat.whole(pictures(bin)), fault
  });
  const picture = wanmi.hotspotPicture(map, words);

  const density = () => filters.value.method === "kde";
  const versus = () => filters.value.method === "compare" && twin.period ? {versus_from: twin.period.from, versus_to: twin.period.to} : {};
  const query = () => String(filters.query(time.period, versus()));

  // ---- asking: density at once, counts and hotspots when they come; an older answer never overtakes
  async function refresh() {
    const mine = ++turn, period = time.period, asked = query(), cases = String(filters.cases(period));
    document.body.classList.add("waiting");
    layers.heat.show(pictures(period));
    const first = shown ? null : setTimeout(() => filters.fault(words["fault.first"]), FIRST_MS);
    try {
      // what has no hotspots, because a method wants more than there is, has its cases and its density all the same
      let none = null;
      const refused = error => { if (error.status < 400 || error.status >= 500) throw error; none = error; return null; };
      const [look, spots] = await Promise.all([source.look(cases), density() ? null : source.spots(asked).catch(refused)]);
      if (mine !== turn) return;
      shown = {query: asked, look, spots, why: none && saidOf(none)};
      filters.fault(none ? fill(words["fault.field"], {what: saidOf(none)}) : "");
      wanmi.here("hotspots");
      write();
      if (twin.on) twin.refresh({from: look.from || look.first, to: look.to || next(look.last)}, time.top || look.top).catch(fault);
      const id = link.get("spot");
      if (id && spots && spots.features.some(one => one.properties.id === id)) {
        panel.show(id, asked);
        if (!placed && layers.spots.has(id)) layers.fly(layers.spots.bounds(id));
      }
      else if (id) { if (panel.open) panel.close(); else link.set({spot: ""}); filters.fault(words["fault.gone"]); }
    } catch (error) {
      if (mine === turn) fault(error);
    } finally {
      clearTimeout(first);
      if (mine === turn) { document.body.classList.remove("waiting"); placed = true; }
    }
  }
  const next = day => day && new Date(Date.parse(day + "T00:00Z") + 86400000).toISOString().slice(0, 10);

  async function filtered() {
    time.stop();
    if (filters.changes) link.set(filters.changes(), {push: true});
    if (filters.value.method === "compare" && !twin.on) return pair(true);
    await Promise.all([time.refresh().catch(fault), null]);
    await refresh();
    if (lists.alertsOpen) alerts();
  }

  // ---- a hotspot chosen, on the map or in the list
  function choose(id, {fly = false, focus = false} = {}) {
    layers.drawAlert(null);
    if (!id) {
      panel.close({quiet: true});
      link.set({spot: ""});
      lists.mark("");
      return layers.spots.mark("");
    }
    link.set({spot: id});
    lists.mark(id);
    layers.spots.mark(id);
    panel.show(id, shown ? shown.query : query(), {focus});
    if (wanmi.sheet && innerWidth <= 760) wanmi.sheet(false);
    if (fly && layers.spots.has(id)) layers.fly(layers.spots.bounds(id));
  }

  function pair(on) {
    if (on === twin.on) return;
    if (on) { twin.open(); link.set({two: "1"}); }
    else twin.close();
    const button = get("two");
    if (button) { button.textContent = on ? words.one : words.two; button.setAttribute("aria-pressed", String(on)); }
    if (!on && filters.value.method === "compare") { filters.value.method = "gi"; link.set({method: ""}); filters.again(); }
    refresh();
  }

  async function alerts() {
    const mine = ++alertTurn;
    lists.wait();
    try {
      const asked = filters.cases(time.period);
      const found = await source.alerts(String(asked));
      if (mine === alertTurn) lists.alerts(found);
    } catch (error) {
      if (mine === alertTurn) get("alerts").replaceChildren(el("p", {class: "soft"}, saidOf(error) || wanmi.words.away));
    }
  }

  // ---- what was found, in words
  function periodText(look) {
    const last = look.to ? look.to + " " + words.excluded : look.last || "…";
    return (look.from || look.first || "…") + (given.lang === "zh" ? " 至 " : " to ") + last;
  }
  function write() {
    const {look, spots} = shown, facts = spots ? spots.facts : {}, number = value => value.toLocaleString("en-US");
    const rows = [["counted", number(look.counted)], ["left_out", number(look.cases - look.counted)]];
    if (spots) rows.push(["n_hotspots", number(facts.hotspots)], ["in_hotspots", number(facts.in_hotspots)]);
    const why = fill(words.left_out_why, {no_location: number(look.no_location), outside: number(look.outside), unassigned: number(look.unassigned)});
    get("facts").replaceChildren(...rows.map(([name, value]) => el("div", {title: name === "left_out" ? why : null}, el("dt", {}, words[name]), el("dd", {id: "fact-" + name}, value))));
    const note = shown.why || (density() ? words.density_none : look.counted < 2 ? words.too_few : "");
    lists.spots(spots, link.get("spot"), note);
    layers.spots.draw(spots || {features: []}, link.get("spot"));
    const sub = get("sub"), about = (given.data ? given.data.words[given.lang] : filters.words()) + " · " + periodText(look);
    if (sub) sub.textContent = about;
    legend(look, spots, why);
    exports();
    document.body.dataset.shown = shown.query + "|" + (spots ? facts.hotspots : "");
    wanmi.say(about + ", " + look.counted + " " + words.cases);
  }
  function legendLines() {
    const {look, spots} = shown, p = spots ? spots.parameters : null, lines = [fill(words["legend.n"], {n: look.counted.toLocaleString("en-US"), b: look.bandwidth_m}), periodText(look)];
    if (p) {
      lines.push(words["method." + p.method] + (p.cells && !["clusters"].includes(p.method) ? " · " + cellsName(p.cells) : ""));
      const by = p.p_by || (p.method === "scan" ? "runs" : p.method === "compare" ? "exact" : "");
      const test = [by ? fill(words["legend.p"], {by: fill(words["p_by." + by] || by, {runs: (p.p_runs || p.runs || 0).toLocaleString("en-US")})}) : "",
        p.level && p.method !== "scan" ? fill(words["legend.level"], {level: p.level}) : "", p.seed !== undefined ? fill(words["legend.seed"], {seed: p.seed}) : ""];
      lines.push(test.filter(Boolean).join(" · "));
      lines.push(p.exposure ? fill(words.held_against, {name: words["exposure." + p.exposure] || p.exposure}) : ["gi", "moran"].includes(p.method) ? words.not_normed : "");
    }
    return lines.filter(Boolean);
  }
  function cellsName(cells) {
    const [kind, rest] = cells.split(":");
    return kind === "area" ? fill(words["cells.area"], {name: words["set." + rest] || rest}) : kind === "h3" ? fill(words["cells.h3"], {n: rest}) : words["cells." + kind] || cells;
  }
  const ramp = () => wanmi.hotspotNight(given) ? {css: given.ramp.dark, ground: "#25232b"} : {css: given.ramp.light, ground: "#fff"};
  // its ground shows where nothing is
  const paintRamp = () => { get("legend").querySelector(".ramp").style.background = ramp().css + ", " + ramp().ground; };
  document.addEventListener("wanmi:theme", paintRamp);
  map.on("baselayerchange", paintRamp);
  paintRamp();
  function legend(look, spots, why) {
    const place = get("legend"), top = time.top || look.top, told = value => Number(value.toPrecision(3)).toLocaleString("en-US");
    paintRamp();
    place.querySelector(".ticks").replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map(share => el("span", {style: "left:" + share * 100 + "%"}, (share === 1 ? "≥ " : "") + told(top * share))));
    const kinds = spots ? [...new Set(spots.features.map(({properties: p}) => p.pattern || p.change || "hot"))] : [];
    place.querySelector(".keys").replaceChildren(...kinds.map(kind => el("div", {class: "key " + kind}, el("i"),
      kind === "hot" ? words[["clusters", "scan"].includes(spots.parameters.method) ? "legend.cluster" : "legend.spot"] : words["pattern." + kind] || words["change." + kind])));
    const capped = spots && spots.features.length > given.most ? [el("b", {class: "capped"}, fill(words.capped, {shown: given.most, total: spots.features.length})), el("br")] : [];
    place.querySelector(".told").replaceChildren(...capped, ...legendLines().flatMap(line => [el("span", {}, line), el("br")]));
    place.querySelector(".about").replaceChildren(words["about." + filters.value.method] || words["about." + (spots ? spots.parameters.method : "kde")], " ", words["about.colour"], " ", words["about.left_out"], " ", why, time.top ? " " + words["legend.fixed"] : "");
  }

  // ---- to take away: the answer's own routes under the same filter
  function exports() {
    for (const way of document.querySelectorAll(".export a[data-format]")) {
      way.href = given.sources.hotspots + "?joined=1&format=" + way.dataset.format + "&" + shown.query;
      way.setAttribute("download", "hotspots." + (way.dataset.format === "parquet" ? "parquet" : way.dataset.format));
      way.classList.toggle("off", density());
    }
    const report = get("as-report");
    if (report) report.href = given.sources.report + "?" + new URLSearchParams([...new URLSearchParams(shown.query), ["lang", given.lang]]);
  }
  get("as-png")?.addEventListener("click", async () => {
    if (!shown) return;
    wanmi.say(words.exporting);
    await picture({title: given.city + " " + words.title, sub: get("sub").textContent, ramp: ramp(), top: time.top || shown.look.top,
      lines: [...legendLines(), given.credit]}, "hotspots.png");
  });

  // ---- faults in one line; what was shown stays
  // what planners meet most is said in the page's words, the rest in the service's own
  function saidOf(error) {
    const text = error.detail || "";
    const few = /(\d+) bins of (\d+) days in the period; (\d+) to/.exec(text) || /(\d+) (month)s? in the period; (\d+) or more/.exec(text);
    if (!few) return wanmi.inWords(text, given.faults);
    const [, n, days, least] = few;
    return fill(words["fault.few_bins"], {n, least, bin: days === "month" ? words["bin.month"] : fill(words["bin.days"], {n: days})}) + (time.period ? " " + words["fault.whole"] : "");
  }
  function fault(error) {
    if (!error || !("status" in error)) throw error;
    if (error.gone) { link.set({spot: ""}); return filters.fault(words["fault.gone"]); }
    if (error.status === 422 || error.status === 400 || error.status === 404 || error.status === 413) {
      layers.heat.refused();
      return filters.fault(fill(words["fault.field"], {what: saidOf(error)}) + (shown ? " " + words["fault.stays"] : ""));
    }
    wanmi.away("hotspots", again);
  }

  // all that may be missing: what can be chosen, the bins of time, the answer
  async function again() {
    source.forget();
    if (choices) choose_();
    await time.refresh().catch(fault);
    await refresh();
  }

  addEventListener("popstate", async () => {
    filters.again?.();
    pair(Boolean(link.get("two")));
    await time.again?.().catch(fault);
    await refresh();
    const id = link.get("spot");
    if (!id) panel.close({quiet: true});
  });
  get("two")?.addEventListener("click", () => pair(!twin.on));

  // ---- a file turns its language by itself
  if (given.data) {
    const other = given.lang === "zh" ? "en" : "zh", heading = document.querySelector(".bar h1");
    if (written !== given.lang) wanmi.turn(given.words[written], words);
    heading.textContent = document.title = given.city + " " + words.title;
    document.documentElement.lang = given.lang === "zh" ? "zh-CN" : "en";
    const button = get("switch");
    button.textContent = words.other_language;
    button.addEventListener("click", () => { location.search = "?lang=" + other; });
    wanmi.filedGround(map, given);
  }

  let choices = Boolean(source.choices);            // still to come
  const choose_ = () => source.choices().then(found => { choices = false; filters.fill(found); if (shown) write(); }, fault);
  if (choices) choose_();
  if (link.get("two")) { twin.open(); const button = get("two"); button.textContent = words.one; button.setAttribute("aria-pressed", "true"); }
  time.refresh().catch(fault).then(refresh).then(() => {
    if (link.get("tab") === "alerts") lists.tab("alerts");
  });
  wanmi.hotspotPage = {get shown() { return shown; }, get playing() { return time.playing; }, get period() { return time.period; },
    get settled() { return Boolean(shown) && !document.body.classList.contains("waiting") && layers.heat.whole(layers.heat.shown); }, get panel() { return panel.told; }, heat: layers.heat, twin, refresh};
};
