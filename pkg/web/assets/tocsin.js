"use strict";
// Keeps the page fresh and adds keys. Without it every page still works.
(() => {
  const root = document.documentElement, main = document.getElementById("main"), live = document.getElementById("live");
  const stored = localStorage.getItem("theme");
  if (stored) root.dataset.theme = stored;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggle = () => { root.dataset.theme = dark() ? "light" : "dark"; localStorage.setItem("theme", root.dataset.theme); };
  document.getElementById("theme").addEventListener("click", toggle);

  // What the reader opened, chose or types must survive a refresh.
  const state = () => ({
    open: [...main.querySelectorAll("details")].map(d => d.open), focus: items().indexOf(document.activeElement),
    status: Object.fromEntries([...main.querySelectorAll(".card")].map(c => [c.getAttribute("href"), c.className])),
  });
  const items = () => [...main.querySelectorAll("[data-item]")];
  let timer = 0, loading = false;
  async function refresh() {
    if (loading || document.hidden || main.querySelector("input:focus, select:focus")) return;
    loading = true;
    try {
      const url = new URL(location.href);
      url.searchParams.set("part", "");
      const answer = await fetch(url);
      if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
      const before = state(), html = await answer.text();
      main.innerHTML = html;
      main.querySelectorAll("details").forEach((d, i) => { if (i in before.open) d.open = before.open[i]; });
      main.querySelectorAll(".card").forEach(c => { const was = before.status[c.getAttribute("href")]; if (was && was !== c.className) c.classList.add("fresh"); });
      const chosen = items()[before.focus];
      if (chosen) chosen.focus({preventScroll: true});
      say("on", "live");
    } catch { say("off", "cannot reach the aggregator"); }
    finally { loading = false; }
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };
  const say = (state, text) => { live.className = "live " + state; live.textContent = text; };

  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("tick", soon);
  stream.addEventListener("event", soon);
  stream.onopen = () => say("on", "live");
  stream.onerror = () => say("off", "connection lost, trying again");
  document.addEventListener("visibilitychange", soon);

  main.addEventListener("submit", async event => {
    const button = event.target.querySelector("[data-fault]");
    if (!button) return;
    event.preventDefault();
    button.disabled = true;
    await fetch(event.target.action, {method: "POST", headers: {Accept: "application/json"}});
    refresh();
  });

  const places = {o: "/", n: "/nodes", e: "/events"};
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (event.key === "t") return toggle();
    if (places[event.key]) return void (location.href = places[event.key]);
    if (event.key !== "j" && event.key !== "k") return;
    const all = items(), at = all.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
    const next = all[Math.max(0, Math.min(all.length - 1, at))];
    if (next) { next.tabIndex = next.tabIndex < 0 ? 0 : next.tabIndex; next.focus(); next.scrollIntoView({block: "nearest"}); }
  });
})();
