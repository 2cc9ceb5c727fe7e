// A class chosen by typing: code, Chinese or English name; with the mouse or the keyboard alone.
"use strict";
wanmi.choose = function (input, list, edition, given, changed) {
  const MOST = 60, words = given.words;
  let rows = [], shown = [], active = -1, value = "", waiting = null;

  const code = text => text.slice(text.indexOf(":") + 1);
  const of = text => rows.find(row => row.text === text);
  function name(row) {
    return given.lang === "en" && row.en || row.zh || row.en;
  }
  const label = row => code(row.text) + " " + name(row);

  function found() {
    const typed = input.value.trim().toLowerCase(), now = of(value);
    const parts = now && input.value === label(now) ? [] : typed.split(/\s+/).filter(Boolean);
    return rows.filter(row => row.edition === edition.value && parts.every(part => row.words.includes(part)));
  }

  function option(row, at) {
    const kind = code(row.text)[0] === "C" ? words.component : words.event;
    const made = wanmi.el("li", {id: "class-" + at, role: "option", "aria-selected": row.text === value ? "true" : "false"},
      wanmi.el("b", {}, code(row.text)), wanmi.el("span", {}, name(row)), wanmi.el("small", {}, row.major || kind));
    made.addEventListener("mousedown", event => event.preventDefault());
    made.addEventListener("click", () => choose(row.text));
    return made;
  }

  function open() {
    const all = found();
    shown = all.slice(0, MOST);
    const parts = shown.map(option);
    if (!all.length) parts.push(wanmi.el("li", {class: "none", "aria-disabled": "true", role: "option"}, words.no_class_found));
    if (all.length > MOST) {
      const more = words.more_classes.replace("{n}", all.length - MOST);
      parts.push(wanmi.el("li", {class: "none", "aria-disabled": "true", role: "option"}, more));
    }
    list.replaceChildren(...parts);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    go(shown.findIndex(row => row.text === value));
  }

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function go(to) {
    if (active >= 0 && list.children[active]) list.children[active].classList.remove("active");
    active = to;
    if (active < 0) return input.removeAttribute("aria-activedescendant");
    const item = list.children[active];
    item.classList.add("active");
    item.scrollIntoView({block: "nearest"});
    input.setAttribute("aria-activedescendant", item.id);
  }

  function write() {
    const row = of(value);
    if (row) edition.value = row.edition;
    input.value = row ? label(row) : value;
  }

  function choose(text) {
    const other = text !== value;
    value = text;
    write();
    close();
    if (other) changed(value);
  }

  // What was typed and not chosen: nothing, a code, the only class that fits; else the service says what is wrong with it.
  function settle() {
    const typed = input.value.trim(), now = of(value);
    if (now && typed === label(now).trim()) return;
    if (!typed) return choose("");
    const exact = of(typed) || rows.find(row => row.edition === edition.value && code(row.text) === typed.toUpperCase());
    const fit = found();
    choose(exact ? exact.text : fit.length === 1 ? fit[0].text : typed);
  }

  input.addEventListener("input", open);
  input.addEventListener("click", open);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => { close(); settle(); });
  edition.addEventListener("change", () => { input.value = ""; input.focus(); open(); });
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return open();
      if (shown.length) go((active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1) + shown.length) % shown.length);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      if (active >= 0) choose(shown[active].text);
      else { close(); settle(); }
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      write();
      close();
    }
  });

  return {
    get value() { return value; },
    set: function (text) {
      if (text && rows.length && !of(text)) text = of(given.edition + ":" + text) ? given.edition + ":" + text : text;
      value = text;
      write();
    },
    fill: function (found) {
      rows = found.map(([text, zh, en, above, under, aboveEn]) => ({
        text, zh, en, major: given.lang === "en" && aboveEn || above, under, edition: text.slice(0, text.indexOf(":")), words: [text, zh, en].join(" ").toLowerCase()
      }));
      this.set(value);
    },
    // A class filter in words: majors and classes by their names, an edition before the newest by its year.
    filter: function (text) {
      const item = part => {
        if (part === "*") return words.everything;
        const kind = /^(?:(\w+):)?([CE])$/.exec(part), major = rows.find(row => row.under === part), row = of(part);
        const found = kind ? words[kind[2] === "C" ? "all_components" : "all_events"] : row ? label(row) : major ? code(part) + " " + major.major : "";
        const year = (kind && kind[1]) || part.slice(0, part.indexOf(":"));
        return found ? found + (year && year !== given.edition ? " (" + year + ")" : "") : part;
      };
      const items = text.split(/\s+/).map(item), between = given.lang === "zh" ? "、" : ", ";
      const some = items.slice(0, items.length > 6 ? 5 : 6).join(between);
      return items.length > 6 ? words.and_more.replace("{some}", some).replace("{n}", items.length - 5) : some;
    }
  };
};
