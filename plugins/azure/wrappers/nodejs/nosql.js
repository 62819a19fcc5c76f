// The key-value database: Azure Cosmos DB for NoSQL.
'use strict';

// The service takes no more in one patch.
const PATCH = 10;
// Fields that the service has for itself.
const RESERVED = ['id', '_rid', '_self', '_etag', '_attachments', '_ts'];
// A field of the benchmark's is kept under another name where the service wants that one.
const MOVED = 'data.';
// JSON has no binary values: {[BINARY]: their base64}.
const BINARY = '$binary';

const MODULE = 'nosql';

let instance;

/**
 * What benchmarks call; keys are pairs [name, value]. The SDK is loaded when it is first needed.
 *
 * A table is a container. An item's id is its secondary value, its partition key is its primary value.
 */
class nosql {
  /** The one instance. */
  static get_instance() {
    instance ??= new nosql();
    return instance;
  }

  /** Writes an item, in place of one that has the same keys. */
  async insert(table, primary, secondary, data) {
    await container(table).items.upsert(toDocument(primary, secondary, data));
  }

  /** The item with these keys; fails when there is none. */
  async get(table, primary, secondary) {
    // An item that is not there is a response with status 404 and nothing in it.
    const { resource } = await container(table).item(idOf(secondary), primary[1]).read();
    if (!resource) {
      const key = Object.fromEntries([primary, secondary]);
      throw new Error(`table ${table} has no item with ${JSON.stringify(key)}`);
    }
    return toItem(resource, primary, secondary);
  }

  /** Sets fields of an item and leaves its others; an item that is not there is made. */
  async update(table, primary, secondary, updates) {
    const fields = toDocument(primary, secondary, updates);
    if (await patch(table, primary, fields)) return;
    try {
      await container(table).items.create(fields);
    } catch (error) {
      if (error.code !== 409) throw error;
      // Somebody else was faster; what that wrote stays.
      await patch(table, primary, fields);
    }
  }

  /** All items with this primary key. */
  async query(table, primary, secondaryKeyName) {
    const query = container(table).items.query('SELECT * FROM c', { partitionKey: primary[1] });
    const { resources } = await query.fetchAll();
    return resources.map((found) => toItem(found, primary, [secondaryKeyName, found[secondaryKeyName] ?? found.id]));
  }

  /** Removes an item; nothing happens when there is none. */
  async delete(table, primary, secondary) {
    try {
      await container(table).item(idOf(secondary), primary[1]).delete();
    } catch (error) {
      if (error.code !== 404) throw error;
    }
  }
}

/** Sets fields of an item: the promise whether there is one. */
async function patch(table, primary, fields) {
  const operations = Object.entries(fields)
    // Neither key of the service's can be set; what has no value is no part of JSON.
    .filter(([name, value]) => name !== 'id' && name !== primary[0] && value !== undefined)
    .map(([name, value]) => ({ op: 'set', path: `/${toPointer(name)}`, value }));
  const item = container(table).item(fields.id, primary[1]);
  try {
    for (let start = 0; start < operations.length; start += PATCH) {
      await item.patch({ operations: operations.slice(start, start + PATCH) });
    }
  } catch (error) {
    if (error.code !== 404) throw error;
    return false;
  }
  return true;
}

/** The service's own key, which is text. */
function idOf(secondary) {
  return String(secondary[1]);
}

function toDocument(primary, secondary, data) {
  const named = (name) => (RESERVED.includes(name) ? MOVED + name : name);
  const fields = Object.entries(data).map(([name, value]) => [named(name), toService(value)]);
  return { ...Object.fromEntries([...fields, primary, secondary]), id: idOf(secondary) };
}

/** The fields of the benchmark's, the two keys among them. */
function toItem(found, primary, secondary) {
  const fields = Object.entries(found)
    .filter(([name]) => !RESERVED.includes(name))
    .map(([name, value]) => [isMoved(name) ? name.slice(MOVED.length) : name, fromService(value)]);
  return Object.fromEntries([...fields, primary, secondary]);
}

function toService(value) {
  if (value instanceof Uint8Array) return { [BINARY]: Buffer.from(value).toString('base64') };
  return withMembers(value, toService);
}

function fromService(value) {
  const names = Object.keys(value ?? {});
  if (names.length === 1 && names[0] === BINARY) return Buffer.from(value[BINARY], 'base64');
  return withMembers(value, fromService);
}

/** A value with each of its members, if it has any, changed. */
function withMembers(value, change) {
  if (Array.isArray(value)) return value.map(change);
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, change(member)]));
}

function isMoved(name) {
  return name.startsWith(MOVED) && RESERVED.includes(name.slice(MOVED.length));
}

/** A name as a part of a JSON pointer. */
function toPointer(name) {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

let database;

function container(table) {
  if (!database) {
    const { CosmosClient } = load('@azure/cosmos');
    const client = new CosmosClient({ endpoint: setting('URL'), key: setting('CREDS') });
    database = client.database(setting('DATABASE'));
  }
  return database.container(table);
}

function setting(name) {
  const variable = `NOSQL_STORAGE_${name}`;
  if (!process.env[variable]) {
    throw undeclared(
      `or, if it is there, set ${variable}: NOSQL_STORAGE_DATABASE, _URL and _CREDS ` +
        "are the database's name, the account's URL and its key",
    );
  }
  return process.env[variable];
}

exports.nosql = nosql;
