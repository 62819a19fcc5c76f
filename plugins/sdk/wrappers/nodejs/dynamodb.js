// What benchmarks call, by the API of DynamoDB. Before this there is `service()`, which gives what `connect` made, and
// `naming(variable)`, how a variable gets the name of a table.

const MODULE = 'nosql';

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
    return fromService(item);
  }

  /** Sets fields of an item and leaves its others. */
  async update(table, primary, secondary, updates) {
    // Keys are told apart, and cannot be set.
    const keys = [primary[0], secondary[0]];
    const fields = Object.entries(updates).filter(([name, value]) => value !== undefined && !keys.includes(name));
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
      items.push(...page.Items.map(fromService));
      input.ExclusiveStartKey = page.LastEvaluatedKey;
    } while (input.ExclusiveStartKey);
    return items;
  }

  /** Removes an item; nothing happens when there is none. */
  async delete(table, primary, secondary) {
    await send('DeleteCommand', table, { Key: Object.fromEntries([primary, secondary]) });
  }
}

/** Binary values as Buffer, as on every platform. */
function fromService(value) {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(fromService);
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromService(member)]));
}

async function send(command, table, input) {
  // The name first: that the module is not declared is what its lack most likely means.
  const name = realName(table);
  const { client, sdk } = service();
  return client.send(new sdk[command]({ TableName: name, ...input }));
}

/** A client with these settings, and its SDK. */
function connect(settings) {
  const { DynamoDBClient } = load('@aws-sdk/client-dynamodb');
  const sdk = load('@aws-sdk/lib-dynamodb');
  const client = sdk.DynamoDBDocumentClient.from(new DynamoDBClient(settings), {
    marshallOptions: { removeUndefinedValues: true, allowImpreciseNumbers: true },
    // Every number as a number, also those that would be a BigInt.
    unmarshallOptions: { wrapNumbers: Number },
  });
  return { sdk, client };
}

function realName(table) {
  const variable = `NOSQL_STORAGE_TABLE_${table}`;
  if (process.env[variable] === undefined) {
    throw undeclared(`or, if it is there, ${naming(variable)}`);
  }
  return process.env[variable];
}

exports.nosql = nosql;
