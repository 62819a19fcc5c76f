// The key-value database: ScyllaDB, by its DynamoDB API.
'use strict';

let instance;

/** What benchmarks call; keys are pairs [name, value]. The SDK is loaded when it is first needed. */
class nosql {
  /** The one instance. */
  static get_instance() {
    instance ??= new nosql();
    return instance;
  }

  /** Writes an item, in place of one that has the same keys. */
  async insert(table, primary, secondary, data) {
    const item = { ...data, ...Object.fromEntries([primary, secondary]) };
    await send('PutCommand', table, { Item: item });
  }

  /** The item with these keys; fails when there is none. */
  async get(table, primary, secondary) {
    const key = Object.fromEntries([primary, secondary]);
    const { Item: item } = await send('GetCommand', table, { Key: key, ConsistentRead: true });
    if (!item) throw new Error(`table ${table} has no item with ${JSON.stringify(key)}`);
    return item;
  }

  /** Sets fields of an item and leaves its others. */
  async update(table, primary, secondary, updates) {
    const fields = Object.entries(updates).filter(([, value]) => value !== undefined);
    const input = { Key: Object.fromEntries([primary, secondary]) };
    if (fields.length > 0) {
      input.UpdateExpression = `SET ${fields.map((_, i) => `#n${i} = :v${i}`).join(', ')}`;
      input.ExpressionAttributeNames = Object.fromEntries(fields.map(([name], i) => [`#n${i}`, name]));
      input.ExpressionAttributeValues = Object.fromEntries(fields.map(([, value], i) => [`:v${i}`, value]));
    }
    await send('UpdateCommand', table, input);
  }

  /** All items with this primary key. */
  async query(table, primary, secondaryKeyName) {
    const [name, value] = primary;
    const input = {
      KeyConditionExpression: '#primary = :primary',
      ExpressionAttributeNames: { '#primary': name },
      ExpressionAttributeValues: { ':primary': value },
      ConsistentRead: true,
    };
    const items = [];
    do {
      const page = await send('QueryCommand', table, input);
      items.push(...page.Items);
      input.ExclusiveStartKey = page.LastEvaluatedKey;
    } while (input.ExclusiveStartKey);
    return items;
  }

  /** Removes an item; nothing happens when there is none. */
  async delete(table, primary, secondary) {
    await send('DeleteCommand', table, { Key: Object.fromEntries([primary, secondary]) });
  }
}

async function send(command, table, input) {
  const name = realName(table);
  const { client, sdk } = dynamodb();
  return client.send(new sdk[command]({ TableName: name, ...input }));
}

let loaded;

function dynamodb() {
  const url = endpoint();
  if (loaded?.url !== url) {
    const { DynamoDBClient } = load('@aws-sdk/client-dynamodb');
    const sdk = load('@aws-sdk/lib-dynamodb');
    // The service asks for no region and no key, but the SDK does.
    const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
    const service = new DynamoDBClient({ endpoint: url, region: 'us-east-1', credentials });
    const client = sdk.DynamoDBDocumentClient.from(service, {
      marshallOptions: { removeUndefinedValues: true, allowImpreciseNumbers: true },
      // Every number as a number, also those that would be a BigInt.
      unmarshallOptions: { wrapNumbers: Number },
    });
    loaded = { url, sdk, client };
  }
  return loaded;
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

function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(
      'this function uses nosql, but its config.json does not declare it: ' +
        `add "nosql" to "modules" (there is no ${name})`,
      { cause: error },
    );
  }
}

function realName(table) {
  const variable = `NOSQL_STORAGE_TABLE_${table}`;
  if (process.env[variable] === undefined) {
    throw new Error(
      'this function uses nosql, but its config.json does not declare it: ' +
        `add "nosql" to "modules" (or, if it is there, call the action with ${variable}, the name of the table)`,
    );
  }
  return process.env[variable];
}

exports.nosql = nosql;
