// Object storage: Google Cloud Storage.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { PassThrough } = require('node:stream');
const { pipeline } = require('node:stream/promises');

// Up to here a file is uploaded in one request, as Google's library for Python does it.
const ONE_REQUEST = 8 << 20;

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
    const uploading = put(async () => {
      const resumable = (await fs.promises.stat(filepath)).size > ONE_REQUEST;
      await object(bucket, key).bucket.upload(filepath, { destination: key, resumable });
    });
    return [key, uploading];
  }

  /** Downloads an object to a file. */
  async download(bucket, file, filepath) {
    await pipeline(await this.downloadStream(bucket, file), fs.createWriteStream(filepath));
  }

  /** Downloads all objects whose key begins with `prefix`, as files at `directory`/key. */
  async downloadDirectory(bucket, prefix, directory) {
    const [files] = await client().bucket(bucket).getFiles({ prefix });
    for (const { name: key } of files) {
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
    const uploading = put(() => pipeline(stream, object(bucket, key).createWriteStream()));
    // Else whoever writes to it would wait forever.
    uploading.catch((error) => stream.destroy(error));
    return [stream, uploading, key];
  }

  /** The promise of an object's bytes as a readable stream. */
  async downloadStream(bucket, file) {
    const stream = object(bucket, file).createReadStream();
    await new Promise((resolve, reject) => {
      // At the end of an empty object, too. Listening starts the request.
      stream.once('readable', resolve);
      stream.once('error', reject);
    });
    return stream;
  }
}

/** The promise of an upload. */
function put(upload) {
  const uploading = (async () => upload())();
  // It may fail before anyone awaits it; who does then hears of it all the same.
  uploading.catch(() => {});
  return uploading;
}

function object(bucket, key) {
  return client().bucket(bucket).file(key);
}

let loaded;

function client() {
  loaded ??= new (load('@google-cloud/storage').Storage)();
  return loaded;
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
