// Object storage: Amazon S3.
'use strict';

const { createReadStream, createWriteStream } = require('node:fs');
const { pipeline } = require('node:stream/promises');

class Objects {
  #sdk = load('@aws-sdk/client-s3');
  #client = new this.#sdk.S3Client({});

  async uploadFile(bucket, key, file) {
    await this.upload(bucket, key, createReadStream(file));
  }

  /** A stream of whatever length. */
  async upload(bucket, key, stream) {
    const { Upload } = load('@aws-sdk/lib-storage');
    await new Upload({ client: this.#client, params: { Bucket: bucket, Key: key, Body: stream } }).done();
  }

  async write(bucket, key, text) {
    await this.#client.send(new this.#sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
  }

  async downloadFile(bucket, key, file) {
    await pipeline(await this.download(bucket, key), createWriteStream(file));
  }

  async download(bucket, key) {
    const answer = await this.#client.send(new this.#sdk.GetObjectCommand({ Bucket: bucket, Key: key }));
    return answer.Body;
  }

  async *keys(bucket, prefix) {
    const pages = this.#sdk.paginateListObjectsV2({ client: this.#client }, { Bucket: bucket, Prefix: prefix });
    for await (const page of pages) yield* (page.Contents ?? []).map((entry) => entry.Key);
  }
}
