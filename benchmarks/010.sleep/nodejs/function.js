'use strict';

const { performance } = require('node:perf_hooks');
const { setTimeout: wait } = require('node:timers/promises');

/** Waits for `sleep` seconds. */
exports.handler = async (event) => {
  const began = performance.now();
  await wait(event.sleep * 1000);
  const slept = Math.round((performance.now() - began) * 1000);
  return { result: event.sleep, measurement: { sleep_time: slept } };
};
