// The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns.
'use strict';

const crypto = require('node:crypto');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const FUNCTION = path.join(__dirname, 'function.js');
const CONTAINER_ID = crypto.randomBytes(4).toString('hex');

const benchmark = load();
let cold = true;

/** The caller's mistake: HTTP status 400. */
class BadRequest extends Error {
  name = 'BadRequest';
}

/** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
module.exports = async (context, request) => {
  const isCold = cold;
  cold = false;
  const income = Date.now() / 1000;
  const requestId = context.invocationId;
  try {
    return response(200, await run(eventOf(request), requestId, income, isCold));
  } catch (error) {
    if (error instanceof BadRequest) return failure(400, error, requestId);
    context.log.error(error);
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

async function run(event, requestId, income, isCold) {
  event['request-id'] = requestId;
  event['income-timestamp'] = income;
  const logContainer = event.logs?.bucket;
  const module = await benchmark;
  const handler = module.handler ?? module.default?.handler;
  if (typeof handler !== 'function') throw new TypeError('function.js exports no function `handler`');

  const began = Date.now() * 1000;
  let clock = process.hrtime.bigint();
  const result = await handler(event);
  const computeTime = microsecondsSince(clock);

  let resultsTime = 0;
  if (logContainer) {
    clock = process.hrtime.bigint();
    await uploadLog(logContainer, requestId, result, computeTime);
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

function eventOf(request) {
  // The body as it came: the runtime's own reading of it depends on the content type.
  const body = request.rawBody ?? '';
  if (body.length === 0) return {};
  let event;
  try {
    event = JSON.parse(body.toString());
  } catch (error) {
    throw new BadRequest(`the request's body is not JSON: ${error.message}`);
  }
  if (!isObject(event)) throw new BadRequest("the request's body is JSON, but not an object");
  return event;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function uploadLog(container, requestId, result, computeTime) {
  const { BlobServiceClient } = require('@azure/storage-blob');
  const log = JSON.stringify(isObject(result) ? { ...result, time: computeTime } : { result, time: computeTime });
  const service = BlobServiceClient.fromConnectionString(process.env.STORAGE_CONNECTION_STRING);
  const blob = service.getContainerClient(container).getBlockBlobClient(`${requestId}.json`);
  await blob.upload(log, Buffer.byteLength(log), { blobHTTPHeaders: { blobContentType: 'application/json' } });
}

function response(status, body) {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

function failure(status, error, requestId) {
  const described = { type: error?.name ?? 'Error', message: error?.message ?? String(error) };
  return response(status, { error: described, request_id: requestId });
}

function microsecondsSince(clock) {
  return Number((process.hrtime.bigint() - clock) / 1000n);
}

function seconds(microseconds) {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`;
}
