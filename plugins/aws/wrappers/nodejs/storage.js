// Object storage: Amazon S3.
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
    const { client, sdk } = s3();
    for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
      for (const { Key: key } of page.Contents ?? []) {
        const target = below(directory, key);
        if (key.endsWith('/')) {
          fs.mkdirSync(target, { recursive: true });
          continue;
        }
        fs.mkdirSync(path.dirname(target), { recursive: true });
        await this.download(bucket, key, target);
      }
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
    const { client, sdk } = s3();
    const answer = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: file }));
    return answer.Body;
  }
}

/** Uploads a stream of whatever length. */
function put(bucket, key, open) {
  const uploading = (async () => {
    const { client } = s3();
    const { Upload } = load('@aws-sdk/lib-storage');
    await new Upload({ client, params: { Bucket: bucket, Key: key, Body: open() } }).done();
  })();
  // It may fail before anyone awaits it; who does then hears of it all the same.
  uploading.catch(() => {});
  return uploading;
}

let loaded;

function s3() {
  if (!loaded) {
    const sdk = load('@aws-sdk/client-s3');
    loaded = { sdk, client: new sdk.S3Client({}) };
  }
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
