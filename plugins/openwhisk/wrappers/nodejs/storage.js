// Object storage: MinIO.
'use strict';

const { createReadStream, createWriteStream } = require('node:fs');
const { pipeline } = require('node:stream/promises');

/** At the address that the last request told: its settings come with each. */
class Objects {
  #type = load('minio').Client;
  #client;
  #settings;

  async uploadFile(bucket, key, file) {
    await this.upload(bucket, key, createReadStream(file));
  }

  /** A stream of whatever length. */
  async upload(bucket, key, stream) {
    await this.#minio().putObject(bucket, key, stream);
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
      this.#client = new this.#type({ endPoint: url.hostname, port, useSSL, accessKey, secretKey });
      this.#settings = settings;
    }
    return this.#client;
  }
}
