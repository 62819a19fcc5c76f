// Object storage: Azure Blob Storage. A bucket is a container of blobs.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { PassThrough } = require('node:stream');

let instance;

/** What benchmarks call; the SDK is loaded when it is first needed. */
class storage {
  #connectionString;
  #client;

  /** Of the account with this connection string, else of the one that the environment tells. */
  constructor(connectionString) {
    this.#connectionString = connectionString;
  }

  /** The one instance; the first call may tell the storage account. */
  static get_instance(connectionString) {
    instance ??= new storage(connectionString);
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
    return [key, put(() => this.#blob(bucket, key).uploadFile(filepath))];
  }

  /** Downloads an object to a file. */
  async download(bucket, file, filepath) {
    await this.#blob(bucket, file).downloadToFile(filepath);
  }

  /** Downloads all objects whose key begins with `prefix`, as files at `directory`/key. */
  async downloadDirectory(bucket, prefix, directory) {
    for await (const { name: key } of this.#container(bucket).listBlobsFlat({ prefix })) {
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
    const uploading = put(() => this.#blob(bucket, key).uploadStream(stream));
    // Else whoever writes to it would wait forever.
    uploading.catch((error) => stream.destroy(error));
    return [stream, uploading, key];
  }

  /** The promise of an object's bytes as a readable stream. */
  async downloadStream(bucket, file) {
    return (await this.#blob(bucket, file).download()).readableStreamBody;
  }

  #blob(bucket, key) {
    return this.#container(bucket).getBlockBlobClient(key);
  }

  #container(bucket) {
    if (!this.#client) {
      const { BlobServiceClient } = load('@azure/storage-blob');
      this.#client = BlobServiceClient.fromConnectionString(this.#connectionString ?? connectionString());
    }
    return this.#client.getContainerClient(bucket);
  }
}

/** The promise of an upload. */
function put(upload) {
  const uploading = (async () => {
    await upload();
  })();
  // It may fail before anyone awaits it; who does then hears of it all the same.
  uploading.catch(() => {});
  return uploading;
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

function connectionString() {
  const variable = 'STORAGE_CONNECTION_STRING';
  if (!process.env[variable]) {
    throw new Error(
      `the storage account is not known: set ${variable} to its connection string, ` +
        'or hand that to the first call of get_instance()',
    );
  }
  return process.env[variable];
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
