// Where the page's answers come from: the service, or the page itself when it is a file. Kept, so that playing asks once.
"use strict";
wanmi.hotspotSource = function (given) {
  const {sources, data} = given, PATIENCE_MS = 60000, MOST = 80, kept = new Map();

  async function fetched(address) {
    let answer;
    try {
      answer = await fetch(address, {signal: AbortSignal.timeout(PATIENCE_MS), headers: {accept: "application/json"}});
    } catch (error) {
      throw {status: 0, detail: "", at: ""};
    }
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    let about = {};
    try { about = JSON.parse(text); } catch (error) { about = {detail: ""}; }
    throw {status: answer.status, detail: about.detail || "", at: about.at || ""};
  }
  // an answer that is on its way is asked for once; one that failed is asked for again
  function get(address) {
    if (kept.has(address)) {
      const found = kept.get(address);
      kept.delete(address);
      kept.set(address, found);
      return found;
    }
    const coming = fetched(address);
    kept.set(address, coming);
    coming.catch(() => kept.delete(address));
    while (kept.size > MOST) kept.delete(kept.keys().next().value);
    return coming;
  }
  const of = (address, query) => address + (String(query) ? "?" + query : "");
  const one = (id, query, part = "") => of(sources.hotspots + "/" + encodeURIComponent(id) + part, query);
  if (data) return {
    file: true, look: async () => data.look, spots: async () => data.spots, alerts: async () => data.alerts, timeline: async () => ({bins: []}),
    spot: async id => data.panels[id], exposure: async id => data.panels[id].exposure_, stability: async id => data.panels[id].stability_,
    forget: () => {}
  };
  return {
    file: false,
    look: query => get(of(sources.look, query)),
    spots: query => get(of(sources.hotspots, "joined=1&" + query)),
    timeline: query => get(of(sources.timeline, query)),
    choices: () => get(sources.choices),
    alerts: query => get(of(sources.alerts, query)),
    spot: (id, query) => get(one(id, query)),
    cases: (id, query) => get(one(id, query, "/cases")),
    exposure: (id, query) => get(one(id, query, "/exposure")),
    stability: (id, query) => get(one(id, query, "/stability")),
    address: (name, query) => of(sources[name], query),
    forget: () => kept.clear()
  };
};
