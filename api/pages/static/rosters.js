// Who is on duty at a place, team by team, and whom a case goes to when it is not solved.
"use strict";
wanmi.rosters = function (given, tell) {
  const {words} = given, el = wanmi.el;
  const said = (group, key) => words[group + "." + key] || key;
  const post = one => [one.kind ? said("kind", one.kind) : "", one.tier ? tell.fill(words.tier, {n: said("tier", one.tier)}) : ""].filter(Boolean).join(" · ");

  function phone(number) {
    return number ? el("a", {class: "phone", href: "tel:" + number.replace(/[^\d+*#,;]/g, "")}, number) : null;
  }

  function teams(found) {
    const name = new Map([...found.areas || [], ...found.places || []].map(one => [(one.set || one.kind) + " " + one.code, one.name]));
    const by = new Map();
    for (const one of found.on_duty) by.set(one.team, [...by.get(one.team) || [], one]);
    return [...by].map(([team, people]) => {
      const first = people[0], at = first.area || first.place;
      const where = at ? name.get((first.area_set || first.place_kind) + " " + at) || at : "";
      const rows = people.map(one => el("li", {}, el("span", {}, one.person), one.role ? el("small", {}, said("role", one.role)) : null, phone(one.phone)));
      const many = rows.length > 3 ? el("details", {class: "crew"}, el("summary", {}, tell.fill(words.crew, {n: rows.length - 1})), el("ul", {}, rows.slice(1))) : null;
      return el("li", {}, el("p", {class: "who"}, team, post(first) ? el("span", {class: "chip"}, post(first)) : null),
        el("p", {class: "soft"}, [where, first.name].filter(Boolean).join(" · ")), el("ul", {class: "people"}, many ? rows[0] : rows), many);
    });
  }

  function hole(one) {
    if (given.lang === "en" || !(one.from || one.to)) return el("li", {}, one.what);
    const span = tell.fill(words.hole_span, {from: one.from ? tell.local(one.from).replace("T", " ") : words.always, to: one.to ? tell.local(one.to).replace("T", " ") : words.for_good});
    const next = one.next ? tell.fill(words.hole_next, {person: one.next.person || "", team: one.next.team}) : words.hole_nobody;
    return el("li", {}, [one.team || post(one), span, next].join("，"));
  }

  function step(one) {
    const after = one.after_hours ? el("span", {class: "soft"}, tell.fill(words.after, {n: one.after_hours})) : null;
    const who = one.person === null ? el("span", {class: "missing"}, words.hole) : el("span", {}, one.person);
    return el("li", {}, el("p", {class: "who"}, one.team, post(one) ? el("span", {class: "chip"}, post(one)) : null, after),
      one.name ? el("p", {class: "soft"}, one.name) : null, el("ul", {class: "people"}, el("li", {}, who, one.role ? el("small", {}, said("role", one.role)) : null, phone(one.phone))));
  }

  return function (found) {
    const section = (kind, title, ...inner) => el("section", {class: kind}, el("h2", {}, title), ...inner);
    const rows = found.on_duty.length ? el("ul", {}, teams(found)) : el("p", {class: "soft"}, words.no_roster);
    const holes = found.holes.length ? el("div", {class: "holes"}, el("strong", {}, words.hole), el("ul", {}, found.holes.map(hole))) : null;
    return [section("duty", words.duty, holes, rows), found.chain.length ? section("chain", words.chain, el("ol", {}, found.chain.map(step))) : null].filter(Boolean);
  };
};
