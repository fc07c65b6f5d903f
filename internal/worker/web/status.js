"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const texts = new Map(), bars = new Map();
  let wanted, rows = [];

  const filter = () => {
    const field = $("f-text"), like = field.value.trim().toLowerCase();
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !text.includes(like);
      if (!row.hidden) shown++;
    }
    $("shown").textContent = shown + " of " + rows.length + " targets";
    sessionStorage.setItem("filter", field.value);
  };
  const bind = () => {
    for (const e of document.querySelectorAll("[data-live]")) texts.set(e.dataset.live, e);
    for (const e of document.querySelectorAll("[data-bar]")) bars.set(e.dataset.bar, e);
    const field = $("f-text");
    if (!field) return;
    rows = [...document.querySelectorAll("#target-table tbody tr")].map(row => [row, row.textContent.toLowerCase()]);
    field.value = sessionStorage.getItem("filter") ?? "";
    field.form.hidden = false;
    field.form.addEventListener("submit", e => e.preventDefault());
    field.addEventListener("input", filter);
    filter();
  };
  const tell = (text, tone) => {
    $("connection").textContent = text;
    $("connection").className = tone;
    $("main").classList.toggle("stale", tone !== "good");
  };
  let lost = "";
  const since = () => lost ||= " since " + new Date().toISOString().slice(11, 19) + " UTC";

  // What is new takes the place of what was, under the eyes and hands of who reads or types.
  // It gives "", or why nothing new came.
  let renewing;
  const renew = () => renewing ??= replace().finally(() => {
    renewing = undefined;
    if (wanted && wanted !== $("main").dataset.shape) setTimeout(renew, 1000);
  });
  const replace = async () => {
    try {
      const answer = await fetch(location.pathname);
      if (!answer.ok) return "HTTP " + answer.status; // as of a proxy without a worker
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!next.getElementById("connection")) return "another page answers, perhaps a login; reload";
      if (next.querySelector("footer").textContent !== document.querySelector("footer").textContent) return location.reload(); // another version
      const on = document.activeElement, at = on?.selectionStart, top = document.querySelector(".long")?.scrollTop, told = $("connection");
      next.getElementById("connection").replaceWith(told);
      next.getElementById("main").className = $("main").className;
      for (const part of ["header", "main"]) document.querySelector(part).replaceWith(next.querySelector(part));
      document.title = next.title;
      bind();
      if (top) document.querySelector(".long")?.scrollTo(0, top);
      if (on?.id && $(on.id) !== on) {
        $(on.id)?.focus({ preventScroll: true });
        if (at !== undefined) $(on.id)?.setSelectionRange(at, at);
      }
      return "";
    } catch {
      return "no answer";
    }
  };

  let source, again;
  const connect = () => {
    const mine = source = new EventSource("events");
    source.onopen = () => { lost = ""; tell("live", "good"); };
    source.onerror = async () => {
      wanted = undefined; // another worker may answer, with a shape of its own
      if (source.readyState !== EventSource.CLOSED) return tell("not connected" + since(), "bad"); // and tried again
      again = setTimeout(connect, 30000);
      const wrong = await renew();
      if (source !== mine) return; // a proxy may have held the answer until after the next try
      if (wrong) return tell("not connected" + since() + ": " + wrong, "bad");
      lost = "";
      tell("not live, renewed every 30 s", "warn"); // as of one page too many
      $("main").classList.remove("stale");
    };
    source.addEventListener("bye", () => tell("the worker ended" + since(), "warn"));
    source.onmessage = e => {
      const news = JSON.parse(e.data);
      wanted = news.shape;
      if (wanted !== $("main").dataset.shape) return renew();
      for (const [name, text] of Object.entries(news)) {
        const element = texts.get(name), bar = bars.get(name);
        if (element) element.textContent = text;
        if (bar) {
          bar.setAttribute("width", text || "0");
          bar.parentNode.toggleAttribute("hidden", !text);
        }
      }
    };
  };
  // A page that nobody sees is not followed: a browser has six connections to a host, and the
  // seventh page of one would not load. The first message after that has all that is new.
  const pause = () => {
    clearTimeout(again);
    source?.close();
    source = undefined;
  };
  const follow = () => {
    pause();
    if (!document.hidden) connect();
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", pause);
  bind();
  follow();
})();
