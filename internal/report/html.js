"use strict";
(async () => {
  const $ = id => document.getElementById(id);
  const holder = $("data");
  if (!holder) return;
  let json = holder.textContent;
  if (holder.type === "application/gzip") {
    const packed = Uint8Array.from(atob(json), c => c.charCodeAt(0));
    json = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  const data = JSON.parse(json);
  const n = data.text.length;
  const names = new Array(n), lower = new Array(n);
  for (let i = 0, last = ""; i < n; i++) {
    last = last.slice(0, data.shared[i]) + data.rest[i];
    names[i] = last;
    lower[i] = last.toLowerCase();
  }
  const text = i => data.texts[data.text[i]];
  const kind = i => data.kinds[text(i)[0]];
  const functionOf = i => { const at = names[i].indexOf(":"); return at < 0 ? names[i] : names[i].slice(0, at); };
  const named = (s, i) => s.split("{function}").join(functionOf(i));
  const author = i => data.author?.[i] === undefined ? "" : data.authors[data.author[i]];
  const summary = i => {
    const [, , message, details] = text(i), values = details.filter(d => d.includes(" → "));
    return named(message || (values.length ? values : details).map(d => d.split("  # ")[0]).join("; "), i);
  };

  // The choices of the filter are what is there.
  const filters = { text: $("f-text"), state: $("f-state"), target: $("f-target"), setting: $("f-setting"), risk: $("f-risk"), author: $("f-author") };
  const offer = (select, all) => {
    for (const [value, label] of all) {
      const o = document.createElement("option");
      o.value = value;
      o.textContent = label;
      select.append(o);
    }
    if (all.length < 2 && select.options.length < 3) select.parentNode.hidden = all.length === 0;
  };
  const used = new Set(), settings = new Set();
  for (let i = 0; i < n; i++) used.add(data.target[i]);
  for (const t of data.texts) settings.add(t[1]);
  const distinct = at => [...new Set(data.kinds.map(k => k[at]).filter(Boolean))].sort().map(s => [s, s]);
  offer(filters.state, distinct(0));
  offer(filters.risk, distinct(2));
  offer(filters.author, (data.authors ?? []).map(a => [a, a]).sort());
  const placed = data.texts.some(t => t[5]);
  $("at").hidden = !placed;
  $("by").hidden = !data.authors;
  offer(filters.target, data.targets.map((t, i) => [String(i), t]).filter((_, i) => used.has(i)));
  offer(filters.setting, data.settings.map((s, i) => [String(i), s]).filter((_, i) => [...settings].some(bits => bits >> i & 1)));

  const matcher = wanted => {
    wanted = wanted.trim().toLowerCase();
    if (!/[*?]/.test(wanted)) return s => s.includes(wanted);
    const pattern = wanted.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
    const glob = new RegExp("^" + pattern + (wanted.includes(":") ? "$" : "(:.*)?$"));
    return s => glob.test(s);
  };

  let rows = [], on = 0;
  const view = $("view"), room = $("room");
  const filter = () => {
    const started = performance.now();
    const { state, target, setting, risk, author: by } = filters;
    const like = matcher(filters.text.value);
    const fits = data.texts.map(t => {
      const k = data.kinds[t[0]];
      return (!state.value || k[0] === state.value) && (!risk.value || k[2] === risk.value) && (!setting.value || (t[1] >> +setting.value & 1) === 1);
    });
    rows = [];
    for (let i = 0; i < n; i++) {
      if (fits[data.text[i]] && (!target.value || data.target[i] === +target.value) && (!by.value || author(i) === by.value) && like(lower[i])) rows.push(i);
    }
    on = 0;
    view.scrollTop = 0;
    $("shown").textContent = rows.length.toLocaleString("en") + " of " + n.toLocaleString("en") + (n === 1 ? " row" : " rows");
    $("none").hidden = rows.length > 0;
    $("grid").hidden = rows.length === 0;
    $("grid").setAttribute("aria-rowcount", String(rows.length + 1));
    $("clear").hidden = rows.length === n;
    draw();
    document.documentElement.dataset.filtered = (performance.now() - started).toFixed(1);
  };

  // Only the rows that can be seen are in the document.
  let height = 36, printing = false;
  const cell = (row, value, className) => {
    const span = document.createElement("span");
    span.setAttribute("role", "gridcell");
    span.textContent = value;
    if (className) span.className = className;
    row.append(span);
    return span;
  };
  const draw = () => {
    height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) * parseFloat(getComputedStyle(document.documentElement).fontSize);
    view.style.height = "min(32rem, 70vh, " + Math.max(1, rows.length * height) + "px)";
    room.style.height = rows.length * height + "px";
    const first = printing ? 0 : Math.max(0, Math.floor(view.scrollTop / height) - 5);
    const last = printing ? Math.min(rows.length, 2000) : Math.min(rows.length, Math.ceil((view.scrollTop + view.clientHeight) / height) + 5);
    const drawn = document.createDocumentFragment();
    for (let at = first; at < last; at++) {
      const i = rows[at], [word, tone] = kind(i);
      const row = document.createElement("div");
      row.className = at === on ? "row on" : "row";
      row.id = "row-" + at;
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", String(at + 2));
      row.setAttribute("aria-selected", String(at === on));
      row.style.top = at * height + "px";
      cell(row, "", "").append(Object.assign(document.createElement("span"), { className: "badge " + tone, textContent: word }));
      cell(row, names[i], "mono").title = names[i];
      cell(row, summary(i), "mono").title = summary(i);
      cell(row, data.targets[data.target[i]], "muted");
      if (placed) cell(row, text(i)[5], "mono muted").title = text(i)[5];
      if (data.authors) cell(row, author(i), "muted").title = author(i);
      drawn.append(row);
    }
    room.replaceChildren(drawn);
    if (rows.length) view.setAttribute("aria-activedescendant", "row-" + on); else view.removeAttribute("aria-activedescendant");
  };

  const move = to => {
    on = Math.max(0, Math.min(rows.length - 1, to));
    const top = on * height;
    if (top < view.scrollTop) view.scrollTop = top;
    if (top + height > view.scrollTop + view.clientHeight) view.scrollTop = top + height - view.clientHeight;
    draw();
  };

  const dialog = $("details");
  const open = at => {
    const i = rows[at];
    if (i === undefined) return;
    $("details-title").textContent = names[i];
    const list = $("details-list");
    list.replaceChildren();
    const say = (term, value) => {
      if (!value) return;
      list.append(Object.assign(document.createElement("dt"), { textContent: term }), Object.assign(document.createElement("dd"), { textContent: value, className: "mono" }));
    };
    const [word, , risk] = kind(i), [, , message, details, hint, place] = text(i);
    say("status", word);
    say("risk", risk);
    say("target", data.targets[data.target[i]]);
    say("what", named(message, i));
    say("settings", named(details.join("\n"), i));
    say("declared at", place);
    say("changed by", author(i));
    say("next", named(hint, i));
    say("calls", data.facts[i]);
    dialog.showModal();
  };

  view.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  view.addEventListener("keydown", e => {
    const page = Math.max(1, Math.floor(view.clientHeight / height) - 1);
    const to = { ArrowDown: on + 1, ArrowUp: on - 1, PageDown: on + page, PageUp: on - page, Home: 0, End: rows.length - 1 }[e.key];
    if (to !== undefined) { e.preventDefault(); move(to); }
    if (e.key === "Enter") { e.preventDefault(); open(on); }
  });
  room.addEventListener("click", e => {
    const row = e.target.closest(".row");
    if (!row) return;
    on = +row.id.slice(4);
    draw();
    open(on);
  });
  $("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", e => { if (e.target === dialog) dialog.close(); });
  document.addEventListener("keydown", e => {
    if (e.key === "/" && !dialog.open && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { e.preventDefault(); filters.text.focus(); }
  });
  addEventListener("resize", draw);
  addEventListener("beforeprint", () => { printing = true; draw(); });
  addEventListener("afterprint", () => { printing = false; draw(); });

  // What is filtered stands in the address, so that it can be sent to somebody.
  const toAddress = () => {
    const p = new URLSearchParams();
    for (const [name, field] of Object.entries(filters)) if (field.value) p.set(name, field.value);
    history.replaceState(null, "", p.size ? "#" + p : location.pathname + location.search);
  };
  const fromAddress = () => {
    const p = new URLSearchParams(location.hash.slice(1));
    for (const [name, field] of Object.entries(filters)) {
      const wanted = p.get(name) ?? "";
      field.value = wanted;
      if (field.selectedIndex !== -1) continue;
      field.value = [...field.options].find(o => o.text.endsWith(wanted))?.value ?? ""; // a target by its name
      if (field !== filters.target || field.value) continue;
      offer(field, [[wanted, wanted]]); // of which there is nothing to say: all rows would be of others
      field.value = wanted;
    }
  };
  const changed = () => { filter(); toAddress(); };
  for (const field of Object.values(filters)) field.addEventListener("input", changed);
  $("filter").addEventListener("submit", e => e.preventDefault());
  $("clear").addEventListener("click", () => { for (const f of Object.values(filters)) f.value = ""; changed(); filters.text.focus(); });
  addEventListener("hashchange", () => { fromAddress(); filter(); });

  $("table").hidden = false;
  fromAddress();
  filter();
})();
