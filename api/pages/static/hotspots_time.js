// The slider through months or weeks: play, pause, keys; the next picture is made ready before it is shown.
"use strict";
wanmi.hotspotTime = function (given, words, source, doors) {
  const get = id => document.getElementById(id), link = wanmi.link, STEP_MS = 1100, LONGEST_MS = 6000;
  const quiet = {period: null, refresh: async () => {}, top: null, stop: () => {}};
  if (!get("time")) return quiet;
  const step = get("step"), slider = get("position"), play = get("play"), now = get("now"), bars = get("bars");
  let bins = [], top = null, at = -1, timer = null, playing = false, turn = 0;
  step.value = link.get("step");

  const label = bin => step.value === "month" ? bin.from.slice(0, 7) : bin.from + " – " + before(bin.to);
  const before = day => new Date(new Date(day + "T00:00Z").getTime() - 86400000).toISOString().slice(5, 10);
  function write() {
    const on = Boolean(step.value && bins.length);
    get("time").classList.toggle("on", on);
    for (const id of ["earlier", "play", "later", "position"]) get(id).disabled = !on;
    slider.max = String(Math.max(0, bins.length - 1));
    if (on) slider.value = String(at);
    const bin = on ? bins[at] : null;
    now.textContent = bin ? label(bin) + " · " + bin.cases.toLocaleString() : "";
    slider.setAttribute("aria-valuetext", bin ? label(bin) + ", " + bin.cases.toLocaleString() + " " + words.cases : "");
    bars.replaceChildren(...(on ? [wanmi.bars(bins.map((one, k) => ({...one, within: k === at})), {height: 34, width: 600, line: false, axis: false,
      tell: one => label(one) + ": " + one.cases.toLocaleString()})] : []));
    link.set({step: step.value, t: bin ? bin.from : ""});
  }
  function show(k, {ready = false} = {}) {
    at = Math.max(0, Math.min(bins.length - 1, k));
    write();
    if (!ready) doors.changed();
    if (bins[at + 1]) doors.prepare(bins[at + 1]);
  }
  // months or weeks of the period that the filters leave; where one was stays, if it is still there
  async function refresh() {
    const mine = ++turn;
    if (!step.value) { bins = []; top = null; at = -1; write(); return; }
    const query = doors.cases();
    query.set("step", step.value);
    const found = await source.timeline(query);
    if (mine !== turn) return;
    bins = found.bins;
    top = found.top;
    const day = link.get("t"), same = bins.findIndex(bin => bin.from <= day && day < bin.to);
    at = same >= 0 ? same : bins.length - 1;
    write();
  }
  async function tick() {
    if (!playing) return;
    const next = at + 1 >= bins.length ? 0 : at + 1, begun = performance.now();
    doors.prepare(bins[next]);
    // never blank: the next one is waited for, but not for ever
    while (playing && !doors.whole(bins[next]) && performance.now() - begun < LONGEST_MS) await new Promise(done => setTimeout(done, 60));
    if (!playing) return;
    show(next);
    timer = setTimeout(tick, STEP_MS);
  }
  function set(yes) {
    playing = yes && bins.length > 1;
    clearTimeout(timer);
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-pressed", String(playing));
    play.setAttribute("aria-label", playing ? words.pause : words.play);
    if (playing) timer = setTimeout(tick, 300);
  }
  step.addEventListener("change", async () => {
    set(false);
    link.set({step: step.value, t: ""});
    await refresh().catch(doors.fault);
    doors.changed();
  });
  slider.addEventListener("input", () => { set(false); show(Number(slider.value)); });
  slider.addEventListener("keydown", event => { if (event.key === " ") { event.preventDefault(); set(!playing); } });
  play.addEventListener("click", () => set(!playing));
  get("earlier").addEventListener("click", () => { set(false); show(at - 1); });
  get("later").addEventListener("click", () => { set(false); show(at + 1); });
  bars.addEventListener("click", event => {
    const box = bars.getBoundingClientRect();
    if (bins.length) { set(false); show(Math.floor((event.clientX - box.left) / box.width * bins.length)); }
  });
  wanmi.escape(() => { const was = playing; if (was) set(false); return was; });
  return {
    get period() { return step.value && bins[at] ? bins[at] : null; },
    get top() { return step.value ? top : null; },
    get playing() { return playing; },
    refresh, stop: () => set(false), again: () => { step.value = link.get("step"); return refresh(); }
  };
};
