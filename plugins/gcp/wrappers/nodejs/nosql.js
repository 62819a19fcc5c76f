// The key-value database: Google Cloud Datastore (Firestore in Datastore mode).
'use strict';

const MODULE = 'nosql';

let instance;

// Every number as a number, also those that would be a BigInt.
const READ = { wrapNumbers: { integerTypeCastFunction: Number } };
// Datastore has no array in an array: the inner one is the only member of an entity, by this name.
const ARRAY = '[]';
// gRPC's ABORTED: another transaction has changed the same item.
const ABORTED = 10;
const ATTEMPTS = 8;

/**
 * What benchmarks call; keys are pairs [name, value]. The SDK is loaded when it is first needed.
 *
 * A table is a kind. An item's key is its secondary value, below the ancestor that its primary key
 * makes; neither is a property.
 */
class nosql {
  /** The one instance. */
  static get_instance() {
    instance ??= new nosql();
    return instance;
  }

  /** Writes an item, in place of one that has the same keys. */
  async insert(table, primary, secondary, data) {
    await datastore().client.upsert(entity(table, primary, secondary, data));
  }

  /** The item with these keys; fails when there is none. */
  async get(table, primary, secondary) {
    const [found] = await datastore().client.get(keyOf(table, primary, secondary), READ);
    if (!found) {
      const key = Object.fromEntries([primary, secondary]);
      throw new Error(`table ${table} has no item with ${JSON.stringify(key)}`);
    }
    return item(found, primary, secondary);
  }

  /** Sets fields of an item and leaves its others. */
  async update(table, primary, secondary, updates) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await change(table, primary, secondary, updates);
      } catch (error) {
        if (error.code !== ABORTED || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * 2 ** attempt));
      }
    }
  }

  /** All items with this primary key. */
  async query(table, primary, secondaryKeyName) {
    const { client, sdk } = datastore();
    const query = client.createQuery(table).hasAncestor(client.key(primary));
    const [entities] = await client.runQuery(query, READ);
    return entities.map((found) => {
      const key = found[sdk.Datastore.KEY];
      return item(found, primary, [secondaryKeyName, key.name ?? Number(key.id)]);
    });
  }

  /** Removes an item; nothing happens when there is none. */
  async delete(table, primary, secondary) {
    await datastore().client.delete(keyOf(table, primary, secondary));
  }
}

/** Sets fields of an item in a transaction. */
async function change(table, primary, secondary, updates) {
  const transaction = datastore().client.transaction();
  await transaction.run();
  try {
    const [found] = await transaction.get(keyOf(table, primary, secondary), READ);
    transaction.upsert(entity(table, primary, secondary, { ...fromService({ ...found }), ...defined(updates) }));
    await transaction.commit();
  } catch (error) {
    // What went wrong first is what the caller is to hear.
    await transaction.rollback().catch(() => {});
    throw error;
  }
}

function keyOf(table, primary, secondary) {
  return datastore().client.key([...primary, table, secondary[1]]);
}

function entity(table, primary, secondary, data) {
  const fields = Object.entries(defined(data)).filter(([name]) => name !== primary[0] && name !== secondary[0]);
  return {
    key: keyOf(table, primary, secondary),
    // What is not indexed may be longer than 1500 bytes.
    data: fields.map(([name, value]) => ({ name, value: toService(value), excludeFromIndexes: true })),
  };
}

/** The fields that have a value. */
function defined(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** An entity's fields, the two keys among them. */
function item(found, primary, secondary) {
  return { ...fromService({ ...found }), ...Object.fromEntries([primary, secondary]) };
}

/** Of numbers, what the SDK would take for 64 bits and is not; of binary values, Buffers; no array in an array. */
function toService(value) {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return datastore().sdk.Datastore.double(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) {
    const members = value.filter((member) => member !== undefined).map(toService);
    return members.map((member) => (Array.isArray(member) ? { [ARRAY]: member } : member));
  }
  return isPlain(value) ? changed(defined(value), toService) : value;
}

function fromService(value) {
  if (Array.isArray(value)) return value.map(fromService);
  if (!isPlain(value)) return value;
  const names = Object.keys(value);
  return names.length === 1 && names[0] === ARRAY ? fromService(value[ARRAY]) : changed(value, fromService);
}

function isPlain(value) {
  return Object.getPrototypeOf(value ?? 0) === Object.prototype;
}

function changed(fields, change) {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(value)]));
}

let loaded;

function datastore() {
  if (!loaded) {
    const sdk = load('@google-cloud/datastore');
    loaded = { sdk, client: new sdk.Datastore({ databaseId: database() }) };
  }
  return loaded;
}

function database() {
  const variable = 'NOSQL_STORAGE_DATABASE';
  if (process.env[variable] === undefined) {
    throw undeclared(`or, if it is there, set ${variable} to the name of the database`);
  }
  return process.env[variable];
}

exports.nosql = nosql;
