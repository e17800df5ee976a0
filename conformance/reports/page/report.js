"use strict";
(() => {
  const sheet = JSON.parse(document.getElementById("data").textContent);
  const { targets, areas, cases, details, texts } = sheet;
  const WORDS = {
    s: ["✗", "disagree, silent"], l: ["!", "disagree, loud"], p: ["≈", "disagree, precision"], c: ["!", "crash"],
    t: ["!", "timeout"], e: ["!", "suite-error"], k: ["k", "known"], f: ["f", "fixed"], a: ["✓", "agree"],
    u: ["–", "unsupported"], n: ["·", "not-run"], "-": ["", "not asked"],
  };
  // What is told of many verdicts: the worst of them.
  const ORDER = "eslctpkfaun-";
  const SHOWN = 100;

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value);
      else if (value !== false && value !== undefined) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };

  // Half of a surrogate pair is text, but no part of an address.
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
    const worst = [...ORDER].find((letter) => counts[letter]) || "-";
    const [sign, word] = WORDS[worst];
    const said = `${name} on ${targets[target].name}: ${word} ${counts[worst] || 0} of ${members.length}`;
    const text = worst === "-" ? "" : `${sign} ${counts[worst]}/${members.length}`;
    const show = () => { choose({ target: String(target), clause, verdict: "slctepkf".includes(worst) ? worst : "" }); };
    return make("td", { class: worst === "-" ? "none" : worst }, text && make("button", { type: "button", "aria-label": said, title: said, click: show }, text));
  };

  const rows = document.querySelector("#areas tbody");
  areas.forEach((area, number) => {
    let clauses = null;
    const unfold = (event) => {
      const button = event.currentTarget;
      if (clauses === null) {
        clauses = area.clauses.map((clause) => make("tr", { class: "clause" },
          make("th", { scope: "row", title: clause.sentence }, clause.id),
          ...targets.map((_, target) => cell(citing.get(clause.id) || [], target, clause.id, clause.id))));
        button.closest("tr").after(...clauses);
      } else clauses.forEach((row) => { row.hidden = !row.hidden; });
      button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") === "false"));
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
  options("verdict", [...ORDER].slice(0, -1).filter((letter) => cases.some((each) => each.letters.includes(letter))).map((letter) => [letter, WORDS[letter][1]]));
  options("op", seen((each) => each.op).map((name) => [name, name]));
  options("dtype", seen((each) => each.dtype).map((name) => [name, name]));
  areas.forEach((area, number) => options("clause", [[`area:${number}`, area.title], ...area.clauses.map((each) => [each.id, `   ${each.id}`])]));
  options("cause", [...new Set(Object.keys(details).flatMap(causesOf))].sort().map((name) => [name, name]));

  const wanted = () => {
    const value = (name) => form.elements[name].value;
    const target = value("target"), verdict = value("verdict"), clause = value("clause");
    const inArea = clause.startsWith("area:") ? new Set(areaCases[Number(clause.slice(5))]) : null;
    const text = value("text").toLowerCase();
    return cases.flatMap((each, at) => {
      if (value("op") && each.op !== value("op")) return [];
      if (value("dtype") && each.dtype !== value("dtype")) return [];
      if (inArea ? !inArea.has(at) : clause && !each.clauses.includes(clause)) return [];
      if (target && each.letters[target] === "-") return [];
      if (verdict && !(target ? each.letters[target] === verdict : each.letters.includes(verdict))) return [];
      if (value("cause") && !causesOf(at).includes(value("cause"))) return [];
      if (text && !`${each.id} ${each.title}`.toLowerCase().includes(text)) return [];
      return [at];
    });
  };

  const list = document.querySelector("#list tbody"), more = document.getElementById("more");
  let found = [];
  const row = (at) => make("tr", {},
    make("th", { scope: "row" }, make("a", { href: link(cases[at].id) }, cases[at].id)),
    ...[...cases[at].letters].map((letter) => make("td", { class: letter === "-" ? "none" : letter, title: WORDS[letter][1] },
      make("span", { role: "img", "aria-label": WORDS[letter][1] }, WORDS[letter][0]))));
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
    document.getElementById("cases").scrollIntoView();
  };
  form.addEventListener("input", refresh);
  document.getElementById("all").addEventListener("click", () => { choose({}); });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", append);

  // --- One case.

  // Columns are the last spatial axis, rows the one before it; what else an array has is a table of its own.
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

  // Of a wrong output a few numbers are recorded, up to which it is right: what comes behind them is not known.
  const returned = (place, expected, { start, numbers }) => {
    const got = place < start ? expected : numbers[place - start];
    if (got === undefined) return make("td", { class: "none", title: "not recorded" }, "?");
    return make("td", got === expected ? {} : { class: "differs", title: `expected ${expected}` }, got);
  };

  const grid = (array, marks, cellOf) => {
    const title = `${array.name} ${array.shape.join("×")} ${array.axes}`;
    if (array.values === undefined) return make("p", {}, `${title}: too large to be drawn`);
    const values = array.values.split(" "), { letters, strides, columns, rows, tables, wide, high } = laid(array);
    const drawn = tables.map((outer) => {
      const body = make("tbody");
      for (let row = 0; row < high; row += 1) {
        body.append(make("tr", {}, ...Array.from({ length: wide }, (_, column) => {
          const at = { ...outer, [letters[columns]]: column, ...(rows < 0 ? {} : { H: row }) };
          const place = letters.reduce((sum, letter, axis) => sum + at[letter] * strides[axis], 0);
          if (marks !== undefined) return returned(place, values[place], marks);
          return cellOf ? cellOf(at, values[place]) : make("td", {}, values[place]);
        })));
      }
      const places = Object.entries(outer).map(([letter, index]) => `${letter} ${index}`).join(", ");
      return make("table", { class: "grid" }, make("caption", {}, places), body);
    });
    return make("figure", {}, make("figcaption", {}, title), make("div", { class: "grids", tabindex: "0", role: "group", "aria-label": title }, ...drawn));
  };

  // An element of the output shows what it reads.
  const pictures = (each) => {
    const cells = [];
    const cellOf = {
      input: (at, value) => {
        const cell = make("td", {}, value);
        cells.push([at, cell]);
        return cell;
      },
      output: (at, value) => {
        const reads = Object.entries(each.reads);
        const mark = (is) => cells.forEach(([place, cell]) => {
          const read = place.N === at.N && reads.every(([letter, found]) => found[at[letter]].includes(place[letter]));
          cell.classList.toggle("read", is && read);
        });
        const on = () => mark(true), off = () => mark(false);
        return make("td", {}, make("button", { type: "button", mouseenter: on, mouseleave: off, focus: on, blur: off }, value));
      },
    };
    const has = each.reads && Object.keys(each.reads).length > 0;
    return make("div", {},
      has ? make("p", {}, "An element of the output shows which elements of the input its window reads.") : null,
      make("div", { class: "grids" }, ...each.arrays.map((array) => grid(array, undefined, has ? cellOf[array.name] : undefined))));
  };

  const gotten = (array, detail) => {
    const strides = array.shape.map((_, axis) => array.shape.slice(axis + 1).reduce((one, other) => one * other, 1));
    const first = detail.first.reduce((sum, index, axis) => sum + index * strides[axis], 0);
    return { start: detail.is_whole ? 0 : Math.max(first - 2, 0), numbers: detail.got };
  };

  const told = (at, target) => {
    const letter = cases[at].letters[target], detail = (details[at] || {})[target];
    if (letter === "-" || (letter === "a" && !detail)) return null;
    const output = (cases[at].arrays || []).find((array) => array.name === "output");
    return make("section", {},
      make("h4", { class: letter }, `${WORDS[letter][0]} ${targets[target].name}: ${WORDS[letter][1]}${detail.label ? `, ${detail.label}` : ""}`),
      detail.known !== undefined ? make("p", {}, `known: ${texts[detail.known]}`) : null,
      detail.alternative !== undefined ? make("p", {}, `alternative: ${texts[detail.alternative]}`) : null,
      texts[detail.message] ? make("p", {}, texts[detail.message]) : null,
      detail.first && output && output.values !== undefined
        ? grid({ ...output, name: detail.is_whole ? "returned" : "returned, as far as it is recorded" }, gotten(output, detail)) : null,
      detail.lines && detail.lines.length
        ? make("pre", {}, detail.lines.map(([name, text]) => `${name.padStart(8)}  ${text}`).join("\n")) : null);
  };

  const place = document.getElementById("case");
  const show = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const at = byId.get(id);
    if (at === undefined) return;
    const each = cases[at];
    const agreeing = targets.filter((_, target) => each.letters[target] === "a").map((target) => target.name);
    place.replaceChildren(
      make("h3", { tabindex: "-1" }, each.id),
      make("p", {}, each.title),
      make("p", {}, each.parameters || ""),
      make("ul", {}, ...areas.flatMap((area) => area.clauses).filter((clause) => each.clauses.includes(clause.id))
        .map((clause) => make("li", {}, `${clause.id}: ${clause.sentence}`))),
      each.arrays ? pictures(each) : "",
      agreeing.length ? make("p", { class: "a" }, `✓ ${agreeing.join(", ")}`) : "",
      ...targets.map((_, target) => told(at, target)).filter(Boolean));
    place.querySelector("h3").focus();
    place.scrollIntoView();
  };
  addEventListener("hashchange", show);
  refresh();
  show();
})();
