// The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

// In a package the function is beside this file; else it is in the action's image.
const ROOT = fs.existsSync(path.join(__dirname, 'function')) ? __dirname : '/function';
const FUNCTION = path.join(ROOT, 'function', 'function.js');
const SETTINGS = ['MINIO_STORAGE_', 'NOSQL_STORAGE_'];
const WEB = '__ow_';

/**
 * Answers an invocation or a web action.
 *
 * An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action it is
 * a response with status 500.
 */
exports.main = async (parameters) => {
  const started = start();
  // Another activation may set it while this one waits.
  const requestId = process.env.__OW_ACTIVATION_ID ?? '';
  const event = takeSettings(parameters);
  if (!('__ow_method' in event)) return run(directRequest(event), requestId, started);
  try {
    return await run(httpRequest(event), requestId, started);
  } catch (error) {
    if (error instanceof BadRequest) return failure(400, error, requestId);
    console.error(error);
    return failure(500, error, requestId);
  }
};

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
  if (typeof (body ?? '') !== 'string') throw new BadRequest("the request's body is JSON, but not an object");
  // OpenWhisk encodes the body of some content types, and does not say which it did.
  const decoded = Buffer.from(String(body ?? ''), 'base64');
  return jsonObject(decoded.toString('base64') === body ? decoded.toString() : body);
}

/** The event, or the JSON object that is its body's text. */
function directRequest(event) {
  if (typeof event.body === 'string') {
    try {
      return jsonObject(event.body);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
    }
  }
  return event;
}

/** A web action's response with a status; OpenWhisk looks for it in `error` where something failed. */
function failure(status, error, requestId) {
  const headers = { 'Content-Type': 'application/json' };
  return { error: { statusCode: status, headers, body: errorBody(error, requestId) } };
}
