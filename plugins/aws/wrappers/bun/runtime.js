// Lambda's Runtime API for Bun: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
'use strict';

const API = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

async function main() {
  let handler;
  try {
    handler = load(process.env._HANDLER ?? 'handler.handler');
  } catch (error) {
    await post('init/error', described(error));
    process.exit(1);
  }
  for (;;) await serve(handler);
}

/** The function that `module.name` names, beside this file. */
function load(name) {
  const dot = name.lastIndexOf('.');
  const handler = require(`./${name.slice(0, dot)}.js`)[name.slice(dot + 1)];
  if (typeof handler !== 'function') throw new TypeError(`${name} is no function`);
  return handler;
}

async function serve(handler) {
  // A function may wait for its next request for as long as it likes.
  const next = await fetch(`${API}/invocation/next`, { timeout: false });
  if (!next.ok) throw new Error(`the Runtime API answers ${next.status} when it is asked for a request`);
  const context = contextOf(next.headers);
  let answer;
  try {
    answer = await handler(await next.json(), context);
  } catch (error) {
    console.error(error);
    return post(`invocation/${context.awsRequestId}/error`, described(error));
  }
  return post(`invocation/${context.awsRequestId}/response`, answer ?? null);
}

function contextOf(headers) {
  const deadline = Number(headers.get('lambda-runtime-deadline-ms'));
  const trace = headers.get('lambda-runtime-trace-id');
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  return {
    awsRequestId: headers.get('lambda-runtime-aws-request-id'),
    invokedFunctionArn: headers.get('lambda-runtime-invoked-function-arn'),
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function described(error) {
  return {
    errorType: error?.name ?? 'Error',
    errorMessage: error?.message ?? String(error),
    trace: String(error?.stack ?? '').split('\n'),
  };
}

async function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${API}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`the Runtime API answers ${answer.status} to ${path}`);
}

main();
