'use strict';

const { performance } = require('node:perf_hooks');
const { setTimeout: wait } = require('node:timers/promises');

/** Waits for `sleep` seconds. */
exports.handler = async (event) => {
  const { sleep: seconds } = event;
  // A timer takes anything, and waits no time for what is no number.
  if (typeof seconds !== 'number') throw new TypeError('the event has no number `sleep`');
  const began = performance.now();
  await wait(seconds * 1000);
  const slept = Math.round((performance.now() - began) * 1000);
  return { result: seconds, measurement: { sleep_time: slept } };
};
