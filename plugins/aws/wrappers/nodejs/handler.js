// The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns.
'use strict';

const crypto = require('node:crypto');
const { createRequire } = require('node:module');
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

/**
 * Answers a direct invocation, an API Gateway or a function URL.
 *
 * An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it is a
 * response with status 500.
 */
exports.handler = async (event, context) => {
  const isCold = cold;
  cold = false;
  const income = Date.now() / 1000;
  if (!isHttp(event)) {
    return response(200, await run(directRequest(event), context, income, isCold));
  }
  try {
    return response(200, await run(httpRequest(event), context, income, isCold));
  } catch (error) {
    if (error instanceof BadRequest) return failure(400, error, context);
    console.error(error);
    return failure(500, error, context);
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

async function run(request, context, income, isCold) {
  const requestId = context.awsRequestId;
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

/** Whether it came from an API Gateway (REST or HTTP) or a function URL. */
function isHttp(event) {
  const context = event?.requestContext;
  return isObject(context) && ('http' in context || 'httpMethod' in event || 'httpMethod' in context);
}

function httpRequest(event) {
  if (event.body === undefined || event.body === null || event.body === '') return {};
  let request;
  try {
    const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
    request = JSON.parse(text);
  } catch (error) {
    throw new BadRequest(`the request's body is not JSON: ${error.message}`);
  }
  if (!isObject(request)) throw new BadRequest("the request's body is JSON, but not an object");
  return request;
}

/** The event, or the JSON object that is its body's text. */
function directRequest(event) {
  if (typeof event?.body === 'string') {
    try {
      return httpRequest(event);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
    }
  }
  return event;
}

async function uploadLog(bucket, requestId, result, computeTime) {
  // The SDK lies beside the benchmark, if it is packaged.
  const { S3Client, PutObjectCommand } = createRequire(FUNCTION)('@aws-sdk/client-s3');
  const log = isObject(result) ? { ...result, time: computeTime } : { result, time: computeTime };
  const object = { Bucket: bucket, Key: `${requestId}.json`, Body: JSON.stringify(log) };
  await new S3Client({}).send(new PutObjectCommand(object));
}

function response(status, body) {
  return { statusCode: status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

function failure(status, error, context) {
  const described = { type: error?.name ?? 'Error', message: error?.message ?? String(error) };
  return response(status, { error: described, request_id: context.awsRequestId });
}

function microsecondsSince(clock) {
  return Number((process.hrtime.bigint() - clock) / 1000n);
}

function seconds(microseconds) {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`;
}
