'use strict';

const { randomInt } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const Mustache = require('mustache');

const TEMPLATE = path.join(__dirname, 'templates', 'page.html');
const LARGEST = 1_000_000;

/** Renders a page that greets `username` and lists `random_len` numbers. */
exports.handler = async (event) => {
  const began = performance.now();
  const numbers = new Set();
  while (numbers.size < event.random_len) numbers.add(randomInt(LARGEST));
  const page = Mustache.render(await fs.readFile(TEMPLATE, 'utf8'), {
    username: event.username,
    time: new Date().toISOString(),
    numbers: [...numbers],
  });
  return { result: page, measurement: { compute_time: Math.round((performance.now() - began) * 1000) } };
};
