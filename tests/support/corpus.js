// Reads the corpus as `conv-conformance export --json` writes it, and makes every call that worker.js can say.
// Usage: node corpus.js CORPUS; prints how many cases there are, how many were made, and the ids of those that differ.
"use strict";
const fs = require("fs");
const { NUMBERS, Refused, convolve, unsaid } = require("./worker.js");

const number = (value) => (value === "nan" ? NaN : value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value));

function bytesOf({ dtype, shape, values }) {
  return { dtype, shape, bytes: Buffer.from(NUMBERS[dtype].from(values.map(number)).buffer) };
}

function made(call) {
  const arrays = Object.fromEntries(Object.entries(call.arrays).map(([name, array]) => [name, bytesOf(array)]));
  try {
    return convolve(call, arrays);
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

function isSame(expected, { shape, bytes }) {
  const got = new NUMBERS[expected.dtype](Uint8Array.from(bytes).buffer);
  const wanted = expected.values.map(number);
  return shape.join() === expected.shape.join() && wanted.every((value, at) => value === got[at] || (value !== value && got[at] !== got[at]));
}

function holds(expect, result) {
  if ("any_of" in expect) return Object.values(expect.any_of).some((each) => holds(each, result));
  if ("refusal" in expect) return result === null;
  if (result === null) return false;
  return "output" in expect ? isSame(expect.output, result) : expect.shape.join() === result.shape.join();
}

const corpus = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const said = corpus.cases.filter(({ call }) => !unsaid(call));
const differing = said.filter(({ call, expect }) => !holds(expect, made(call))).map(({ id }) => id);
console.log(JSON.stringify({ format: corpus.format, cases: corpus.cases.length, made: said.length, differing }));
