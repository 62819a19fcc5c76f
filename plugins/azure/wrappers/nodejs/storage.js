// Object storage: Azure Blob Storage. A bucket is a container of blobs.
'use strict';

const VARIABLE = 'STORAGE_CONNECTION_STRING';

class Objects {
  #service;

  /** Of the account with this connection string, else of the one that the environment tells. */
  constructor(connectionString = process.env[VARIABLE]) {
    const { BlobServiceClient } = load('@azure/storage-blob');
    if (!connectionString) {
      throw new Error(
        `the storage account is not known: set ${VARIABLE} to its connection string, ` +
          'or hand that to the first call of get_instance()',
      );
    }
    this.#service = BlobServiceClient.fromConnectionString(connectionString);
  }

  async uploadFile(bucket, key, file) {
    await this.#blob(bucket, key).uploadFile(file);
  }

  async upload(bucket, key, stream) {
    await this.#blob(bucket, key).uploadStream(stream);
  }

  async write(bucket, key, text) {
    await this.#blob(bucket, key).upload(text, Buffer.byteLength(text));
  }

  async downloadFile(bucket, key, file) {
    await this.#blob(bucket, key).downloadToFile(file);
  }

  async download(bucket, key) {
    return (await this.#blob(bucket, key).download()).readableStreamBody;
  }

  async *keys(bucket, prefix) {
    const blobs = this.#service.getContainerClient(bucket).listBlobsFlat({ prefix });
    for await (const blob of blobs) yield blob.name;
  }

  #blob(bucket, key) {
    return this.#service.getContainerClient(bucket).getBlockBlobClient(key);
  }
}
