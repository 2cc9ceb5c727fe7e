// The frame of every page: its address, theme, language, what it says to all, what Escape closes.
"use strict";
window.wanmi = (function () {
  const root = document.documentElement, get = id => document.getElementById(id);
  const closing = [];
  const media = matchMedia("(prefers-color-scheme: dark)");

  // ---- the address: what the page shows is what its link says
  const link = {
    get: name => new URLSearchParams(location.search).get(name) || "",
    // the address with some parameters changed; null or "" takes one away
    with: function (changes) {
      const asked = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") asked.delete(name);
        else asked.set(name, value);
      }
      const text = asked.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
      return location.pathname + (text ? "?" + text : "") + location.hash;
    },
    set: function (changes, {push = false} = {}) {
      if (location.protocol === "file:") return;
      const to = link.with(changes);
      if (to === location.pathname + location.search + location.hash) return;
      if (push) history.pushState(null, "", to);
      else history.replaceState(history.state, "", to);
      link.step();
    },
    // the ways to other pages keep language, theme and view; the other language keeps everything
    step: function () {
      for (const way of document.querySelectorAll(".ways a")) {
        const to = new URLSearchParams();
        for (const name of ["lang", "theme", "view"]) if (link.get(name)) to.set(name, link.get(name));
        const text = to.toString().replaceAll("%2F", "/");
        way.setAttribute("href", way.pathname + (text && way.pathname !== "/docs" ? "?" + text : ""));
      }
      const other = get("language");
      if (other) other.setAttribute("href", link.with({lang: other.hreflang}));
    }
  };

  // ---- light and dark: the link's theme, else the one last chosen here, else the machine's
  function remembered() {
    try { return localStorage.getItem("wanmi-theme") || ""; } catch (error) { return ""; }
  }
  const dark = () => root.dataset.theme === "dark" || (root.dataset.theme !== "light" && media.matches);
  function told() { document.dispatchEvent(new CustomEvent("wanmi:theme", {detail: {dark: dark()}})); }
  function theme(name) {
    root.dataset.theme = name;
    try { localStorage.setItem("wanmi-theme", name); } catch (error) { /* a file, or storage is forbidden */ }
    link.set({theme: name});
    told();
  }
  media.addEventListener("change", told);
  if (!link.get("theme") && /^(light|dark)$/.test(remembered())) {
    root.dataset.theme = remembered();
    link.set({theme: remembered()});
  }

  // ---- what the page says
  function say(text) {
    const place = get("said");
    if (place) place.textContent = text;
  }
  function notice(text, again) {
    const place = get("notice-bar");
    if (!place) return;
    place.hidden = !text;
    if (!text) return place.replaceChildren();
    const button = again && el("button", {type: "button", onclick: again}, wanmi.words.again);
    place.replaceChildren(el("span", {}, text), button || "");
  }
  // ---- a line of the service in the page's language, as `api.pages.faults.said` puts it; what has no words there stays
  function inWords(line, {fields, parts} = {}) {
    if (!fields) return line;
    const part = text => {
      for (const [pattern, told] of parts) {
        const found = new RegExp("^(?:" + pattern + ")$", "su").exec(text);
        if (found) return told.replace(/\{(\d)\}/g, (_, k) => found[Number(k) + 1] ?? "");
      }
      return text;
    };
    return line.split(" | ").map(one => {
      const found = /^([^:]*?): (.*)$/s.exec(one), head = found ? found[1] : "", name = head.split(" ")[0];
      const field = fields[head] || fields[name];
      const rest = (field ? found[2] : one).split("; ").map(part).join("；");
      return field ? field + (fields[head] ? "" : head.slice(name.length)) + "：" + rest : rest;
    }).join(" | ");
  }

  // ---- what is missing while the service or its database is away: said in one line, fetched when it is back
  const missing = new Map(), PAUSE_MS = 2500;
  let waiting = null;
  // `again` fetches what is missing and calls `here` when it came; without it there is only something to say
  function away(what, again) {
    missing.set(what, again);
    notice(wanmi.words.away, fetchAll);
    if (!waiting && location.protocol !== "file:") waiting = setTimeout(look, PAUSE_MS);
  }
  function here(what) {
    if (!missing.delete(what) || missing.size) return;
    clearTimeout(waiting);
    waiting = null;
    notice("");
  }
  function fetchAll() {
    for (const [what, again] of [...missing]) {
      if (again) again();
      else here(what);
    }
  }
  async function look() {
    const back = await fetch("/ready", {cache: "no-store"}).then(answer => answer.ok, () => false);
    if (!missing.size) return;
    if (back) fetchAll();
    waiting = missing.size ? setTimeout(look, PAUSE_MS) : null;
  }
  // a page that there was not is asked for again when the service is ready
  function returning() {
    setTimeout(async () => {
      const back = await fetch("/ready", {cache: "no-store"}).then(answer => answer.ok, () => false);
      if (back) location.reload();
      else returning();
    }, PAUSE_MS);
  }
  addEventListener("online", () => { if (missing.size) { clearTimeout(waiting); look(); } });

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) {                             // plain http in a closed network has no clipboard
      const field = el("textarea", {class: "unseen", "aria-hidden": "true", tabindex: "-1"});
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }

  // An element with attributes and children; texts are texts, whatever stands in them.
  function el(name, about, ...inner) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(about || {})) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...inner.flat(2).filter(part => part !== null && part !== undefined && part !== ""));
    return made;
  }

  // ---- the bar and the sheet, when they are there
  function dress(words) {
    wanmi.words = words;
    link.step();
    const choice = get("theme"), copy = get("copy-link");
    if (choice) {
      choice.value = root.dataset.theme;
      choice.addEventListener("change", () => theme(choice.value));
    }
    if (copy) copy.addEventListener("click", async () => {
      const done = await copied(location.href);
      say(done ? words.copied : words.not_copied);
      copy.textContent = done ? words.copied : words.copy_link;
      if (!done) notice(words.not_copied);
      setTimeout(() => { copy.textContent = words.copy_link; }, 2500);
    });
    const sheet = get("sheet"), handle = sheet && sheet.querySelector(".handle");
    if (handle) {
      const open = yes => { sheet.classList.toggle("open", yes); handle.setAttribute("aria-expanded", String(yes)); };
      handle.addEventListener("click", () => open(!sheet.classList.contains("open")));
      closing.unshift(() => {
        const was = sheet.classList.contains("open");
        if (was) { open(false); handle.focus(); }
        return was;
      });
      wanmi.sheet = open;
    }
  }
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    for (const close of [...closing].reverse()) if (close()) { event.preventDefault(); return; }
  });

  return {
    link, inWords, dark, theme, say, notice, away, here, returning, copied, el, dress, words: {},
    // what Escape closes, the latest first; `close` returns whether there was something
    escape: close => closing.push(close),
    // JSON of one of our addresses; that the service is away is said to all
    ask: async function (address) {
      let answer;
      try {
        answer = await fetch(address, {headers: {accept: "application/json"}});
      } catch (error) {
        away("answer");
        throw error;
      }
      if (answer.status >= 500) away("answer");
      else here("answer");
      if (!answer.ok) throw new Error(address + ": " + answer.status);
      return answer.json();
    }
  };
})();
