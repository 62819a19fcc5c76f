// The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns.
'use strict';

const path = require('node:path');

const FUNCTION = path.join(__dirname, 'function', 'function.js');

/** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
exports.handler = async (request, response) => {
  const started = start();
  const requestId = requestIdOf(request);
  try {
    // The body as it came: the framework's own reading of it depends on the content type.
    respond(response, 200, await run(jsonObject(request.rawBody), requestId, started));
  } catch (error) {
    if (error instanceof BadRequest) return respond(response, 400, errorBody(error, requestId));
    console.error(error);
    respond(response, 500, errorBody(error, requestId));
  }
};

/** The id of the trace, `TRACE/SPAN;o=OPTIONS`, or of the execution; a random one where there is neither. */
function requestIdOf(request) {
  const [trace] = (request.get('X-Cloud-Trace-Context') ?? '').split(/[/;]/);
  return trace || request.get('Function-Execution-Id') || crypto.randomBytes(16).toString('hex');
}

function respond(response, status, body) {
  response.status(status).set('Content-Type', 'application/json').send(JSON.stringify(body));
}
