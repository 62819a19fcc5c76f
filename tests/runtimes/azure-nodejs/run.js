// Runs a function app as the runtime of Azure Functions for Node.js does: run.js APP PORT MODULES
//
// Functions are found and loaded by host.json and their function.json. The real library of the programming model v3
// makes a function's context and request of the host's messages, and the host's message of its response; here are the
// host and the worker around it.
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const [app, port, modules] = [path.resolve(process.argv[2]), Number(process.argv[3]), process.argv[4]];

let model;
const load = Module._load;
// The worker's side of the library: no package has it.
Module._load = function (name, ...rest) {
  if (name === '@azure/functions-core') return { setProgrammingModel: (given) => (model = given) };
  return load.call(this, name, ...rest);
};
// MODULES is not where functions look for their packages.
Module.createRequire(path.join(modules, 'run.js'))('@azure/functions').setup();

/** As the worker takes a script for an ES module or not. */
async function loadScript(file, manifest) {
  const isModule = file.endsWith('.mjs') || (!file.endsWith('.cjs') && manifest.type === 'module');
  return isModule ? import(pathToFileURL(file)) : require(file);
}

async function loadFunction(folder, manifest) {
  const { scriptFile, bindings } = readJson(path.join(folder, 'function.json'));
  const byName = Object.fromEntries(bindings.map((binding) => [binding.name, binding]));
  const [trigger, ...others] = bindings.filter(({ type }) => type === 'httpTrigger');
  assert.ok(others.length === 0 && trigger.direction === 'in' && trigger.authLevel === 'anonymous');
  assert.deepStrictEqual(byName.$return, { type: 'http', direction: 'out', name: '$return' });
  const script = await loadScript(path.join(folder, scriptFile), manifest);
  const call = typeof script === 'function' ? script : script.default;
  assert.strictEqual(typeof call, 'function', `${scriptFile} exports no function`);
  return {
    metadata: { name: path.basename(folder), directory: folder, bindings: byName },
    methods: trigger.methods.map((method) => method.toUpperCase()),
    trigger: trigger.name,
    call,
  };
}

async function invoke({ metadata, trigger, call }, request, body) {
  const invocationId = crypto.randomUUID();
  const invocation = model.getInvocationModel({
    invocationId,
    metadata,
    request: { invocationId, triggerMetadata: {}, inputData: [{ name: trigger, data: { http: message(request, body) } }] },
    log: (level, category, text) => console.error(`[${level}] ${text}`),
  });
  const { context, inputs } = await invocation.getArguments();
  const result = await invocation.invokeFunction(context, inputs, call);
  const { returnValue } = await invocation.getResponse(context, result);
  return returnValue.http;
}

/** A request as the host tells it. */
function message(request, body) {
  const text = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  return {
    method: request.method,
    url: url.href,
    nullableHeaders: text(request.headers),
    nullableQuery: text(Object.fromEntries(url.searchParams)),
    nullableParams: {},
    // The worker asks for bytes; an empty body is none.
    body: body.length > 0 ? { bytes: body } : null,
  };
}

async function answer(functions, request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const found = functions[new URL(request.url, 'http://host').pathname.replace(/^\/api\//, '')];
  if (!found?.methods.includes(request.method)) return response.writeHead(404).end();
  const { statusCode, headers, body } = await invoke(found, request, Buffer.concat(chunks));
  response.writeHead(Number(statusCode), headers).end(body.string ?? body.bytes ?? body.json);
}

function readJson(file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

async function main() {
  const { version, extensionBundle } = readJson(path.join(app, 'host.json'));
  assert.strictEqual(version, '2.0');
  const bundle = { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.0.0, 5.0.0)' };
  assert.deepStrictEqual(extensionBundle, bundle);
  const manifest = readJson(path.join(app, 'package.json'));
  const functions = {};
  for (const name of fs.readdirSync(app)) {
    const folder = path.join(app, name);
    if (fs.existsSync(path.join(folder, 'function.json'))) functions[name] = await loadFunction(folder, manifest);
  }
  const server = http.createServer((request, response) => {
    answer(functions, request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  server.listen(port, '127.0.0.1');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
