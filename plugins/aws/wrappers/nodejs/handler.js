// The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns.
'use strict';

const path = require('node:path');

const FUNCTION = path.join(__dirname, 'function', 'function.js');

/**
 * Answers a direct invocation, an API Gateway or a function URL.
 *
 * An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it is a
 * response with status 500.
 */
exports.handler = async (event, context) => {
  const started = start();
  const requestId = context.awsRequestId;
  if (!isHttp(event)) {
    return response(200, await run(directRequest(event), requestId, started));
  }
  try {
    return response(200, await run(httpRequest(event), requestId, started));
  } catch (error) {
    if (error instanceof BadRequest) return response(400, errorBody(error, requestId));
    console.error(error);
    return response(500, errorBody(error, requestId));
  }
};

/** Whether it came from an API Gateway (REST or HTTP) or a function URL. */
function isHttp(event) {
  const context = event?.requestContext;
  return isObject(context) && ('http' in context || 'httpMethod' in event || 'httpMethod' in context);
}

function httpRequest(event) {
  return jsonObject(event.body && event.isBase64Encoded ? Buffer.from(event.body, 'base64') : event.body);
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

function response(status, body) {
  return { statusCode: status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}
