// The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns.
'use strict';

const path = require('node:path');

const FUNCTION = path.join(__dirname, 'function.js');

/** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
module.exports = async (context, request) => {
  const started = start();
  const requestId = context.invocationId;
  try {
    // The body as it came: the runtime's own reading of it depends on the content type.
    return response(200, await run(jsonObject(request.rawBody), requestId, started));
  } catch (error) {
    if (error instanceof BadRequest) return response(400, errorBody(error, requestId));
    context.log.error(error);
    return response(500, errorBody(error, requestId));
  }
};

function response(status, body) {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}
