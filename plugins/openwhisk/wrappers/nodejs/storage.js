// Object storage: MinIO.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { PassThrough } = require('node:stream');
const { pipeline } = require('node:stream/promises');

let instance;

/** What benchmarks call; the SDK is loaded when it is first needed. */
class storage {
  /** The one instance. */
  static get_instance() {
    instance ??= new storage();
    return instance;
  }

  /** `stem.<8 hexadecimal digits>.extension`, so that no two uploads meet. */
  static unique_name(file) {
    const extension = path.posix.extname(file);
    const stem = file.slice(0, file.length - extension.length);
    return `${stem}.${crypto.randomBytes(4).toString('hex')}${extension}`;
  }

  unique_name(file) {
    return storage.unique_name(file);
  }

  /** Uploads a file: its unique key, and the promise that it is there. */
  upload(bucket, file, filepath) {
    const key = this.unique_name(file);
    const uploading = put(bucket, key, () => fs.createReadStream(filepath));
    return [key, uploading];
  }

  /** Downloads an object to a file. */
  async download(bucket, file, filepath) {
    await pipeline(await this.downloadStream(bucket, file), fs.createWriteStream(filepath));
  }

  /** Downloads all objects whose key begins with `prefix`, as files at `directory`/key. */
  async downloadDirectory(bucket, prefix, directory) {
    for await (const { name: key } of minio().listObjectsV2(bucket, prefix, true)) {
      const target = below(directory, key);
      if (key.endsWith('/')) {
        fs.mkdirSync(target, { recursive: true });
        continue;
      }
      fs.mkdirSync(path.dirname(target), { recursive: true });
      await this.download(bucket, key, target);
    }
  }

  /** Uploads what is written to a stream: the stream, the promise that all is there, and the unique key. */
  uploadStream(bucket, file) {
    const key = this.unique_name(file);
    const stream = new PassThrough();
    const uploading = put(bucket, key, () => stream);
    // Else whoever writes to it would wait forever.
    uploading.catch((error) => stream.destroy(error));
    return [stream, uploading, key];
  }

  /** The promise of an object's bytes as a readable stream. */
  async downloadStream(bucket, file) {
    return minio().getObject(bucket, file);
  }

  /** Writes a text to exactly this key: the handler's own use. */
  async put(bucket, key, text) {
    await minio().putObject(bucket, key, Buffer.from(text));
  }
}

/** Uploads a stream of whatever length. */
function put(bucket, key, open) {
  const uploading = (async () => {
    await minio().putObject(bucket, key, open());
  })();
  // It may fail before anyone awaits it; who does then hears of it all the same.
  uploading.catch(() => {});
  return uploading;
}

let loaded;

function minio() {
  const { Client } = load('minio');
  const {
    MINIO_STORAGE_CONNECTION_URL: address,
    MINIO_STORAGE_ACCESS_KEY: accessKey,
    MINIO_STORAGE_SECRET_KEY: secretKey,
  } = process.env;
  if (!address) throw new Error('storage has no address: call the action with MINIO_STORAGE_CONNECTION_URL, HOST:PORT');
  const settings = JSON.stringify([address, accessKey, secretKey]);
  if (loaded?.settings !== settings) {
    const url = new URL(address.includes('://') ? address : `http://${address}`);
    const useSSL = url.protocol === 'https:';
    const port = Number(url.port) || (useSSL ? 443 : 80);
    loaded = { settings, client: new Client({ endPoint: url.hostname, port, useSSL, accessKey, secretKey }) };
  }
  return loaded.client;
}

function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(
      'this function uses storage, but its config.json does not declare it: ' +
        `add "storage" to "modules" (there is no ${name})`,
      { cause: error },
    );
  }
}

/** The file's path of a key, which must not lead out of the folder. */
function below(directory, key) {
  const root = path.resolve(directory);
  const target = path.join(root, key);
  if (target !== root && !target.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) {
    throw new Error(`the object \`${key}\` would be written outside of ${directory}`);
  }
  return target;
}

exports.storage = storage;
