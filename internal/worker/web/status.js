"use strict";
(() => {
  const main = document.getElementById("main"), connection = document.getElementById("connection");
  const texts = new Map(), bars = new Map();
  for (const e of document.querySelectorAll("[data-live]")) texts.set(e.dataset.live, e);
  for (const e of document.querySelectorAll("[data-bar]")) bars.set(e.dataset.bar, e);

  const field = document.getElementById("f-text");
  if (field) {
    const rows = [...document.querySelectorAll("#target-table tbody tr")].map(row => [row, row.textContent.toLowerCase()]);
    const filter = () => {
      const wanted = field.value.trim().toLowerCase();
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !text.includes(wanted);
        if (!row.hidden) shown++;
      }
      document.getElementById("shown").textContent = shown + " of " + rows.length + " targets";
      sessionStorage.setItem("filter", field.value);
    };
    field.value = sessionStorage.getItem("filter") ?? "";
    field.form.hidden = false;
    field.form.addEventListener("submit", e => e.preventDefault());
    field.addEventListener("input", filter);
    filter();
  }

  const source = new EventSource("events");
  source.onopen = () => { connection.textContent = "live"; connection.className = "good"; };
  source.onerror = () => { connection.textContent = "not connected since " + new Date().toLocaleTimeString(); connection.className = "bad"; };
  source.addEventListener("bye", () => { source.close(); connection.textContent = "the worker ends"; connection.className = "warn"; });
  source.onmessage = e => {
    const news = JSON.parse(e.data);
    if (news.shape !== main.dataset.shape) {
      source.close();
      location.reload();
      return;
    }
    for (const [name, text] of Object.entries(news)) {
      const element = texts.get(name), bar = bars.get(name);
      if (element) element.textContent = text;
      if (bar) bar.setAttribute("width", text || "0");
    }
  };
  addEventListener("pagehide", () => source.close());
})();
