// Object storage: Google Cloud Storage.
'use strict';

const { createWriteStream, promises: files } = require('node:fs');
const { pipeline } = require('node:stream/promises');

// Up to here a file is uploaded in one request, as Google's library for Python does it.
const ONE_REQUEST = 8 << 20;

class Objects {
  #client = new (load('@google-cloud/storage').Storage)();

  async uploadFile(bucket, key, file) {
    const resumable = (await files.stat(file)).size > ONE_REQUEST;
    await this.#client.bucket(bucket).upload(file, { destination: key, resumable });
  }

  async upload(bucket, key, stream) {
    await pipeline(stream, this.#object(bucket, key).createWriteStream());
  }

  async write(bucket, key, text) {
    await this.#object(bucket, key).save(text, { resumable: false });
  }

  async downloadFile(bucket, key, file) {
    await pipeline(await this.download(bucket, key), createWriteStream(file));
  }

  async download(bucket, key) {
    const stream = this.#object(bucket, key).createReadStream();
    await new Promise((resolve, reject) => {
      // At the end of an empty object, too. Listening starts the request.
      stream.once('readable', resolve);
      stream.once('error', reject);
    });
    return stream;
  }

  async *keys(bucket, prefix) {
    const [found] = await this.#client.bucket(bucket).getFiles({ prefix });
    yield* found.map((object) => object.name);
  }

  #object(bucket, key) {
    return this.#client.bucket(bucket).file(key);
  }
}
