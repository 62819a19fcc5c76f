// What benchmarks call. Before this there is the class `Objects`, the service's own calls by exact keys. It loads the
// service's SDK by `load(name)`, of module.js, when it is made, which is when it is first needed.
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { PassThrough } = require('node:stream');

const MODULE = 'storage';

let instance;

/** Object storage. Uploads get a unique key; what `get_instance` is given at first goes to `Objects`. */
class storage {
  #account;
  #made;

  constructor(...account) {
    this.#account = account;
  }

  /** The one instance. */
  static get_instance(...account) {
    instance ??= new storage(...account);
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
    return [key, begun(() => this.#objects().uploadFile(bucket, key, filepath))];
  }

  /** Downloads an object to a file. */
  async download(bucket, file, filepath) {
    await this.#objects().downloadFile(bucket, file, filepath);
  }

  /** Downloads all objects whose key begins with `prefix`, as files at `directory`/key. */
  async downloadDirectory(bucket, prefix, directory) {
    for await (const key of this.#objects().keys(bucket, prefix)) {
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
    const uploading = begun(() => this.#objects().upload(bucket, key, stream));
    // Who awaits the promise hears of a failure; as an event that nobody listens to it would end the process.
    stream.on('error', () => {});
    // Else whoever writes to it would wait forever.
    uploading.catch((error) => stream.destroy(error));
    return [stream, uploading, key];
  }

  /** The promise of an object's bytes as a readable stream. */
  async downloadStream(bucket, file) {
    return this.#objects().download(bucket, file);
  }

  /** Writes a text under exactly this key, as entry points do with results. */
  async write(bucket, key, text) {
    await this.#objects().write(bucket, key, text);
  }

  #objects() {
    this.#made ??= new Objects(...this.#account);
    return this.#made;
  }
}

/** The promise of an upload, which has no value. */
function begun(upload) {
  const uploading = (async () => {
    await upload();
  })();
  // It may fail before anyone awaits it; who does then hears of it all the same.
  uploading.catch(() => {});
  return uploading;
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
