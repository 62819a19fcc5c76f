// The key-value database: Amazon DynamoDB.
'use strict';

let connected;

/** Made when it is first needed. */
function service() {
  connected ??= connect({});
  return connected;
}

function naming(variable) {
  return `set ${variable} to the name of the table`;
}
