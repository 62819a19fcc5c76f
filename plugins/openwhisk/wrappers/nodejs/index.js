// The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

// In a package the function is beside this file; else it is in the action's image.
const ROOT = fs.existsSync(path.join(__dirname, 'function')) ? __dirname : '/function';
const FUNCTION = path.join(ROOT, 'function', 'function.js');
const CONTAINER_ID = crypto.randomBytes(4).toString('hex');
const SETTINGS = ['MINIO_STORAGE_', 'NOSQL_STORAGE_'];
const WEB = '__ow_';

const benchmark = load();
let cold = true;

/** The caller's mistake: HTTP status 400. */
class BadRequest extends Error {
  name = 'BadRequest';
}

/**
 * Answers an invocation or a web action.
 *
 * An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action it is
 * a response with status 500.
 */
exports.main = async (parameters) => {
  const isCold = cold;
  cold = false;
  const income = Date.now() / 1000;
  // Another activation may set it while this one waits.
  const requestId = process.env.__OW_ACTIVATION_ID ?? '';
  const event = takeSettings(parameters);
  if (!('__ow_method' in event)) return run(directRequest(event), requestId, income, isCold);
  try {
    return await run(httpRequest(event), requestId, income, isCold);
  } catch (error) {
    if (error instanceof BadRequest) return failure(400, error, requestId);
    console.error(error);
    return failure(500, error, requestId);
  }
};

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

async function run(request, requestId, income, isCold) {
  request['request-id'] = requestId;
  request['income-timestamp'] = income;
  const logBucket = request.logs?.bucket;
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
    await uploadLog(logBucket, requestId, result, computeTime);
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

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The parameters without the settings, which go where storage and nosql read them. */
function takeSettings(parameters) {
  const event = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (SETTINGS.some((prefix) => name.startsWith(prefix))) process.env[name] = String(value);
    else event[name] = value;
  }
  return event;
}

/** What a web action was sent: its parameters, or the JSON object of a raw body. */
function httpRequest(event) {
  if (!('__ow_body' in event)) {
    return Object.fromEntries(Object.entries(event).filter(([name]) => !name.startsWith(WEB)));
  }
  const body = event.__ow_body;
  if (isObject(body)) return body;
  if (body === undefined || body === null || body === '') return {};
  // OpenWhisk encodes the body of some content types, and does not say which it did.
  const decoded = Buffer.from(String(body), 'base64');
  return jsonObject(decoded.toString('base64') === body ? decoded.toString() : body);
}

function jsonObject(text) {
  let request;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new BadRequest(`the request's body is not JSON: ${error.message}`);
  }
  if (!isObject(request)) throw new BadRequest("the request's body is JSON, but not an object");
  return request;
}

/** The event, or the JSON object that is its body's text. */
function directRequest(event) {
  if (typeof event.body === 'string') {
    try {
      return event.body ? jsonObject(event.body) : {};
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
    }
  }
  return event;
}

async function uploadLog(bucket, requestId, result, computeTime) {
  const { storage } = createRequire(FUNCTION)('./storage.js');
  const log = isObject(result) ? { ...result, time: computeTime } : { result, time: computeTime };
  await storage.get_instance().put(bucket, `${requestId}.json`, JSON.stringify(log));
}

/** A web action's response with a status; OpenWhisk looks for it in `error` where something failed. */
function failure(status, error, requestId) {
  const described = { type: error?.name ?? 'Error', message: error?.message ?? String(error) };
  const body = { error: described, request_id: requestId };
  return { error: { statusCode: status, headers: { 'Content-Type': 'application/json' }, body } };
}

function microsecondsSince(clock) {
  return Number((process.hrtime.bigint() - clock) / 1000n);
}

function seconds(microseconds) {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`;
}
