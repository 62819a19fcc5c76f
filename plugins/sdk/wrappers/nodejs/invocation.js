// What an entry point does on every platform. Before this it has FUNCTION, the path of the benchmark's module.
const crypto = require('node:crypto');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

const CONTAINER_ID = crypto.randomBytes(4).toString('hex');

const benchmark = load();
let cold = true;

/** The caller's mistake: HTTP status 400. */
class BadRequest extends Error {
  name = 'BadRequest';
}

/** The benchmark's module, or the promise of one where require() cannot load an ES module. */
function load() {
  try {
    return require(FUNCTION);
  } catch (error) {
    if (!['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'].includes(error.code)) throw error;
    const loading = import(pathToFileURL(FUNCTION));
    // Whoever awaits it hears of the failure; without this it would end the process before.
    loading.catch(() => {});
    return loading;
  }
}

/** When a request came, in seconds, and whether it is the first of this process. */
function start() {
  const isCold = cold;
  cold = false;
  return { income: Date.now() / 1000, isCold };
}

/** Hands a request to the benchmark; the response's body. */
async function run(request, requestId, { income, isCold }) {
  if (isObject(request)) {
    request['request-id'] = requestId;
    request['income-timestamp'] = income;
  }
  const logBucket = request?.logs?.bucket;
  const module = await benchmark;
  const handler = module.handler ?? module.default?.handler;
  if (typeof handler !== 'function') throw new TypeError('function.js exports no function `handler`');

  const began = Date.now() * 1000;
  let clock = process.hrtime.bigint();
  const result = await handler(request);
  const computeTime = microsecondsSince(clock);

  let resultsTime = 0;
  if (logBucket) {
    clock = process.hrtime.bigint();
    const log = isObject(result) ? { ...result, time: computeTime } : { result, time: computeTime };
    const { storage } = createRequire(FUNCTION)('./storage');
    await storage.get_instance().write(logBucket, `${requestId}.json`, JSON.stringify(log));
    resultsTime = microsecondsSince(clock);
  }
  return {
    begin: seconds(began),
    end: seconds(began + computeTime),
    compute_time: computeTime,
    results_time: resultsTime,
    is_cold: isCold,
    result: result ?? null,
    request_id: requestId,
    container_id: CONTAINER_ID,
    cold_start_var: process.env.cold_start ?? '',
  };
}

/** The JSON object of a request's body, empty where there is none. */
function jsonObject(body) {
  if (body === undefined || body === null || body.length === 0) return {};
  let request;
  try {
    request = JSON.parse(body.toString());
  } catch (error) {
    throw new BadRequest(`the request's body is not JSON: ${error.message}`);
  }
  if (!isObject(request)) throw new BadRequest("the request's body is JSON, but not an object");
  return request;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body of a response that tells of an error. */
function errorBody(error, requestId) {
  const described = { type: error?.name ?? 'Error', message: error?.message ?? String(error) };
  return { error: described, request_id: requestId };
}

function microsecondsSince(clock) {
  return Number((process.hrtime.bigint() - clock) / 1000n);
}

function seconds(microseconds) {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`;
}
