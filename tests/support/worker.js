// A worker in plain loops: `conv` of one and two spatial axes, float32 and int32. Written from docs/reference/protocol.md.
// Usage: node worker.js CALLS PROGRESS FD
"use strict";
const fs = require("fs");

const PROTOCOL = "conv-conformance-worker/1";
const [IDLE, CALL] = [0, 2];
const NUMBERS = { float32: Float32Array, int32: Int32Array };

class Refused extends Error {}
function refuseIf(isWrong, why) {
  if (isWrong) throw new Refused(why);
}

function* messages(path) {
  const file = fs.readFileSync(path);
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf(10, at);
    const message = JSON.parse(file.toString("utf8", at, end));
    at = end + 1;
    const arrays = {};
    for (const [name, dtype, shape, size] of message.arrays ?? []) {
      arrays[name] = { dtype, shape, bytes: file.subarray(at, (at += size)) };
    }
    yield [message, arrays];
  }
}

// Why a call cannot be said here, or nothing.
function unsaid(call) {
  if (call.op !== "conv") return `no ${call.op}`;
  if (call.layout.input.length > 4) return "no third spatial axis";
  const dtypes = new Set(Object.values(call.dtype));
  if (dtypes.size > 1 || !(call.dtype.input in NUMBERS)) return "no dtypes but float32 and int32, the same for all arrays";
  if (call.padding_mode !== "zeros" || call.input_dilations.some((q) => q !== 1)) return "no padding_mode, no input_dilations";
  if (call.before) return "no step before the convolution";
  if (call.variation || call.gradients) return "no variations, no gradients";
  if (Object.values(call.storage).some((storage) => storage !== "contiguous")) return "no storage but contiguous";
}

// An array as numbers, with the extent and step of each axis by its letter.
function read({ dtype, shape, bytes }, letters) {
  refuseIf(shape.length !== letters.length, `an array of ${shape.length} axes for the layout ${letters}`);
  const copy = Uint8Array.from(bytes);
  const array = { at: new NUMBERS[dtype](copy.buffer), size: {}, step: {} };
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]) {
    array.size[letters[axis]] = shape[axis];
    array.step[letters[axis]] = step;
  }
  return array;
}

function pads(call, axis, w, k, s) {
  if (typeof call.padding !== "string") return call.padding[axis];
  if (call.padding === "valid") return [0, 0];
  if (call.padding === "full") return [k - 1, k - 1];
  if (call.padding === "causal") return [k - 1, 0];
  const total = Math.max((Math.ceil(w / s) - 1) * s + k - w, 0);
  const low = call.padding === "same" ? Math.floor(total / 2) : Math.ceil(total / 2);
  return [low, total - low];
}

// One spatial axis: how many positions, and which input element a tap reads at a position, which there are.
function axisOf(call, axis, w, taps) {
  const [s, d] = [call.strides[axis], call.dilations[axis]];
  refuseIf(!(s >= 1 && d >= 1), "strides and dilations are at least 1");
  const window = taps ? (taps - 1) * d + 1 : 0;
  const [low, high] = pads(call, axis, w, window, s);
  const count = Math.max(Math.floor((w + low + high - window) / s) + 1, 0);
  return { count, taps, reads: (position, tap) => position * s + tap * d - low, has: (index) => index >= 0 && index < w };
}

const ONE = { count: 1, taps: 1, reads: () => 0, has: () => true };

function convolve(call, arrays) {
  const rank = call.layout.input.length - 2;
  const spatial = rank === 1 ? "W" : "HW";
  refuseIf([call.strides, call.dilations].some((list) => list.length !== rank), "one stride and dilation for each spatial axis");
  const word = rank === 1 ? /^(valid|same|same_lower|full|causal)$/ : /^(valid|same|same_lower|full)$/;
  refuseIf(!(typeof call.padding === "string" ? word.test(call.padding) : call.padding.length === rank), "no such padding");
  const [x, k] = [read(arrays.input, call.layout.input), read(arrays.kernel, call.layout.kernel)];
  const { I, O } = k.size;
  const perGroup = O / call.groups;
  refuseIf(!(call.groups >= 1) || !Number.isInteger(perGroup), "groups must divide the output channels");
  refuseIf(I * call.groups !== x.size.C, "the kernel's channels times groups must be those of the input");
  refuseIf(arrays.bias && arrays.bias.shape.join() !== String(O), "one bias for each output channel");
  const bias = arrays.bias && read(arrays.bias, "O");
  const axes = [...spatial].map((letter, axis) => axisOf(call, axis, x.size[letter], k.size[letter]));
  const [rows, columns] = rank === 1 ? [ONE, axes[0]] : axes;
  const size = { N: x.size.N, H: rows.count, W: columns.count, C: O };
  const shape = [...call.layout.output].map((letter) => size[letter]);
  const length = shape.reduce((product, extent) => product * extent, 1);
  const y = read({ dtype: call.dtype.output, shape, bytes: new Uint8Array(4 * length) }, call.layout.output);
  const isInteger = call.dtype.output === "int32";
  const step = (array, letter) => array.step[letter] ?? 0;
  for (let n = 0; n < size.N; n++)
    for (let h = 0; h < size.H; h++)
      for (let w = 0; w < size.W; w++)
        for (let o = 0; o < O; o++) {
          let sum = bias ? bias.at[o] : 0;
          const first = Math.floor(o / perGroup) * I;
          for (let a = 0; a < rows.taps; a++)
            for (let b = 0; b < columns.taps; b++) {
              const [i, j] = [rows.reads(h, a), columns.reads(w, b)];
              if (!rows.has(i) || !columns.has(j)) continue;
              const from = n * x.step.N + i * step(x, "H") + j * x.step.W + first * x.step.C;
              const tap = a * step(k, "H") + b * k.step.W + o * k.step.O;
              for (let c = 0; c < I; c++) {
                const [value, weight] = [x.at[from + c * x.step.C], k.at[tap + c * k.step.I]];
                sum = isInteger ? (sum + Math.imul(value, weight)) | 0 : sum + value * weight;
              }
            }
          y.at[n * y.step.N + h * step(y, "H") + w * y.step.W + o * y.step.C] = sum;
        }
  return { shape, bytes: Buffer.from(y.at.buffer) };
}

function answer(call, arrays) {
  const why = unsaid(call);
  if (why) return [{ case: call.case, outcome: "unsupported", message: why }];
  try {
    const { shape, bytes } = convolve(call, arrays);
    const described = [["output", call.dtype.output, shape, bytes.length]];
    return [{ case: call.case, outcome: "returned", call: "convolve(call)", arrays: described }, bytes];
  } catch (error) {
    const outcome = error instanceof Refused ? "raised" : "suite-error";
    return [{ case: call.case, outcome, phase: "call", message: error.message }];
  }
}

function main([calls, progress, descriptor]) {
  const marks = fs.openSync(progress, "r+");
  const mark = (number, phase) => fs.writeSync(marks, new BigInt64Array([BigInt(number), BigInt(phase)]), 0, 16, 0);
  const send = (message, bytes) => {
    let rest = Buffer.concat([Buffer.from(JSON.stringify(message) + "\n"), bytes ?? Buffer.alloc(0)]);
    while (rest.length) rest = rest.subarray(fs.writeSync(Number(descriptor), rest));
  };
  const all = messages(calls);
  const [header] = all.next().value;
  if (header.protocol !== PROTOCOL) return send({ unavailable: `this worker speaks ${PROTOCOL}, not ${header.protocol}` });
  send({ ready: { framework: "javascript", version: process.version } });
  for (const [call, arrays] of all) {
    mark(call.case, CALL);
    send(...answer(call, arrays));
    mark(call.case, IDLE);
  }
  send({ done: true });
}

if (require.main === module) main(process.argv.slice(2)); else module.exports = { NUMBERS, Refused, convolve, unsaid };
