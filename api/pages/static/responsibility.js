// The page that asks who is responsible: a question from the form, the map or the address; the answer beside the map.
"use strict";
wanmi.responsibility = function (map, given) {
  const {words, sources, lang} = given, el = wanmi.el, PATIENCE_MS = 60000;
  const get = id => document.getElementById(id);
  const form = get("ask"), owner = get("owner"), body = get("answer"), notice = get("notice");
  const tell = wanmi.answer(given), drawn = wanmi.around(map, words), rosters = wanmi.rosters(given, tell);
  const asked = {lon: null, lat: null};           // the place of the question; the rest stands in the form
  let turn = 0, last = null;                      // last: the answer shown, with its text as it came

  given.className = filter => choose.filter(filter);
  const choose = wanmi.choose(get("class"), get("classes"), get("edition"), given, () => askAgain());

  // ---- the question, in the form and in the address
  const fields = {at: get("at"), known_at: get("known_at"), accuracy_m: get("accuracy_m")};
  function nowHere() { return tell.local(new Date().toISOString()).slice(0, 16); }

  function query() {
    const values = {lon: asked.lon, lat: asked.lat, class: choose.value, at: time("at") || nowHere(), known_at: time("known_at"),
      accuracy_m: fields.accuracy_m.value};
    return new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null));
  }

  function address(asking) {
    const link = new URLSearchParams(asking);
    link.set("lang", lang);
    for (const name of ["theme", "view"]) if (wanmi.link.get(name)) link.set(name, wanmi.link.get(name));
    return location.pathname + "?" + link;
  }

  function readAddress() {
    const link = new URLSearchParams(location.search), has = name => (link.get(name) || "").trim();
    choose.set(has("class"));
    setTime("at", has("at"));
    setTime("known_at", has("known_at"));
    fields.accuracy_m.value = has("accuracy_m");
    get("more").open = innerWidth > 860 && Boolean(has("accuracy_m") || has("known_at"));
    asked.lon = has("lon") || null;
    asked.lat = has("lat") || null;
    get("place").value = asked.lon !== null && asked.lat !== null ? asked.lon + ", " + asked.lat : "";
    return asked.lon !== null && asked.lat !== null;
  }

  // A time of the address is asked as it stands there, also where the field shows it shorter; until the field is changed.
  const time = name => fields[name].dataset.exact || fields[name].value;
  function setTime(name, text) {
    const field = fields[name], instant = /(Z|[+-]\d\d:?\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
    field.value = /^\d{4}-\d\d-\d\d$/.test(text) ? text + "T00:00" : instant ? tell.local(text) : text;
    field.dataset.exact = text;
  }

  // ---- asking
  async function fetchText(address) {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    let answer, text;
    try {
      answer = await fetch(address, {signal: patience, headers: {accept: "application/json"}});
      text = await answer.text();
    } catch (error) {
      throw {status: 0, late: patience.aborted, detail: ""};
    }
    if (answer.ok) return text;
    let about = {};
    try { about = JSON.parse(text); } catch (error) { about = {detail: text.slice(0, 300)}; }
    throw {status: answer.status, detail: about.detail || "", at: about.at || ""};
  }

  async function ask({push = true, move = false} = {}) {
    if (asked.lon === null || asked.lat === null) return;
    const mine = ++turn, asking = query();
    document.body.classList.add("waiting");
    try {
      const text = await fetchText(sources.resolve + "?" + asking);
      if (mine !== turn) return;
      const found = JSON.parse(text);
      notice.replaceChildren();
      wanmi.here("question");
      fields.at.value = tell.local(found.at);
      last = {text, answer: found, asking, scene: null};
      if (push) history.pushState(null, "", address(asking));
      else history.replaceState(null, "", address(asking));
      wanmi.link.step();
      place(move);
      write();
      await Promise.all([lookAround(mine), lookUpRosters(mine)]);
    } catch (error) {
      if (mine === turn) fault(error);
    } finally {
      if (mine === turn) document.body.classList.remove("waiting");
    }
  }
  const askAgain = () => ask();

  function place(move) {
    const lon = Number(asked.lon), lat = Number(asked.lat), accuracy = Number(fields.accuracy_m.value) || 0;
    if (!Number.isFinite(lon) || !Number.isFinite(lat) || Math.abs(lat) > 89) return;
    drawn.clear();
    drawn.place(lon, lat, accuracy);
    const circle = L.latLng(lat, lon).toBounds(Math.max(2 * accuracy, 20));
    if (move) {
      if (accuracy > 150) map.fitBounds(circle, {animate: false});
      else map.setView([lat, lon], Math.max(map.getZoom(), given.near + (last.answer.component ? 1.5 : accuracy > 0 && accuracy < 60 ? 1 : 0)), {animate: false});
    } else if (!map.getBounds().contains([lat, lon])) map.panTo([lat, lon]);
    get("legend").hidden = false;
  }

  // Shapes and names around; without them the answer stands as it is.
  async function lookAround(mine) {
    const {answer, asking} = last;
    const components = [answer.component && answer.component.code, ...answer.candidates.map(componentOf)].filter(Boolean);
    const more = new URLSearchParams({lon: asking.get("lon"), lat: asking.get("lat"), at: answer.at, known_at: answer.known_at,
      unit: answer.unit ? answer.unit.code : "", components: [...new Set(components)].slice(0, 40).join("\n"),
      reach_m: Math.min(3 * (Number(fields.accuracy_m.value) || 0), 300)});
    try {
      const scene = JSON.parse(await fetchText(sources.around + "?" + more));
      if (mine !== turn) return;
      last.scene = scene;
      draw();
      write();
    } catch (error) {
      if (mine === turn) notice.replaceChildren(el("p", {class: "soft"}, words.shapes_away));
    }
  }

  async function lookUpRosters(mine) {
    const {answer, asking} = last, more = new URLSearchParams({at: answer.at});
    for (const name of ["lon", "lat", "known_at"]) if (asking.has(name)) more.set(name, asking.get(name));
    let parts;
    try {
      parts = rosters(JSON.parse(await fetchText(sources.rosters + "?" + more)));
    } catch (error) {
      parts = error.status === 404 ? [] : [el("p", {class: "soft"}, words.roster_away)];
    }
    if (mine !== turn) return;
    last.rosters = parts;
    get("rosters")?.replaceChildren(...parts.filter(Boolean));
  }

  // ---- what a candidate stands on: the shape of it, by kind and code
  const componentOf = one => /^component (.+?)(?: at [\d.]+ m, .*| nearby)?$/.exec(one.evidence)?.[1];
  function keyOf(one) {
    const found = last.scene ? last.scene.features : [];
    const component = componentOf(one);
    const mine = found.filter(({properties: p}) => p.kind === "zone" ? one.evidence.startsWith("zone " + p.code + " ")
      : p.kind === "area" ? (one.evidence + " ").startsWith(p.set + " " + p.code + " ") : p.kind === "component" && p.code === component);
    // of two codes that both stand at the beginning the longer one is meant
    mine.sort((a, b) => b.properties.code.length - a.properties.code.length);
    return mine.length ? mine[0].properties.kind + " " + mine[0].properties.code : "";
  }

  function draw() {
    const {answer, scene} = last, role = new Map();
    for (const one of answer.candidates) {
      const key = keyOf(one);
      if (key && !role.has(key)) role.set(key, one.why_lost === null ? "winner" : "other");
    }
    if (answer.zone) role.set("zone " + answer.zone.code, "winner");
    if (answer.component) role.set("component " + answer.component.code, "winner");
    if (answer.unit && !role.has("unit " + answer.unit.code)) role.set("unit " + answer.unit.code, "unit");
    drawn.shapes(scene.features, one => role.get(one.properties.kind + " " + one.properties.code) || "");
    const component = answer.component && scene.features.find(({properties: p}) => p.kind === "component" && p.code === answer.component.code);
    if (component) drawn.link([Number(asked.lat), Number(asked.lon)], [...component.geometry.coordinates].reverse());
    drawn.changes(answer.changes || [], one => tell.fill(words.change_line, {
      name: one.department ? tell.named(scene.departments, one.department) : words.nobody, m: Math.round(one.distance_m)}));
  }

  function write() {
    const {answer, scene} = last, departments = scene ? scene.departments : {};
    const areaName = (set, code) => scene && scene.features.find(({properties: p}) => p.kind === "area" && p.set === set && p.code === code)?.properties.name;
    owner.replaceChildren(...tell.ownerCard(answer, departments).filter(Boolean));
    body.replaceChildren(...tell.body(answer, {departments, areaName,
      keyOf: one => { const key = keyOf(one); return drawn.has(key) ? key : ""; },
      show: key => drawn.show(key),
      accuracyGiven: last.asking.has("accuracy_m"),
      accuracy: () => { get("more").open = true; fields.accuracy_m.focus(); },
      buttons: buttons()}));
    if (last.rosters) get("rosters").replaceChildren(...last.rosters.filter(Boolean));
  }

  // ---- to take away: the answer as it came, and the link
  const file = () => "answer-" + last.answer.at.replace(/[^0-9TZ]/g, "") + ".json";
  function buttons() {
    const said = el("span", {class: "said", role: "status"});
    const copy = (text, name) => el("button", {type: "button", onclick: async () => { said.textContent = await wanmi.copied(text()) ? words.copied : words.not_copied; }}, name);
    return [copy(() => last.text, words.copy), el("button", {type: "button", onclick: download}, words.download),
      copy(() => location.origin + address(last.asking), words.link), said, el("p", {class: "soft"}, tell.fill(words.prove, {file: file()}))];
  }
  function download() {
    const address = URL.createObjectURL(new Blob([last.text], {type: "application/json"}));
    el("a", {href: address, download: file()}).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // ---- faults in words; what was shown stays
  function fault(error) {
    if (!("status" in error)) throw error;
    if (error.status === 0 || error.status === 503) wanmi.away("question", () => ask({push: false}));
    const field = given.fields[error.at] || words.question;
    const what = error.status === 0 ? words[error.late ? "fault.late" : "fault.away"] : error.status === 422 || error.status === 400 ? tell.fill(words["fault.422"], {field})
      : error.status === 503 ? words["fault.503"] : error.status === 404 ? words["fault.404"] : tell.fill(words["fault.other"], {status: error.status});
    complain(what, wanmi.inWords(error.detail.replace(error.at + ": ", ""), given.faults), el("button", {type: "button", class: "plain", onclick: () => ask({push: true})}, words.again));
  }
  function complain(what, detail, ...more) {
    notice.replaceChildren(el("div", {class: "fault"}, el("strong", {}, what), detail ? el("p", /^[\x00-\x7f]*$/.test(detail) ? {lang: "en"} : {}, detail) : null,
      last ? el("p", {class: "soft"}, words["fault.stays"]) : null, ...more));
    notice.scrollIntoView({block: "nearest"});
  }

  // ---- a place: numbers, or the code of a unit
  async function readPlace() {
    const text = get("place").value.trim();
    const numbers = /^([-+]?\d+(?:\.\d+)?)\s*[,，;\s]\s*([-+]?\d+(?:\.\d+)?)$/.exec(text);
    if (numbers) return go(numbers[1], numbers[2]);
    if (!text) return get("place").focus();
    if (!/^[\w-]+$/u.test(text)) return complain(tell.fill(words["fault.place"], {text}), "", el("p", {}, words["fault.place_right"]));
    const mine = ++turn;
    try {
      const at = time("at") || nowHere();
      const found = JSON.parse(await fetchText(sources.units + "?" + new URLSearchParams({code: text, at}))).units;
      if (mine !== turn) return;
      const exact = found.find(one => one.code === text) || (found.length === 1 && found[0]);
      if (exact) return go(exact.lon.toFixed(7), exact.lat.toFixed(7));
      if (!found.length) return complain(tell.fill(words["fault.no_unit"], {text}), "", el("p", {}, words["fault.place_right"]));
      complain(words["fault.several_units"], "", el("p", {class: "several"}, found.map(one =>
        el("button", {type: "button", class: "plain", onclick: () => { get("place").value = one.code; readPlace(); }}, one.code))));
    } catch (error) {
      if (mine === turn) fault(error);
    }
  }
  function go(lon, lat, move = true) {
    asked.lon = lon;
    asked.lat = lat;
    get("place").value = lon + ", " + lat;
    ask({move});
  }

  // ---- the doors: form, map, keyboard, history
  form.addEventListener("submit", event => { event.preventDefault(); readPlace(); });
  for (const name of ["at", "known_at"]) fields[name].addEventListener("change", () => { fields[name].dataset.exact = ""; askAgain(); });
  fields.accuracy_m.addEventListener("change", askAgain);
  get("now").addEventListener("click", () => { fields.at.dataset.exact = ""; fields.at.value = nowHere(); askAgain(); });
  const clicked = latlng => { const at = latlng.wrap(); go(at.lng.toFixed(7), at.lat.toFixed(7), false); };
  map.on("click", event => clicked(event.latlng));
  const box = map.getContainer();
  box.setAttribute("aria-label", words.map);
  box.append(el("div", {class: "aim", "aria-hidden": "true"}));
  box.addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target === box) { event.preventDefault(); clicked(map.getCenter()); }
  });
  addEventListener("popstate", () => { if (readAddress()) ask({push: false, move: true}); });

  const fetchClasses = () => fetchText(sources.classes).then(text => {
    choose.fill(JSON.parse(text).classes);
    wanmi.here("classes");
  }, () => wanmi.away("classes", fetchClasses));
  fetchClasses();
  if (readAddress()) ask({push: false, move: !wanmi.link.get("view")});
  else fields.at.value = fields.at.value || nowHere();
  wanmi.asking = {say: tell.say, get last() { return last; }, get waiting() { return document.body.classList.contains("waiting"); }};
};
