'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const { storage } = require('./storage');

const client = new storage();

/** Copies the file at a URL to the output prefix of a bucket. */
exports.handler = async (event) => {
  const { bucket, output } = event.bucket;
  const { url } = event.object;
  const name = path.posix.basename(decodeURIComponent(new URL(url).pathname)) || 'download';
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'uploader-'));
  try {
    const file = path.join(folder, 'download');
    const began = performance.now();
    const size = await download(url, file);
    const downloaded = performance.now();
    const [key, uploading] = client.upload(bucket, `${output}/${name}`, file);
    await uploading;
    const uploaded = performance.now();
    return {
      result: { bucket, url, key },
      measurement: {
        download_time: microseconds(downloaded - began),
        download_size: size,
        upload_time: microseconds(uploaded - downloaded),
        upload_size: size,
      },
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

/** Writes what is at a URL to a file; its size in bytes. */
async function download(url, file) {
  const response = await fetch(url, { headers: { 'User-Agent': 'fnpack-benchmarks/1.0' } });
  if (!response.ok) throw new Error(`${url} answered with status ${response.status}`);
  await pipeline(response.body ? Readable.fromWeb(response.body) : Readable.from([]), fs.createWriteStream(file));
  return fs.statSync(file).size;
}

function microseconds(milliseconds) {
  return Math.round(milliseconds * 1000);
}
