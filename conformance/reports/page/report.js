"use strict";
(() => {
  const sheet = JSON.parse(document.getElementById("data").textContent);
  const { targets, areas, cases, details, texts, runs } = sheet;
  // The words for a case on a target (see page_data.py) by letter, the worst word first.
  const words = new Map(sheet.words.map(([letter, sign, text, tone]) => [letter, { sign, text, tone }]));
  const NOTHING = "-";
  const SHOWN = 40;

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== false && value !== undefined) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };

  // Text between backticks is code.
  const prose = (text) => text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));

  // encodeURIComponent throws on an unpaired surrogate.
  const link = (id) => {
    try { return `#${encodeURIComponent(id)}`; } catch { return "#"; }
  };

  const byId = new Map(cases.map((each, at) => [each.id, at]));
  const citing = new Map();
  cases.forEach((each, at) => each.clauses.forEach((name) => {
    if (!citing.has(name)) citing.set(name, []);
    citing.get(name).push(at);
  }));
  const areaCases = areas.map((area) => {
    const found = new Set();
    area.clauses.forEach((clause) => (citing.get(clause.id) || []).forEach((at) => found.add(at)));
    return [...found];
  });

  // --- The matrix.

  const tally = (members, target) => {
    const counts = {};
    for (const at of members) {
      const letter = cases[at].letters[target];
      counts[letter] = (counts[letter] || 0) + 1;
    }
    return counts;
  };

  const cell = (members, target, clause, name) => {
    const counts = tally(members, target);
    const worst = [...words.keys()].find((letter) => counts[letter]) || NOTHING;
    if (worst === NOTHING) return make("td", { class: "faint" });
    const { sign, text, tone } = words.get(worst);
    const label = `${name} on ${targets[target].name}: ${text} ${counts[worst]} of ${members.length}`;
    const show = () => { choose({ target: String(target), clause, verdict: tone === "bad" || tone === "known" ? worst : "" }); };
    return make("td", { class: tone }, make("button", { type: "button", "aria-label": label, title: label, click: show }, `${sign} ${counts[worst]}/${members.length}`));
  };

  const rows = document.querySelector("#areas tbody");
  areas.forEach((area, number) => {
    let clauses = null;
    const unfold = (event) => {
      const button = event.currentTarget, isOpen = button.getAttribute("aria-expanded") === "true";
      if (clauses === null) {
        clauses = area.clauses.map((clause) => make("tr", { class: "clause" },
          make("th", { scope: "row" }, clause.id, make("small", {}, ...prose(clause.sentence))),
          ...targets.map((_, target) => cell(citing.get(clause.id) || [], target, clause.id, clause.id))));
        button.closest("tr").after(...clauses);
      } else clauses.forEach((row) => { row.hidden = !row.hidden; });
      button.setAttribute("aria-expanded", String(!isOpen));
      button.textContent = `${isOpen ? "▸" : "▾"} ${area.title}`;
    };
    rows.append(make("tr", {},
      make("th", { scope: "row" }, make("button", { type: "button", "aria-expanded": "false", click: unfold }, `▸ ${area.title}`)),
      ...targets.map((_, target) => cell(areaCases[number], target, `area:${number}`, area.title))));
  });

  // --- The filter.

  const form = document.getElementById("filter");
  const options = (name, pairs) => form.elements[name].append(...pairs.map(([value, text]) => make("option", { value }, text)));
  const seen = (of) => [...new Set(cases.map(of).filter(Boolean))].sort();
  const causesOf = (at) => Object.values(details[at] || {}).flatMap((each) => each.causes || []);
  options("target", targets.map((each, at) => [String(at), each.name]));
  options("verdict", [...words].filter(([letter]) => letter !== NOTHING && cases.some((each) => each.letters.includes(letter))).map(([letter, { text }]) => [letter, text]));
  options("op", seen((each) => each.op).map((name) => [name, name]));
  options("dtype", seen((each) => each.dtype).map((name) => [name, name]));
  areas.forEach((area, number) => options("clause", [[`area:${number}`, area.title], ...area.clauses.map((each) => [each.id, `   ${each.id}`])]));
  options("cause", [...new Set(Object.keys(details).flatMap(causesOf))].sort().map((name) => [name, name]));

  // The worst cases come first; cases of equal rank keep the order of the corpus.
  const order = [...words.keys()];
  const rank = cases.map((each) => Math.min(...[...each.letters].map((letter) => order.indexOf(letter))));
  const wanted = () => {
    const value = (name) => form.elements[name].value;
    const target = value("target"), verdict = value("verdict"), clause = value("clause");
    const inArea = clause.startsWith("area:") ? new Set(areaCases[Number(clause.slice(5))]) : null;
    const text = value("text").toLowerCase();
    return cases.flatMap((each, at) => {
      if (value("op") && each.op !== value("op")) return [];
      if (value("dtype") && each.dtype !== value("dtype")) return [];
      if (inArea ? !inArea.has(at) : clause && !each.clauses.includes(clause)) return [];
      if (target && each.letters[target] === NOTHING) return [];
      if (verdict && !(target ? each.letters[target] === verdict : each.letters.includes(verdict))) return [];
      if (value("cause") && !causesOf(at).includes(value("cause"))) return [];
      if (text && !`${each.id} ${each.title}`.toLowerCase().includes(text)) return [];
      return [at];
    }).sort((one, other) => rank[one] - rank[other]);
  };

  const list = document.querySelector("#list tbody"), more = document.getElementById("more");
  let found = [];
  const row = (at) => make("tr", {},
    make("th", { scope: "row" }, make("a", { href: link(cases[at].id) }, cases[at].id)),
    ...[...cases[at].letters].map((letter) => words.get(letter)).map(({ sign, text, tone }) => make("td", { class: tone, title: text },
      sign ? make("span", { role: "img", "aria-label": text }, sign) : null)));
  const append = () => {
    const shown = list.children.length;
    list.append(...found.slice(shown, shown + SHOWN).map(row));
    more.hidden = list.children.length >= found.length;
  };
  const refresh = () => {
    found = wanted();
    list.replaceChildren();
    append();
    document.getElementById("count").textContent = `${found.length} of ${cases.length} cases`;
  };
  const choose = (values) => {
    form.reset();
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    refresh();
    // Move the focus to the part of the page that scrolls into view.
    form.elements.target.focus({ preventScroll: true });
    document.getElementById("cases").scrollIntoView();
  };
  form.querySelectorAll("select").forEach((each) => each.addEventListener("change", refresh));
  form.elements.text.addEventListener("input", refresh);
  document.getElementById("all").addEventListener("click", () => { choose({}); });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", append);

  // --- One case.

  // The columns of a table are the axis W and its rows the axis H; each index of the other axes has a separate table.
  const laid = (array) => {
    const letters = [...array.axes], length = (axis) => (axis < 0 ? 1 : array.shape[axis]);
    const strides = letters.map((_, axis) => array.shape.slice(axis + 1).reduce((one, other) => one * other, 1));
    const columns = letters.includes("W") ? letters.indexOf("W") : letters.length - 1, rows = letters.indexOf("H");
    const outer = letters.map((_, axis) => axis).filter((axis) => axis !== columns && axis !== rows);
    let tables = [{}];
    for (const axis of outer) {
      tables = tables.flatMap((at) => Array.from({ length: length(axis) }, (_, index) => ({ ...at, [letters[axis]]: index })));
    }
    return { letters, strides, columns, rows, tables, wide: length(columns), high: length(rows) };
  };

  // A record keeps a few numbers of a wrong output, from element `start`. Earlier elements equal the expected ones; later elements are unknown.
  const returned = (place, expected, { start, numbers, wrong }) => {
    const got = place < start ? expected : numbers[place - start];
    if (got === undefined) return make("td", { class: "faint", title: "not recorded" }, "?");
    if (wrong ? wrong.has(place) : got !== expected) return make("td", { class: "differs", title: `expected ${expected}` }, got);
    return make("td", got === expected ? {} : { class: "near", title: `expected ${expected}` }, got);
  };

  // The colour of an element: light for the smallest number, dark for the largest, yellow for a number that is not finite.
  const heat = (array, { strides, columns, rows, wide, high, letters }, outer, first) => {
    const levels = (array.bytes ||= Uint8Array.from(atob(array.levels), (each) => each.charCodeAt(0)));
    const canvas = make("canvas", { width: wide, height: high }), context = canvas.getContext("2d");
    const image = context.createImageData(wide, high), mix = (one, other, part) => Math.round(one + (other - one) * part);
    for (let at = 0; at < wide * high; at += 1) {
      const index = { ...outer, [letters[columns]]: at % wide, ...(rows < 0 ? {} : { H: Math.floor(at / wide) }) };
      const place = letters.reduce((sum, letter, axis) => sum + index[letter] * strides[axis], 0), part = (levels[place] - 1) / 254;
      const colour = levels[place] === 0 ? [240, 228, 66] : place === first ? [213, 94, 0] : [mix(235, 8, part), mix(242, 48, part), mix(247, 107, part)];
      image.data.set([...colour, 255], at * 4);
    }
    context.putImageData(image, 0, 0);
    canvas.style.width = `${wide * 10}px`;
    return canvas;
  };

  const sized = (array) => `${array.name} ${array.shape.join("×")} ${array.axes}${array.alternatives ? `, as expected by ${array.alternatives.join(" and by ")}` : ""}`;
  const figure = (title, tables) => make("figure", {}, make("figcaption", {}, title),
    make("div", { class: "grids", tabindex: "0", role: "group", "aria-label": title }, ...tables));
  const named = (outer) => Object.entries(outer).map(([letter, index]) => `${letter} ${index}`).join(", ");

  const grid = (array, cellOf) => {
    const values = array.values.split(" "), { letters, strides, columns, rows, tables, wide, high } = laid(array);
    return figure(sized(array), tables.map((outer) => {
      const body = make("tbody");
      for (let row = 0; row < high; row += 1) {
        body.append(make("tr", {}, ...Array.from({ length: wide }, (_, column) => {
          const at = { ...outer, [letters[columns]]: column, ...(rows < 0 ? {} : { H: row }) };
          const place = letters.reduce((sum, letter, axis) => sum + at[letter] * strides[axis], 0);
          return cellOf(at, values[place], place);
        })));
      }
      return make("table", { class: "grid" }, make("caption", {}, named(outer)), body);
    }));
  };

  const heatMap = (array, first) => {
    const how = laid(array), [low, high] = array.between;
    const title = `${sized(array)}: from ${low} (light) to ${high} (dark)${first === undefined ? "" : ", first difference orange"}${array.is_finite === false ? ", not finite yellow" : ""}`;
    return figure(title, how.tables.map((outer) => make("figure", { class: "map" },
      make("figcaption", {}, named(outer)), heat(array, how, outer, first))));
  };

  const plain = (array, cellOf) => {
    if (array.values !== undefined) return grid(array, cellOf || ((_, value) => make("td", {}, value)));
    if (array.levels !== undefined) return heatMap(array);
    return make("p", {}, `${sized(array)}: ${array.shape.includes(0) ? "empty" : "too large to draw"}`);
  };

  // Hovering or focusing an output element marks the input elements in its window, and the taps that read them.
  const pictures = (each) => {
    const inputs = [], taps = [], reads = Object.entries(each.reads || {});
    const collected = (cells) => (at, value) => {
      const cell = make("td", {}, value);
      cells.push([at, cell]);
      return cell;
    };
    const within = (run, place) => Object.entries(run || {}).every(([letter, [low, high]]) => place[letter] >= low && place[letter] < high);
    const mark = (at, is) => {
      const run = runs[each.runs][at.C] || {};
      inputs.forEach(([place, cell]) => cell.classList.toggle("read", is && place.N === at.N && within(run.input, place)
        && reads.every(([letter, found]) => found[at[letter]].includes(place[letter]))));
      taps.forEach(([place, cell]) => cell.classList.toggle("read", is && within(run.kernel, place)
        && reads.every(([letter, found]) => found[at[letter]][place[letter]] >= 0)));
    };
    const element = (at, value) => {
      const on = () => mark(at, true), off = () => mark(at, false);
      return make("td", {}, make("button", { type: "button", mouseenter: on, mouseleave: off, focus: on, blur: off }, value));
    };
    const cellOf = reads.length === 0 ? {} : { input: collected(inputs), kernel: collected(taps), depthwise_kernel: collected(taps) };
    // If several alternatives are drawn, the windows belong to the first one.
    const output = each.arrays.find((array) => array.name === "output");
    return make("div", {},
      reads.length ? make("p", {}, "Point at an output element to mark the input elements in its window and the kernel taps that read them.") : null,
      make("div", { class: "grids" }, ...each.arrays.map((array) => plain(array, reads.length && array === output ? element : cellOf[array.name]))));
  };

  const wrongArray = (array, detail) => {
    const output = { ...array, alternatives: undefined };
    const strides = output.shape.map((_, axis) => output.shape.slice(axis + 1).reduce((one, other) => one * other, 1));
    const first = detail.first.reduce((sum, index, axis) => sum + index * strides[axis], 0);
    const when = detail.when ? `${detail.when}: ` : "", what = detail.where === "output" ? "" : `${detail.where} `;
    const name = `${when}${what}returned${detail.is_whole ? "" : " (recorded part)"}`;
    if (output.levels !== undefined) return heatMap({ ...array, name: `${when}${what}expected` }, first);
    const known = { start: detail.is_whole ? 0 : Math.max(first - 2, 0), numbers: detail.got, wrong: detail.wrong && new Set(detail.wrong) };
    return grid({ ...output, name }, (_, expected, at) => returned(at, expected, known));
  };

  const labelled = (lines) => {
    const width = Math.max(8, ...lines.map(([name]) => name.length));
    return lines.map(([name, line]) => `${name.padStart(width)}  ${line}`).join("\n");
  };

  const verdictSection = (at, target) => {
    const letter = cases[at].letters[target], detail = (details[at] || {})[target], { sign, text, tone } = words.get(letter);
    if (!detail) return null;
    // The returned array is drawn next to the expected array that it was compared with.
    const expected = ({ where, against }) => (cases[at].arrays || []).find((array) => array.name === where
      && (array.values !== undefined || array.levels !== undefined) && (against === undefined || !array.alternatives || array.alternatives.includes(against)));
    const wrong = (detail.returned || []).map((each) => [expected(each), each]).filter(([array]) => array);
    return make("section", {},
      make("h4", { class: tone }, `${sign} ${targets[target].name}: ${text}${detail.label ? `, ${detail.label}` : ""}`),
      ...detail.why.map((place) => make("p", {}, texts[place])),
      ...wrong.map(([array, each]) => wrongArray(array, each)),
      detail.lines && detail.lines.length ? make("pre", {}, labelled(detail.lines)) : null);
  };

  const place = document.getElementById("case");
  const show = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const at = byId.get(id);
    if (at === undefined) {
      if (id === "") place.replaceChildren();
      else if (!document.getElementById(id)) place.replaceChildren(make("p", { class: "bad" }, `This page has no case ${id}.`));
      return;
    }
    const each = cases[at];
    const right = [...words].find(([, { tone }]) => tone === "good");
    const agreeing = targets.filter((_, target) => each.letters[target] === right[0] && !(details[at] || {})[target]).map((target) => target.name);
    place.replaceChildren(
      make("h3", { tabindex: "-1" }, each.id),
      make("p", {}, ...prose(each.title)),
      make("p", {}, each.parameters || ""),
      make("ul", {}, ...areas.flatMap((area) => area.clauses).filter((clause) => each.clauses.includes(clause.id))
        .map((clause) => make("li", {}, `${clause.id}: `, ...prose(clause.sentence)))),
      each.arrays ? pictures(each) : "",
      agreeing.length ? make("p", { class: "good" }, `${right[1].sign} ${right[1].text}: ${agreeing.join(", ")}`) : "",
      ...targets.map((_, target) => verdictSection(at, target)).filter(Boolean));
    place.querySelector("h3").focus();
    place.scrollIntoView();
  };
  document.querySelectorAll("a[data-case]").forEach((each) => each.setAttribute("href", link(each.dataset.case)));
  addEventListener("hashchange", show);
  refresh();
  show();
})();
