'use strict';

const { randomInt } = require('node:crypto');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const Mustache = require('mustache');

const TEMPLATE = path.join(__dirname, 'templates', 'page.html');
const LARGEST = 1_000_000;

/** Renders a page that greets `username` and lists `random_len` numbers. */
exports.handler = async (event) => {
  const { username, random_len: count } = event;
  if (!(count <= LARGEST)) throw new RangeError(`\`random_len\` is ${count}, not a number up to ${LARGEST}`);
  const began = performance.now();
  const numbers = new Set();
  while (numbers.size < count) numbers.add(randomInt(LARGEST));
  const page = Mustache.render(await Bun.file(TEMPLATE).text(), {
    username,
    time: new Date().toISOString(),
    numbers: [...numbers],
  });
  return { result: page, measurement: { compute_time: Math.round((performance.now() - began) * 1000) } };
};
