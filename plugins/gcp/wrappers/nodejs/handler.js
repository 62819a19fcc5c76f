// The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns.
'use strict';

const crypto = require('node:crypto');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const FUNCTION = path.join(__dirname, 'function', 'function.js');
const CONTAINER_ID = crypto.randomBytes(4).toString('hex');

const benchmark = load();
let cold = true;

/** The caller's mistake: HTTP status 400. */
class BadRequest extends Error {
  name = 'BadRequest';
}

/** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
exports.handler = async (request, response) => {
  const isCold = cold;
  cold = false;
  const income = Date.now() / 1000;
  const requestId = requestIdOf(request);
  try {
    respond(response, 200, await run(eventOf(request), requestId, income, isCold));
  } catch (error) {
    if (error instanceof BadRequest) return fail(response, 400, error, requestId);
    console.error(error);
    fail(response, 500, error, requestId);
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

async function run(event, requestId, income, isCold) {
  event['request-id'] = requestId;
  event['income-timestamp'] = income;
  const logBucket = event.logs?.bucket;
  const module = await benchmark;
  const handler = module.handler ?? module.default?.handler;
  if (typeof handler !== 'function') throw new TypeError('function.js exports no function `handler`');

  const began = Date.now() * 1000;
  let clock = process.hrtime.bigint();
  const result = await handler(event);
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

/** The id of the trace, `TRACE/SPAN;o=OPTIONS`, or of the execution; a random one where there is neither. */
function requestIdOf(request) {
  const [trace] = (request.get('X-Cloud-Trace-Context') ?? '').split(/[/;]/);
  return trace || request.get('Function-Execution-Id') || crypto.randomBytes(16).toString('hex');
}

function eventOf(request) {
  // The body as it came: the framework's own reading of it depends on the content type.
  if (!request.rawBody?.length) return {};
  let event;
  try {
    event = JSON.parse(request.rawBody.toString());
  } catch (error) {
    throw new BadRequest(`the request's body is not JSON: ${error.message}`);
  }
  if (!isObject(event)) throw new BadRequest("the request's body is JSON, but not an object");
  return event;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function uploadLog(bucket, requestId, result, computeTime) {
  const { Storage } = require('@google-cloud/storage');
  const log = isObject(result) ? { ...result, time: computeTime } : { result, time: computeTime };
  const file = new Storage().bucket(bucket).file(`${requestId}.json`);
  await file.save(JSON.stringify(log), { contentType: 'application/json', resumable: false });
}

function respond(response, status, body) {
  response.status(status).set('Content-Type', 'application/json').send(JSON.stringify(body));
}

function fail(response, status, error, requestId) {
  const described = { type: error?.name ?? 'Error', message: error?.message ?? String(error) };
  respond(response, status, { error: described, request_id: requestId });
}

function microsecondsSince(clock) {
  return Number((process.hrtime.bigint() - clock) / 1000n);
}

function seconds(microseconds) {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`;
}
