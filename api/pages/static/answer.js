// An answer in words. Every text of the record is set as text, never as markup.
"use strict";
wanmi.answer = function (given) {
  const {words, zone} = given, el = wanmi.el;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // ---- the engine's sentences, said in the page's language
  const sentences = given.sentences.map(([pattern, said]) => [new RegExp("^" + pattern + "$"), said]);
  // Figures in groups, class filters and rules by their names.
  const say = text => translate(text).replace(/\d{5,}(?= m²| ?平方米)/g, figure => Number(figure).toLocaleString("en-US"))
    .replace(/(?<![\w:])(?:\w+:[CE]\d*)(?: \w+:[CE]\d*)*(?![\w-])/g, filter => given.className(filter))
    .replace(/\b(component_named|component_nearest|zone_line|zone_area)\b/g, rule => words["short." + rule]);
  function translate(text) {
    const area = /^(\w+) (\S+)( nearby)?$/.exec(text);
    if (area && words[area[1]]) return words[area[1]] + " " + area[2] + (area[3] ? words.nearby : "");
    for (const [pattern, said] of sentences) {
      const found = pattern.exec(text);
      let at = 0;
      if (found) return said.replace(/%/g, () => piece(found[++at]));
    }
    return text;
  }
  // What fills a hole may be a piece of a sentence, with the comma before or after it, or several.
  function piece(text) {
    if (text === undefined) return "";
    const [, before, core, after] = /^([,; ]*)(.*?)([, ]*)$/.exec(text);
    const whole = translate(core);
    const said = whole === core && core.includes(", ") ? core.split(", ").map(translate).join("，") : whole;
    return (before.includes(";") ? "；" : before.includes(",") ? "，" : "") + said + (after.includes(",") ? "，" : "");
  }

  // ---- times and figures
  const clock = new Intl.DateTimeFormat("sv-SE", {timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit"});
  function local(iso) {
    const text = clock.format(new Date(iso)).replace(" ", "T");
    return text.endsWith(":00") ? text.slice(0, -3) : text;
  }
  const time = iso => el("time", {datetime: iso, title: iso}, local(iso).replace("T", " "));
  const percent = share => share > 0 && share < .001 ? "< 0.1 %" : (share * 100).toFixed(1) + " %";

  // ---- small parts
  const section = (kind, title, ...inner) => el("section", {class: kind}, el("h2", {}, title), ...inner);
  function phone(number, text) {
    return number ? el("a", {class: "phone", href: "tel:" + number.replace(/[^\d+*#,;]/g, "")}, text || number) : null;
  }
  function fold(key, title, ...inner) {
    const made = el("details", {class: "fold", id: "fold-" + key}, el("summary", {}, title), ...inner);
    made.open = Boolean(document.getElementById("fold-" + key)?.open);
    return made;
  }
  const named = (departments, code) => departments[code]?.name || code;

  // What a candidate stands on; an area also by its name.
  function evidence(one, areaName) {
    const [set, code] = one.evidence.split(" ", 2), name = one.rule === "territory" && areaName(set, code);
    return [say(one.evidence), name].filter(Boolean).join(" ");
  }

  function shares(answer) {
    const by = new Map();
    for (const one of answer.candidates) {
      if (!(one.probability > 0)) continue;
      const key = one.department || "";
      by.set(key, Math.max(by.get(key) || 0, one.probability));
    }
    return [...by].sort((a, b) => b[1] - a[1]);
  }

  function ownerCard(answer, departments) {
    const owner = answer.owner, about = owner && departments[owner.department];
    const ask = answer.ask_first ? el("div", {class: "askfirst"}, el("strong", {}, words.ask_first),
      el("p", {}, (answer.question && answer.question[given.lang]) || words.ask_first_plain)) : null;
    if (!owner) {
      const why = answer.reason ? words["reason." + answer.reason] : words["rule." + answer.rule];
      return [ask, el("p", {class: "label"}, words.owner), el("p", {class: "name nobody"}, words.nobody), el("p", {}, why || answer.rule)];
    }
    const sure = typeof answer.probability === "number" ? el("span", {class: "sure"}, fill(words.sure_of, {share: percent(answer.probability)})) : null;
    const above = about && about.parent ? fill(words.under, {name: named(departments, about.parent)}) : "";
    return [ask, el("p", {class: "label"}, words.owner), el("p", {class: "name"}, owner.name),
      el("p", {class: "sub"}, el("span", {}, owner.department), above ? el("span", {}, above) : null, sure),
      about && about.phone ? el("p", {}, phone(about.phone, fill(words.call, {phone: about.phone}))) : null];
  }

  function whyPart(answer, areaName) {
    const won = answer.candidates.find(one => one.why_lost === null);
    return section("why", words.why, el("p", {class: "rule"}, words["rule." + answer.rule] || answer.rule),
      won && won.evidence.includes("(says only, ") ? el("p", {}, words.only) : null,
      (answer.why || []).filter(line => /^department .*; /.test(line)).map(line => el("p", {class: "soft"}, say(line))),
      won ? el("p", {class: "evidence"}, evidence(won, areaName)) : null,
      answer.on_edge ? el("p", {class: "edge"}, words.on_edge) : null);
  }

  function surePart(answer, departments, accuracy, given_m) {
    const found = shares(answer);
    if (!found.length) {
      return given_m ? null : section("sure-part", words.sure, el("p", {class: "soft"}, words.no_doubt + " ", el("button", {type: "button", class: "plain", onclick: accuracy}, words.set_accuracy)));
    }
    return section("sure-part", words.sure, el("ol", {class: "bars"}, found.map(([code, share]) => {
      const bar = el("i", {"aria-hidden": "true"});
      bar.style.width = Math.max(.5, share * 100) + "%";
      const mine = answer.owner ? code === answer.owner.department : !code;
      return el("li", {class: mine ? "mine" : null, "data-share": share}, el("span", {}, code ? named(departments, code) : words.nobody_share), el("b", {}, percent(share)), bar);
    })));
  }

  function wherePart(answer, areaName) {
    const rows = [];
    const row = (name, code, called) => rows.push(el("dt", {}, name), el("dd", {}, called ? el("span", {}, called) : null, el("code", {}, code)));
    for (const [set, code] of Object.entries(answer.areas || {}).sort((a, b) => order(a[0]) - order(b[0]))) {
      if (code) row(words[set] || set, code, areaName(set, code));
    }
    if (answer.unit) rows.unshift(el("dt", {}, words.unit), el("dd", {}, el("code", {}, answer.unit.code)));
    return rows.length ? section("where", words.where, el("dl", {}, rows)) : null;
  }
  const order = set => (given.territory.indexOf(set) + 99) % 99;

  function losersPart(answer, departments, {areaName, keyOf, show}) {
    const lost = answer.candidates.filter(one => one.why_lost !== null);
    if (!lost.length) return section("losers", words.losers, el("p", {class: "soft"}, words.no_losers));
    return section("losers", words.losers, el("ol", {}, lost.map(one => {
      const key = keyOf(one);
      return el("li", {}, el("p", {class: "who"}, one.department ? named(departments, one.department) : words.nobody,
        el("span", {class: "chip"}, words["short." + one.rule] || one.rule),
        key ? el("button", {type: "button", class: "plain", onclick: () => show(key)}, words.show) : null),
        el("p", {class: "lost"}, say(one.why_lost)), el("p", {class: "soft"}, evidence(one, areaName)));
    })));
  }

  function tail(answer, buttons) {
    const steps = fold("steps", words.steps, el("ol", {}, (answer.why || []).map(line => el("li", {}, say(line)))));
    const versions = fold("versions", words.versions, el("dl", {}, el("dt", {}, words.snapshot), el("dd", {}, el("code", {}, answer.snapshot)),
      el("dt", {}, words.at), el("dd", {}, time(answer.at)), el("dt", {}, words.known_at), el("dd", {}, time(answer.known_at))));
    return [steps, versions, el("div", {class: "take"}, buttons)];
  }

  return {say, local, fill, percent, shares, named, ownerCard,
    body: function (answer, parts) {
      const {departments, areaName, accuracy, buttons} = parts;
      const joint = (answer.joint || []).map(one => el("li", {}, one.name || named(departments, one.department), " ", phone(departments[one.department]?.phone)));
      return [whyPart(answer, areaName), surePart(answer, departments, accuracy, parts.accuracyGiven), joint.length ? section("joint", words.joint, el("ul", {}, joint)) : null,
        losersPart(answer, departments, parts), wherePart(answer, areaName), el("div", {id: "rosters"}), ...tail(answer, buttons)].filter(Boolean);
    }};
};
