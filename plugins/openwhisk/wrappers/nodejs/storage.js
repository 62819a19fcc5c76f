// Object storage: MinIO.
'use strict';

const { createWriteStream } = require('node:fs');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

// The size of the parts in which a stream of unknown length is uploaded; the SDK's own is 528 MiB of memory.
const PART = 10 << 20;

/** At the address that the last request told: its settings come with each. */
class Objects {
  #type = load('minio').Client;
  #client;
  #settings;

  async uploadFile(bucket, key, file) {
    await this.#minio().fPutObject(bucket, key, file);
  }

  /** A stream of whatever length. The SDK can put no empty one, and does not hear of a stream's failure. */
  async upload(bucket, key, stream) {
    const chunks = stream[Symbol.asyncIterator]();
    const first = await chunks.next();
    if (first.done) {
      await this.write(bucket, key, '');
      return;
    }
    async function* all() {
      yield first.value;
      yield* chunks;
    }
    const body = Readable.from(all(), { objectMode: false });
    const failing = new Promise((_, reject) => body.on('error', reject));
    await Promise.race([this.#minio().putObject(bucket, key, body), failing]);
  }

  async write(bucket, key, text) {
    await this.#minio().putObject(bucket, key, Buffer.from(text));
  }

  async downloadFile(bucket, key, file) {
    await pipeline(await this.download(bucket, key), createWriteStream(file));
  }

  async download(bucket, key) {
    return this.#minio().getObject(bucket, key);
  }

  async *keys(bucket, prefix) {
    for await (const object of this.#minio().listObjectsV2(bucket, prefix, true)) yield object.name;
  }

  #minio() {
    const {
      MINIO_STORAGE_CONNECTION_URL: address,
      MINIO_STORAGE_ACCESS_KEY: accessKey,
      MINIO_STORAGE_SECRET_KEY: secretKey,
    } = process.env;
    if (!address) throw new Error('storage has no address: call the action with MINIO_STORAGE_CONNECTION_URL, HOST:PORT');
    const settings = JSON.stringify([address, accessKey, secretKey]);
    if (this.#settings !== settings) {
      const url = new URL(address.includes('://') ? address : `http://${address}`);
      const useSSL = url.protocol === 'https:';
      const port = Number(url.port) || (useSSL ? 443 : 80);
      const endPoint = url.hostname;
      this.#client = new this.#type({ endPoint, port, useSSL, accessKey, secretKey, partSize: PART });
      this.#settings = settings;
    }
    return this.#client;
  }
}
