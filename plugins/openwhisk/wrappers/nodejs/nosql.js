// The key-value database: ScyllaDB, by its DynamoDB API.
'use strict';

let connected;

/** Made when it is first needed, and when the action's settings have changed. */
function service() {
  const url = endpoint();
  if (connected?.url !== url) {
    // The service asks for no region and no key, but the SDK does.
    const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
    connected = { url, ...connect({ endpoint: url, region: 'us-east-1', credentials }) };
  }
  return connected;
}

function naming(variable) {
  return `call the action with ${variable}, the name of the table`;
}

/** The URL of the setting, which is a host and a port. */
function endpoint() {
  const kind = process.env.NOSQL_STORAGE_TYPE ?? 'scylladb';
  if (kind !== 'scylladb') {
    throw new Error(`NOSQL_STORAGE_TYPE is "${kind}", but this function was built for "scylladb"`);
  }
  const address = process.env.NOSQL_STORAGE_ENDPOINT;
  if (!address) throw new Error('nosql has no address: call the action with NOSQL_STORAGE_ENDPOINT, HOST:PORT');
  return address.includes('://') ? address : `http://${address}`;
}
