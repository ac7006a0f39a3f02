"use strict";
// Keeps the page fresh and adds keys. Without it every page still works.
(() => {
  const root = document.documentElement, main = document.getElementById("main"), live = document.getElementById("live");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggle = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts for this page */ }
  };
  document.getElementById("theme").addEventListener("click", toggle);
  const say = (state, text) => { live.className = "live " + state; if (live.textContent !== text) live.textContent = text; };

  // Times go on between refreshes. The server's clock counts: offset is how far
  // this machine's is ahead of it, in milliseconds.
  let offset = 0;
  const ago = seconds => {
    const s = Math.max(0, Math.floor(seconds)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
    return d ? `${d}d ${h % 24}h` : h ? `${h}h ${m % 60}m` : m ? `${m}m ${s % 60}s` : `${s}s`;
  };
  const age = () => main.querySelectorAll("time[data-ago]").forEach(t => {
    const text = ago((Date.now() - offset - Date.parse(t.dateTime)) / 1000);
    if (t.textContent !== text) t.textContent = text;
  });
  setInterval(age, 1000);

  // What the reader opened, chose or types must survive a refresh.
  const items = () => [...main.querySelectorAll("[data-item]")];
  const cards = () => [...main.querySelectorAll("[data-cluster]")];
  const identity = e => e && (e.getAttribute("href") || e.closest("[data-key]")?.dataset.key || e.dataset.fault || e.textContent.trim().slice(0, 40));
  const remember = () => ({
    open: new Map([...main.querySelectorAll("details[data-key]")].map(d => [d.dataset.key, d.open])),
    focus: main.contains(document.activeElement) ? identity(document.activeElement) : null,
    status: new Map(cards().map(c => [c.dataset.cluster, c.dataset.status])),
  });
  const restore = before => {
    main.querySelectorAll("details[data-key]").forEach(d => { if (before.open.has(d.dataset.key)) d.open = before.open.get(d.dataset.key); });
    cards().forEach(c => { const was = before.status.get(c.dataset.cluster); if (was && was !== c.dataset.status) c.classList.add("fresh"); });
    if (!before.focus) return;
    const again = [...items(), ...main.querySelectorAll("button, a")].find(e => identity(e) === before.focus);
    if (again) { if (again.tabIndex < 0) again.tabIndex = -1; again.focus({preventScroll: true}); }
  };
  const busy = () => document.hidden || main.querySelector("input:focus, select:focus") || (getSelection().type === "Range" && main.contains(getSelection().anchorNode));

  let timer = 0, loading = false, again = false;
  async function refresh() {
    if (loading) { again = true; return; }
    if (busy()) { if (!document.hidden) say("", "paused while you select or type"); return; }
    loading = true;
    try {
      const url = new URL(location.href);
      url.searchParams.set("part", "");
      const answer = await fetch(url);
      if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
      const html = await answer.text();
      if (busy()) return;
      const before = remember();
      main.innerHTML = html;
      document.title = main.querySelector("template#title")?.innerHTML.replaceAll("&amp;", "&") || document.title;
      restore(before);
      age();
      say("on", "live");
    } catch { say("off", "cannot reach the aggregator"); }
    finally { loading = false; if (again) { again = false; soon(); } }
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };

  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("tick", event => { offset = Date.now() - Date.parse(JSON.parse(event.data)); soon(); });
  stream.addEventListener("event", soon);
  stream.onopen = () => say("on", "live");
  stream.onerror = () => say("off", "connection lost, trying again");
  document.addEventListener("visibilitychange", soon);

  main.addEventListener("submit", async event => {
    const button = event.target.querySelector("[data-fault]");
    if (!button) return;
    event.preventDefault();
    button.disabled = true;
    try { await fetch(event.target.action, {method: "POST", headers: {Accept: "application/json"}}); } catch { /* refresh says it */ }
    button.disabled = false;
    refresh();
  });

  const places = {o: "/", n: "/nodes", e: "/events"};
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (event.key === "t") return toggle();
    if (places[event.key]) return void (location.href = places[event.key]);
    if (event.key === "Enter" && event.target.matches(".leaf")) return void event.target.querySelector("a")?.click();
    if (event.key !== "j" && event.key !== "k") return;
    const all = items().filter(e => e.offsetParent), at = all.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
    const next = all[Math.max(0, Math.min(all.length - 1, at))];
    if (next) { next.focus(); next.scrollIntoView({block: "nearest"}); }
  });
})();
